using System.Data;
using System.Globalization;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>Sessions and transactions in the pool of the current <see cref="DatabaseScope"/>.</summary>
public sealed class LicenseDatabase(DatabaseSources sources)
{
    private const int MaxAttempts = 4;

    // Each request has its own deadline. The limits only bound the memory that the callers of one license can use.
    private readonly Turns requests = new(longest: 64);
    private readonly Turns checks = new(longest: 1_000);

    // In a static constructor, not at the app's start, because tools, tests and benchmarks also use the stores.
    static LicenseDatabase()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new JsonColumn());
    }

    /// <summary>All pools over one data source, for tools.</summary>
    public LicenseDatabase(NpgsqlDataSource source)
        : this(new DatabaseSources(source, source, source, source, CheckTimeout: TimeSpan.FromSeconds(30), IsBehindPooler: false))
    {
    }

    /// <summary>The total time of a check.</summary>
    public TimeSpan CheckTimeout => sources.CheckTimeout;

    /// <summary>How long a check may wait for locks.</summary>
    public TimeSpan LockTimeoutOfChecks => sources.LimitsOf(DatabasePool.Checks).Lock;

    /// <exception cref="BusyException">Too many requests wait for the same license.</exception>
    /// <exception cref="OperationCanceledException">The token is canceled, or the scope's time is used up.</exception>
    public ValueTask<DatabaseSession> OpenAsync(CancellationToken cancellationToken) =>
        DatabaseSession.OpenAsync(
            sources, DatabaseScope.CurrentPool == DatabasePool.Checks ? checks : requests, cancellationToken);

    /// <summary>
    /// Runs the work in one read-committed transaction. After a deadlock or a serialization failure, which roll everything back, it runs
    /// the work again, up to four times in total.
    /// </summary>
    /// <remarks>The work may run several times, so it must have no effect outside the database.</remarks>
    /// <param name="lockTimeout">Null for the limit of the pool.</param>
    public Task<T> InTransactionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken, TimeSpan? lockTimeout = null) =>
        RepeatAsync(async session =>
        {
            await using var transaction = await session.Connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, session.Token);
            if (lockTimeout is not null || sources.IsBehindPooler)
                await LimitAsync(session, lockTimeout ?? sources.LimitsOf(DatabaseScope.CurrentPool).Lock);
            var result = await work(session.Connection, session.Token);
            await transaction.CommitAsync(session.Token);
            return result;
        }, cancellationToken);

    /// <summary>Runs one statement without an explicit transaction; repeats it as <see cref="InTransactionAsync{T}"/> does.</summary>
    public Task<T> InStatementAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        // Behind a pooler, only a transaction can have a limit for locks.
        sources.IsBehindPooler
            ? InTransactionAsync(work, cancellationToken)
            : RepeatAsync(session => work(session.Connection, session.Token), cancellationToken);

    public Task InTransactionAsync(Func<NpgsqlConnection, CancellationToken, Task> work, CancellationToken cancellationToken) =>
        InTransactionAsync(async (connection, token) =>
        {
            await work(connection, token);
            return true;
        }, cancellationToken);

    /// <summary>
    /// Runs a read on the replica of DATABASE_READ_URL. It sees everything that was committed before this call, by any process. Without
    /// such a replica, it runs on the primary.
    /// </summary>
    /// <remarks>
    /// The primary is asked for the position of its log, and the replica must have replayed it. This costs the primary one short statement.
    /// A caller sees its own changes, whichever instance made them, without sending anything.
    /// </remarks>
    /// <param name="read">It must not write. If the replica fails, it runs once more.</param>
    public Task<T> ReadLatestAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        ReadAsync(latest: true, read, cancellationToken);

    /// <summary>
    /// Runs a read on the replica of DATABASE_READ_URL, which may lack the changes of the last DATABASE_READ_MAX_LAG_SECONDS. For reports.
    /// Without such a replica, it runs on the primary.
    /// </summary>
    /// <inheritdoc cref="ReadLatestAsync{T}"/>
    public Task<T> ReadRecentAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        ReadAsync(latest: false, read, cancellationToken);

    /// <summary>A sentence for operators; null if there is no replica, if it is in use, or if it has not been read yet.</summary>
    public string? ReplicaWarning => sources.Replica?.Warning;

    private async Task<T> ReadAsync<T>(bool latest, Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        if (sources.Replica is not { } replica)
            return await read(cancellationToken);
        if (replica.CanRead(latest))
        {
            try
            {
                var position = latest ? await PositionAsync(cancellationToken) : default;
                var result = await OnReplicaAsync(new ReplicaRead(replica, position), read, cancellationToken);
                replica.Count(isPassedBy: false);
                return result;
            }
#pragma warning disable CA1031 // After any failure of the replica, the primary can answer. A failure of the read itself is repeated there.
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                replica.Report(failure);
            }
        }

        replica.Count(isPassedBy: true);
        return await read(cancellationToken);
    }

    // A separate method, because the change of the asynchronous flow ends with it.
    private static async Task<T> OnReplicaAsync<T>(
        ReplicaRead replica, Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        ReplicaRead.Enter(replica);
        return await read(cancellationToken);
    }

    private const string Position = "select pg_current_wal_flush_lsn()";

    private async Task<NpgsqlLogSequenceNumber> PositionAsync(CancellationToken cancellationToken)
    {
        await using var session = await OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<NpgsqlLogSequenceNumber>(
            new CommandDefinition(Position, cancellationToken: session.Token));
    }

    private async Task<T> RepeatAsync<T>(Func<DatabaseSession, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var session = await OpenAsync(cancellationToken);
                return await work(session);
            }
            catch (PostgresException lost) when (attempt < MaxAttempts
                && lost.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure)
            {
                await Task.Delay(Random.Shared.Next(5, 25 * attempt), cancellationToken);
            }
        }
    }

    private const string Limit = "select set_config('lock_timeout', @limit, true)";

    private static Task<int> LimitAsync(DatabaseSession session, TimeSpan limit) =>
        session.Connection.ExecuteAsync(new CommandDefinition(
            Limit, new { limit = limit.TotalMilliseconds.ToString(CultureInfo.InvariantCulture) }, cancellationToken: session.Token));
}
