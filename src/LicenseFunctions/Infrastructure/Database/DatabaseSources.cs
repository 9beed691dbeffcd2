using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>The connections of a process: one data source per pool.</summary>
/// <param name="CheckTimeout">VALIDATION_TIMEOUT_SECONDS: the total time of a check.</param>
/// <param name="IsBehindPooler">
/// A pooler in transaction mode is between the app and the server. It doesn't keep a session's limits, so each transaction sets its own.
/// </param>
/// <param name="Replica">DATABASE_READ_URL; null without it.</param>
public sealed record DatabaseSources(
    NpgsqlDataSource CheckReads, NpgsqlDataSource Checks, NpgsqlDataSource Requests, NpgsqlDataSource Background, TimeSpan CheckTimeout,
    bool IsBehindPooler, ReadReplica? Replica = null)
    : IAsyncDisposable
{
    /// <summary>
    /// Permits of checks that write, which may wait for a lock: half of the connections, because short statements of other checks need one.
    /// </summary>
    public SemaphoreSlim Admissions { get; } =
        new(Math.Max(1, new NpgsqlConnectionStringBuilder(Checks.ConnectionString).MaxPoolSize / 2));

    /// <summary>For statements that the server does not answer in time.</summary>
    public SpareThreads SpareThreads { get; } =
        new(new[] { CheckReads, Checks, Requests, Background }
            .Sum(pool => new NpgsqlConnectionStringBuilder(pool.ConnectionString).MaxPoolSize) + (Replica?.MaxConnections ?? 0),
            TimeProvider.System);

    public NpgsqlDataSource this[DatabasePool pool] => pool switch
    {
        DatabasePool.CheckReads => CheckReads,
        DatabasePool.Checks => Checks,
        DatabasePool.Requests => Requests,
        _ => Background,
    };

    public DatabaseLimits LimitsOf(DatabasePool pool) => DatabaseLimits.Of(pool, CheckTimeout);

    public async ValueTask DisposeAsync()
    {
        Admissions.Dispose();
        SpareThreads.Dispose();
        await CheckReads.DisposeAsync();
        await Checks.DisposeAsync();
        await Requests.DisposeAsync();
        await Background.DisposeAsync();
        if (Replica is not null)
            await Replica.DisposeAsync();
    }
}
