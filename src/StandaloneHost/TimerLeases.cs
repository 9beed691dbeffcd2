using Dapper;
using Npgsql;

namespace StandaloneHost;

/// <param name="Now">Time of the database's clock.</param>
/// <param name="LastStartedAt">Written by the application; null if no run is recorded.</param>
/// <param name="NextDueAt">The next slot; null if none is recorded.</param>
/// <param name="LeaseUntil">End of the lease; null or in the past if no process has the lease.</param>
internal sealed record TimerLease(DateTime Now, DateTime? LastStartedAt, DateTime? NextDueAt, DateTime? LeaseUntil);

/// <param name="Fence">Incremented by each claim, so that a process that has lost its lease can no longer write.</param>
/// <param name="At">Time of the claim, by the database's clock.</param>
internal sealed record TimerClaim(long Fence, DateTime At);

/// <summary>Table timer_leases: one row per timer, shared by all processes. All times are compared by the database's clock.</summary>
internal sealed class TimerLeases(NpgsqlDataSource database)
{
    /// <summary>Renewed each time a third of it has passed. If a process is killed, its timer doesn't run for this time.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    // Well below the lease, so that a renewal that hangs ends before the lease does.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private readonly string holder = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";

    private const string Read = """
        select clock_timestamp() as Now, l.last_started_at as LastStartedAt, l.next_due_at as NextDueAt, l.lease_until as LeaseUntil
        from (select 1) as one left join timer_leases l on l.timer_name = @timer
        """;

    public async Task<TimerLease> ReadAsync(string timer, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleAsync<TimerLease>(Command(Read, new { timer }, cancellationToken));
    }

    private const string Schedule = """
        insert into timer_leases as l (timer_name, next_due_at) values (@timer, @next)
        on conflict (timer_name) do update set next_due_at = excluded.next_due_at
        where l.next_due_at is not distinct from @seen and (l.lease_until is null or l.lease_until <= clock_timestamp())
        """;

    /// <summary>Records the next slot, unless another process has recorded a different slot or has the lease.</summary>
    /// <param name="seen">The recorded slot that this process has read.</param>
    public async Task ScheduleAsync(string timer, DateTime? seen, DateTime next, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(Command(Schedule, new { timer, seen, next }, cancellationToken));
    }

    private const string Claim = """
        update timer_leases
        set holder = @holder, lease_until = clock_timestamp() + @lease, fence = fence + 1
        where timer_name = @timer and (lease_until is null or lease_until <= clock_timestamp())
          and (@evenIfNotDue or next_due_at <= clock_timestamp())
        returning fence as Fence, clock_timestamp() as At
        """;

    /// <summary>Claims the lease if it is free and the slot is due.</summary>
    /// <param name="evenIfNotDue">Whether to claim the lease also before the slot.</param>
    /// <returns>Null if the lease was not claimed.</returns>
    public async Task<TimerClaim?> ClaimAsync(string timer, bool evenIfNotDue, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<TimerClaim>(
            Command(Claim, new { timer, holder, lease = Lease, evenIfNotDue }, cancellationToken));
    }

    private const string Renew = """
        update timer_leases set lease_until = clock_timestamp() + @lease where timer_name = @timer and fence = @fence
        """;

    /// <returns>False if this process has lost the lease.</returns>
    public async Task<bool> RenewAsync(string timer, long fence, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteAsync(Command(Renew, new { timer, fence, lease = Lease }, cancellationToken)) == 1;
    }

    private const string Finish = """
        update timer_leases set holder = null, lease_until = null, next_due_at = coalesce(@next, next_due_at)
        where timer_name = @timer and fence = @fence
        """;

    /// <summary>Releases the lease.</summary>
    /// <param name="next">The next slot; null keeps the recorded slot, so that it is run again.</param>
    public async Task FinishAsync(string timer, long fence, DateTime? next, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(Command(Finish, new { timer, fence, next }, cancellationToken));
    }

    private static CommandDefinition Command(string sql, object parameters, CancellationToken cancellationToken) =>
        new(sql, parameters, commandTimeout: (int)Timeout.TotalSeconds, cancellationToken: cancellationToken);
}
