using Npgsql;
using NpgsqlTypes;

namespace StandaloneHost;

/// <param name="Now">The database's clock.</param>
/// <param name="LastStartedAt">Null if no run is on record; the application keeps it.</param>
/// <param name="NextDueAt">The slot to be run next; null if none was recorded.</param>
/// <param name="LeaseUntil">Until when a runner has it; null or past if none does.</param>
internal sealed record TimerState(DateTime Now, DateTime? LastStartedAt, DateTime? NextDueAt, DateTime? LeaseUntil);

/// <param name="Fence">Grows with each claim: a runner whose lease was taken over can't write any more.</param>
/// <param name="At">When it was claimed, by the database's clock.</param>
internal sealed record TimerClaim(long Fence, DateTime At);

/// <summary>Table timer_leases: one row a timer, shared by all processes; every comparison is made by the database's clock.</summary>
internal sealed class TimerLeases(NpgsqlDataSource database)
{
    /// <summary>Renewed at a third of it; so long the timer rests after its runner was killed.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private readonly string holder = $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.NewGuid():N}";

    public async Task<TimerState> ReadAsync(string timer, CancellationToken cancellationToken)
    {
        const string sql = """
            select clock_timestamp(), l.last_started_at, l.next_due_at, l.lease_until
            from (select 1) one left join timer_leases l on l.timer_name = $1
            """;
        await using var command = Command(sql, timer);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new(reader.GetDateTime(0), Instant(1), Instant(2), Instant(3));

        DateTime? Instant(int column) => reader.IsDBNull(column) ? null : reader.GetDateTime(column);
    }

    /// <summary>Records the next slot, unless another process recorded a different one meanwhile or runs it now.</summary>
    public async Task ScheduleAsync(string timer, DateTime? seen, DateTime next, CancellationToken cancellationToken)
    {
        const string sql = """
            insert into timer_leases as l (timer_name, next_due_at) values ($1, $3)
            on conflict (timer_name) do update set next_due_at = excluded.next_due_at
            where l.next_due_at is not distinct from $2 and (l.lease_until is null or l.lease_until <= clock_timestamp())
            """;
        await using var command = Command(sql, timer, Value(seen, NpgsqlDbType.TimestampTz), Value(next, NpgsqlDbType.TimestampTz));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes the lease, if it is free and the slot has come.</summary>
    /// <param name="evenIfNotDue">Takes it before the slot, too.</param>
    public async Task<TimerClaim?> ClaimAsync(string timer, bool evenIfNotDue, CancellationToken cancellationToken)
    {
        const string sql = """
            update timer_leases
            set holder = $2, lease_until = clock_timestamp() + $3, fence = fence + 1
            where timer_name = $1 and (lease_until is null or lease_until <= clock_timestamp()) and ($4 or next_due_at <= clock_timestamp())
            returning fence, clock_timestamp()
            """;
        await using var command = Command(
            sql, timer, Value(holder, NpgsqlDbType.Text), Value(Lease, NpgsqlDbType.Interval), Value(evenIfNotDue, NpgsqlDbType.Boolean));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new(reader.GetInt64(0), reader.GetDateTime(1)) : null;
    }

    /// <returns>Whether the lease is still held.</returns>
    public async Task<bool> RenewAsync(string timer, long fence, CancellationToken cancellationToken)
    {
        const string sql = "update timer_leases set lease_until = clock_timestamp() + $3 where timer_name = $1 and fence = $2";
        await using var command = Command(sql, timer, Value(fence, NpgsqlDbType.Bigint), Value(Lease, NpgsqlDbType.Interval));
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>Gives the lease back.</summary>
    /// <param name="next">The next slot; null leaves the recorded one, so that it is run again.</param>
    public async Task FinishAsync(string timer, long fence, DateTime? next, CancellationToken cancellationToken)
    {
        const string sql = """
            update timer_leases set holder = null, lease_until = null, next_due_at = coalesce($3, next_due_at)
            where timer_name = $1 and fence = $2
            """;
        await using var command = Command(sql, timer, Value(fence, NpgsqlDbType.Bigint), Value(next, NpgsqlDbType.TimestampTz));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Value(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    private NpgsqlCommand Command(string sql, string timer, params NpgsqlParameter[] others)
    {
        var command = database.CreateCommand(sql);
        // Well under the lease: a renewal that hangs must not outlive what it renews.
        command.CommandTimeout = 5;
        command.Parameters.Add(Value(timer, NpgsqlDbType.Text));
        command.Parameters.AddRange(others);
        return command;
    }
}
