using System.Data;
using System.Globalization;
using Dapper;
using Npgsql;

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
