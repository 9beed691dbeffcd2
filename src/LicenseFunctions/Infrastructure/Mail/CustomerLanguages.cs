using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Mail;

/// <summary>The languages of the customers' pages: those that they chose, otherwise those of their first visit. Mails use them.</summary>
public sealed class CustomerLanguages(LicenseDatabase database)
{
    // An account that is closed, or that is being erased meanwhile, gets no row.
    private const string Choose = """
        insert into customer_languages (user_id, language)
        select user_id, @language from users where user_id = @userId and is_active for share
        on conflict (user_id) do update set language = excluded.language, chosen_at = now()
        where customer_languages.language <> excluded.language and not @ifNone
        """;

    private const string Find = "select language from customer_languages where user_id = @userId";

    /// <param name="ifNone">A language that the customer has stays.</param>
    public Task ChooseAsync(Guid userId, string language, bool ifNone, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Choose, new { userId, language, ifNone }, cancellationToken: token)), cancellationToken);

    /// <returns>Null if the customer has none yet.</returns>
    public static Task<string?> FindAsync(NpgsqlConnection connection, Guid? userId, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<string?>(new CommandDefinition(Find, new { userId }, cancellationToken: cancellationToken));
}
