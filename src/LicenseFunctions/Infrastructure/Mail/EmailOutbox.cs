using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>Adds mails to the outbox, in the transaction of the change that they report. A timer sends them.</summary>
public static class EmailOutbox
{
    private const string Add = """
        insert into outbox (kind, dedup_key, payload) values ('email', @dedupKey, @payload::jsonb)
        on conflict (dedup_key) do nothing
        """;

    /// <param name="dedupKey">Identifies the event: the second mail about the same event is not added.</param>
    /// <param name="model">Values for the template; property names are converted to snake_case.</param>
    public static Task AddAsync(
        NpgsqlConnection connection, string dedupKey, string template, Guid userId, object model, CancellationToken cancellationToken) =>
        TryAddAsync(connection, dedupKey, template, userId, model, cancellationToken);

    /// <returns>Whether the mail was added: false if there was one about the same event.</returns>
    public static async Task<bool> TryAddAsync(
        NpgsqlConnection connection, string dedupKey, string template, Guid userId, object model, CancellationToken cancellationToken)
    {
        var payload = RowJson.Of(new { Template = template, UserId = userId, Model = model });
        return await connection.ExecuteAsync(
            new CommandDefinition(Add, new { dedupKey, payload }, cancellationToken: cancellationToken)) == 1;
    }

    private const string RemoveUnsent = "delete from outbox where dedup_key = any(@keys) and sent_at is null and dead_at is null";

    /// <summary>Removes mails that are no longer true, if they were not sent yet.</summary>
    public static Task RemoveUnsentAsync(NpgsqlConnection connection, IEnumerable<string> dedupKeys, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            new CommandDefinition(RemoveUnsent, new { keys = dedupKeys.ToArray() }, cancellationToken: cancellationToken));
}
