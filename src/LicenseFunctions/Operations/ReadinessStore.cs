using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Npgsql;

namespace LicenseFunctions.Operations;

public sealed class ReadinessStore(LicenseDatabase database, TimeProvider time)
{
    // Probes usually wait for one second.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.9);

    private const string Migrate = "Run: licensectl migrate";

    private const string NotInstalled = "select unnest(@names) except select name from schema_migrations order by 1 limit 1";

    // If the warning takes longer, it is left out, so that it does not delay the answer.
    private static readonly TimeSpan WarningLimit = TimeSpan.FromSeconds(0.05);

    private const string UsageLogWarning = "select usage_log_warning()";

    /// <returns>What an operator should know although the app is ready; null if nothing, or if the database doesn't answer.</returns>
    public async Task<string?> WarningAsync(CancellationToken cancellationToken)
    {
        DatabaseScope.Enter(DatabasePool.Checks);
        try
        {
            return await ReadWarningAsync(cancellationToken).WaitAsync(WarningLimit, time, cancellationToken);
        }
        catch (Exception lost) when (lost is NpgsqlException or TimeoutException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    private async Task<string?> ReadWarningAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(UsageLogWarning, cancellationToken: cancellationToken));
    }

    /// <returns>What is missing; null if the app is ready.</returns>
    public async Task<Refusal?> MissingAsync(CancellationToken cancellationToken)
    {
        DatabaseScope.Enter(DatabasePool.Checks);
        try
        {
            return await ReadAsync(cancellationToken).WaitAsync(Limit, time, cancellationToken);
        }
        catch (PostgresException none) when (none.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return NotReady("The schema isn't installed.", Migrate);
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.ProtocolViolation)
        {
            return NotReady("The server refuses the limits of a connection, as a pooler does.", "Set DATABASE_POOLER=transaction.");
        }
        catch (Exception lost) when (lost is NpgsqlException or TimeoutException
            || (lost is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return NotReady("The database doesn't answer.", "Check that PostgreSQL runs and that DATABASE_URL is its address.");
        }
    }

    private static Refusal NotReady(string detail, string hint) => new(RefusalKind.Unavailable, "NOT_READY", detail, Hint: hint);

    private async Task<Refusal?> ReadAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        var missing = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            NotInstalled, new { names = Migrations.InstalledNames }, cancellationToken: cancellationToken));
        return missing is null ? null : NotReady($"The schema lacks {missing}.", Migrate);
    }
}
