using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <param name="Missing">What the app lacks; null if it is ready.</param>
/// <param name="Warnings">What an operator should know although the app is ready.</param>
public sealed record Readiness(Refusal? Missing, IReadOnlyList<string> Warnings);

public sealed class ReadinessStore(LicenseDatabase database, TimeProvider time)
{
    /// <summary>Probes within this time share one read: anybody may send them, and they use the connections of checks.</summary>
    public static readonly TimeSpan SharedFor = TimeSpan.FromSeconds(0.5);

    private readonly Lock gate = new();
    private Task<Readiness>? shared;
    private long readAt;

    // Probes usually wait for one second.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.9);

    private const string Migrate = "Run: licensectl migrate";

    private const string NotInstalled = "select unnest(@names) except select name from schema_migrations order by 1 limit 1";

    // If the warning takes longer, it is left out, so that it does not delay the answer.
    private static readonly TimeSpan WarningLimit = TimeSpan.FromSeconds(0.05);

    private const string UsageLogWarning = "select usage_log_warning()";

    /// <param name="cancellationToken">Ends the wait, not the read, which others may share.</param>
    public Task<Readiness> ReadAsync(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (shared is not { IsCompleted: false } && (shared is null || time.GetElapsedTime(readAt) >= SharedFor))
                (shared, readAt) = (ReadAsync(), time.GetTimestamp());
            return shared.WaitAsync(cancellationToken);
        }
    }

    private async Task<Readiness> ReadAsync()
    {
        DatabaseScope.Enter(DatabasePool.Checks);
        var missing = await MissingAsync();
        if (missing is not null)
            return new Readiness(missing, []);
        return new Readiness(null, [.. new[] { await WarningAsync(), database.ReplicaWarning }.OfType<string>()]);
    }

    private async Task<string?> WarningAsync()
    {
        try
        {
            return await ReadWarningAsync().WaitAsync(WarningLimit, time);
        }
        catch (Exception lost) when (lost is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            return null;
        }
    }

    private async Task<string?> ReadWarningAsync()
    {
        await using var session = await database.OpenAsync(CancellationToken.None);
        return await session.Connection.ExecuteScalarAsync<string?>(
            new CommandDefinition(UsageLogWarning, cancellationToken: session.Token));
    }

    private async Task<Refusal?> MissingAsync()
    {
        try
        {
            return await ReadMissingAsync().WaitAsync(Limit, time);
        }
        catch (PostgresException none) when (none.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return NotReady("The schema isn't installed.", Migrate);
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.ProtocolViolation)
        {
            return NotReady("The server refuses the limits of a connection, as a pooler does.", "Set DATABASE_POOLER=transaction.");
        }
        catch (Exception lost) when (lost is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            return NotReady("The database doesn't answer.", "Check that PostgreSQL runs and that DATABASE_URL is its address.");
        }
    }

    private static Refusal NotReady(string detail, string hint) => new(RefusalKind.Unavailable, "NOT_READY", detail, Hint: hint);

    private async Task<Refusal?> ReadMissingAsync()
    {
        await using var session = await database.OpenAsync(CancellationToken.None);
        var missing = await session.Connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            NotInstalled, new { names = Migrations.InstalledNames }, cancellationToken: session.Token));
        return missing is null ? null : NotReady($"The schema lacks {missing}.", Migrate);
    }
}
