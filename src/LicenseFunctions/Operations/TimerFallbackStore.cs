using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>What is known about a timer. All times are the database's.</summary>
/// <param name="Now">When this was read.</param>
/// <param name="ActiveAt">Start or end of its last run, or when the timer became known.</param>
/// <param name="IsRunning">Whether a run holds the lease, or has started and not ended within the longest time of a run.</param>
/// <param name="FallbackAt">When the last slice of its work outside the timer began; null if there was none.</param>
/// <param name="FallbackIsDone">Whether that slice left no work.</param>
public sealed record TimerActivity(
    string TimerName, DateTime Now, DateTime ActiveAt, bool IsRunning, DateTime? LastStartedAt, DateTime? FallbackAt, bool FallbackIsDone);

/// <summary>Table timer_leases: which timers are silent, and the slices of their work that run outside them.</summary>
public sealed class TimerFallbackStore(LicenseDatabase database)
{
    // Under the Functions host, no lease is recorded.
    private const string Read = """
        select timer_name, clock_timestamp() as now, greatest(last_started_at, last_finished_at, known_since) as active_at,
               coalesce(lease_until > clock_timestamp(), false)
                   or coalesce(last_started_at > coalesce(last_finished_at, '-infinity')
                               and last_started_at > clock_timestamp() - @longestRun, false) as is_running,
               last_started_at, fallback_at, fallback_is_done
        from timer_leases
        """;

    /// <param name="longestRun">A run that has not ended after this time was killed.</param>
    public async Task<IReadOnlyList<TimerActivity>> ReadAsync(TimeSpan longestRun, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<TimerActivity>(
            new CommandDefinition(Read, new { longestRun }, cancellationToken: cancellationToken))).AsList();
    }

    private const string Add = "insert into timer_leases (timer_name) select unnest(@timers) on conflict do nothing";

    /// <summary>Makes timers known that have never run.</summary>
    public Task AddAsync(string[] timers, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition(Add, new { timers }, cancellationToken: token)),
            cancellationToken);

    private const string Claim = """
        update timer_leases
        set fallback_at = clock_timestamp(), fallback_is_done = false, fallback_runs = fallback_runs + 1
        where timer_name = @TimerName and fallback_at is not distinct from @FallbackAt
          and last_started_at is not distinct from @LastStartedAt and coalesce(lease_until, '-infinity') <= clock_timestamp()
        """;

    /// <summary>Claims a slice.</summary>
    /// <returns>False if the timer or another process has begun since the read.</returns>
    public async Task<bool> ClaimAsync(TimerActivity seen, CancellationToken cancellationToken) =>
        await database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition(Claim, seen, cancellationToken: token)),
            cancellationToken) == 1;

    // The times of the timer's own runs stay, so that the alert of a silent timer continues.
    private const string Finish = """
        update timer_leases
        set fallback_is_done = @isDone, last_counts = @counts::jsonb, last_error = @error,
            last_status = case when @error is null then 'succeeded' else 'failed' end
        where timer_name = @TimerName and last_started_at is not distinct from @LastStartedAt
        """;

    /// <summary>Records the result of a slice, unless the timer has begun again.</summary>
    /// <param name="isDone">Whether it left no work.</param>
    /// <param name="counts">The counts that the function returned, as JSON.</param>
    public Task FinishAsync(TimerActivity claimed, bool isDone, string? counts, string? error, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            Finish, new { claimed.TimerName, claimed.LastStartedAt, isDone, counts, error }, cancellationToken: token)), cancellationToken);
}
