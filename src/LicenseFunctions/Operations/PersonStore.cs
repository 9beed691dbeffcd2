using System.Runtime.CompilerServices;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>A row about a person, as JSON.</summary>
public sealed record PersonRow(string TableName, string Json);

/// <summary>Exports and erases the data of a person.</summary>
public sealed class PersonStore(LicenseDatabase database)
{
    private const string Find = "select user_id from users where user_id::text = lower(@user) or email = lower(@user)";

    /// <param name="user">A user_id or a mail address.</param>
    public async Task<Guid?> FindAsync(string user, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleOrDefaultAsync<Guid?>(
            new CommandDefinition(Find, new { user }, cancellationToken: cancellationToken));
    }

    private const string Address = "select email from users where user_id = @userId";

    public async Task<string?> AddressAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(Address, new { userId }, cancellationToken: cancellationToken));
    }

    // Committed before the first row is read: a caller who ends the connection early has got data, too.
    private const string AuditExport = """
        insert into audit_log (actor_kind, actor_id, action, subject) values (@Kind, @Id, 'person.exported', @userId::text)
        returning audit_id::text
        """;

    private Task<string?> AuditExportAsync(Guid userId, Actor by, CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteScalarAsync<string>(
            new CommandDefinition(AuditExport, new { userId, by.Kind, by.Id }, cancellationToken: token)),
        cancellationToken);

    private const string Export = """
        select table_name, row_data::text as json from person_data(@userId)
        where table_name <> 'audit_log' or row_data ->> 'audit_id' <> @auditId
        """;

    /// <summary>Reads every row about a person, by table, without the audit row of this export.</summary>
    public async IAsyncEnumerable<PersonRow> ExportAsync(
        Guid userId, Actor by, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var auditId = await AuditExportAsync(userId, by, cancellationToken);
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        await foreach (var row in connection.QueryUnbufferedAsync<PersonRow>(Export, new { userId, auditId }, commandTimeout: 0)
            .WithCancellation(cancellationToken))
            yield return row;
    }

    private sealed class PreviewException(string changes) : Exception
    {
        public string Changes { get; } = changes;
    }

    private const string Erase = "select erase_person(@userId, @operatorId, @reason)::text";

    /// <summary>Erases a person's data in one transaction. The erasure is audited.</summary>
    /// <returns>JSON: the number of changed rows, and the customers to delete at the payment provider.</returns>
    /// <exception cref="PostgresException">The outcome of a charge is unknown (55006).</exception>
    /// <exception cref="NpgsqlException">It took longer than <paramref name="limit"/>; nothing is erased.</exception>
    /// <param name="limit">How long it may take; null for any time.</param>
    public Task<string> EraseAsync(
        Guid userId, Guid? operatorId, string? reason, CancellationToken cancellationToken, TimeSpan? limit = null) =>
        database.InStatementAsync(
            (connection, token) => ErasePersonAsync(connection, userId, operatorId, reason, limit, token), cancellationToken);

    /// <summary>Erases a person's data, and rolls back.</summary>
    /// <returns>What <see cref="EraseAsync"/> would return.</returns>
    /// <exception cref="PostgresException">The outcome of a charge is unknown (55006).</exception>
    /// <inheritdoc cref="EraseAsync"/>
    public async Task<string> PreviewErasureAsync(
        Guid userId, Guid? operatorId, string? reason, CancellationToken cancellationToken, TimeSpan? limit = null)
    {
        try
        {
            return await database.InTransactionAsync<string>(async (connection, token) => throw new PreviewException(
                await ErasePersonAsync(connection, userId, operatorId, reason, limit, token)), cancellationToken);
        }
        catch (PreviewException rolledBack)
        {
            return rolledBack.Changes;
        }
    }

    private static async Task<string> ErasePersonAsync(
        NpgsqlConnection connection, Guid userId, Guid? operatorId, string? reason, TimeSpan? limit, CancellationToken cancellationToken) =>
        (await connection.ExecuteScalarAsync<string>(new CommandDefinition(
            Erase, new { userId, operatorId, reason }, commandTimeout: (int)(limit?.TotalSeconds ?? 0),
            cancellationToken: cancellationToken)))!;
}
