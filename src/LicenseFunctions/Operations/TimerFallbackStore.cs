using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>Table timer_leases: which timers are silent, and the slices of their work that run outside them.</summary>
public sealed class TimerFallbackStore(LicenseDatabase database)
{
    // A run that takes long is not silent, unless its process was killed: no run takes longer than @longestRun. Under the Functions host,
    // no lease is recorded. The oldest slice comes first, so that every silent timer gets its turn.
    private const string Claim = """
        with known as (
            insert into timer_leases (timer_name)
            select name from unnest(@names) as name
            where not exists (select from timer_leases l where l.timer_name = name)
            on conflict do nothing
        ), due as (
            select l.timer_name
            from timer_leases l
            join unnest(@names, @intervals) as timer (name, interval) on timer.name = l.timer_name
            where greatest(l.last_started_at, l.known_since) < clock_timestamp() - 3 * timer.interval
              and coalesce(l.lease_until, '-infinity') <= clock_timestamp()
              and (l.last_started_at is null or l.last_finished_at >= l.last_started_at
                   or l.last_started_at < clock_timestamp() - @longestRun)
              and coalesce(l.fallback_at, '-infinity')
                  < clock_timestamp() - case when l.fallback_is_done then timer.interval else @pause end
            order by l.fallback_at nulls first, l.timer_name
            limit 1
            for update of l skip locked
        )
        update timer_leases l
        set fallback_at = clock_timestamp(), fallback_is_done = true, fallback_runs = fallback_runs + 1
        from due
        where l.timer_name = due.timer_name
        returning l.timer_name
        """;

    /// <summary>Claims the next slice. Every process may claim, but a timer has one slice per <paramref name="pause"/>.</summary>
    /// <param name="timers">The timers that may be due, with their intervals.</param>
    /// <param name="longestRun">After this time, a run that has not ended was killed.</param>
    /// <param name="pause">The time from one slice of unfinished work to the next.</param>
    /// <returns>The timer's name; null if no timer is silent, or none is due again.</returns>
    public Task<string?> ClaimAsync(
        IReadOnlyDictionary<string, TimeSpan> timers, TimeSpan longestRun, TimeSpan pause, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
            Claim,
            new { names = timers.Keys.ToArray(), intervals = timers.Values.ToArray(), longestRun, pause },
            cancellationToken: token)), cancellationToken);

    private const string Leave = "update timer_leases set fallback_is_done = false where timer_name = @timer";

    /// <summary>Records that a slice has left work.</summary>
    public Task LeaveAsync(string timer, CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition(Leave, new { timer }, cancellationToken: token)),
            cancellationToken);
}
