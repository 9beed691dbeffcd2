using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>How long the work of a pool may take.</summary>
/// <param name="Connect">Limit for opening a connection, or for waiting until one of the pool is free. Whole seconds.</param>
/// <param name="Lock">Limit for waiting for a lock.</param>
/// <param name="Total">
/// Limit for the database work of one request: waiting for its turn and for a connection, locks and statements. Null: each statement has
/// Npgsql's default limit of 30 s.
/// </param>
public sealed record DatabaseLimits(TimeSpan Connect, TimeSpan Lock, TimeSpan? Total)
{
    /// <summary>
    /// 10 s in total: if the server doesn't answer, canceling a statement also takes up to <see cref="Connect"/>, because Npgsql opens
    /// another connection for it.
    /// </summary>
    private static readonly DatabaseLimits Requests = new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(7));

    /// <summary>A replica that doesn't answer must leave the primary enough of the request's time.</summary>
    private static readonly DatabaseLimits Reads = Requests with { Connect = TimeSpan.FromSeconds(1) };

    private static readonly DatabaseLimits Background = new(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(5), null);

    /// <summary>A check that waits longer than three quarters of its time for its license's lock is answered 503.</summary>
    /// <param name="checkTimeout">VALIDATION_TIMEOUT_SECONDS, 1 or more.</param>
    public static DatabaseLimits Of(DatabasePool pool, TimeSpan checkTimeout) => pool switch
    {
        DatabasePool.CheckReads or DatabasePool.Checks => new DatabaseLimits(checkTimeout, 0.75 * checkTimeout, checkTimeout),
        DatabasePool.Requests => Requests,
        DatabasePool.Reads => Reads,
        _ => Background,
    };

    /// <summary>Adds the limits to a connection string.</summary>
    /// <param name="isBehindPooler">A pooler in transaction mode refuses the server's limits at the start of a session.</param>
    public void Apply(NpgsqlConnectionStringBuilder builder, bool isBehindPooler)
    {
        builder.Timeout = (int)Connect.TotalSeconds;
        // The server answers a cancellation within milliseconds, unless it is stopped.
        builder.CancellationTimeout = 500;
        // DatabaseSession cancels statements at the limit. But Npgsql doesn't cancel the first one of a transaction until BEGIN is
        // answered.
        if (Total is { } time)
            builder.CommandTimeout = (int)time.TotalSeconds + 1;
        if (isBehindPooler)
            return;
        var statement = Total is { } total ? $" -c statement_timeout={(int)total.TotalMilliseconds}" : "";
        builder.Options = $"{builder.Options} -c lock_timeout={(int)Lock.TotalMilliseconds}{statement}".Trim();
    }
}
