using LicenseFunctions.Infrastructure.Database;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>A mail to a customer, committed with the change that it tells of; a timer sends it.</summary>
public static class EmailOutbox
{
    private const string Add = """
        insert into outbox (kind, dedup_key, payload) values ('email', $1, $2)
        on conflict (dedup_key) do nothing
        """;

    /// <param name="dedupKey">The same for every telling of the same event, so that it is mailed once.</param>
    /// <param name="model">What the template fills in; its properties are written in snake_case.</param>
    public static async Task AddAsync(
        NpgsqlConnection connection, string dedupKey, string template, Guid userId, object model, CancellationToken cancellationToken)
    {
        var payload = RowJson.Of(new { Template = template, UserId = userId, Model = model });
        await using var command = new NpgsqlCommand(Add, connection)
        {
            Parameters = { new() { Value = dedupKey }, new() { Value = payload, NpgsqlDbType = NpgsqlDbType.Jsonb } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
