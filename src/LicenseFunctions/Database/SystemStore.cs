using System.Text.Json;
using Dapper;

namespace LicenseFunctions.Database;

/// <param name="LastStatus">running, or how the last run ended: succeeded, failed, interrupted; null where there was none.</param>
/// <param name="LastCounts">What the last finished run reported, as JSON; null where it reports nothing.</param>
public sealed record TimerState(
    string TimerName, DateTime? LastStartedAt, DateTime? LastFinishedAt, DateTime? LastSucceededAt, string? LastStatus,
    JsonElement? LastCounts, string? LastError, DateTime? NextDueAt);

/// <summary>What waits for somebody or something.</summary>
public sealed record WaitingWork
{
    public long OutboxDue { get; init; }

    /// <summary>Since when the oldest of them is due; null where none is.</summary>
    public DateTime? OutboxOldestAt { get; init; }

    /// <summary>Mails and webhooks that were given up.</summary>
    public long OutboxDead { get; init; }

    public long QuarantineOpen { get; init; }

    public long AlertsOpen { get; init; }

    public long ChargesUnknown { get; init; }
}

/// <summary>How the backend's own work goes.</summary>
public sealed class SystemStore(LicenseDatabase database)
{
    private sealed record TimerRow
    {
        public string TimerName { get; init; } = "";
        public DateTime? LastStartedAt { get; init; }
        public DateTime? LastFinishedAt { get; init; }
        public DateTime? LastSucceededAt { get; init; }
        public string? LastStatus { get; init; }
        public string? LastCounts { get; init; }
        public string? LastError { get; init; }
        public DateTime? NextDueAt { get; init; }
    }

    private const string Timers = """
        select timer_name, last_started_at, last_finished_at, last_succeeded_at,
               case when last_started_at > coalesce(last_finished_at, '-infinity') then 'running' else last_status end as last_status,
               last_counts::text as last_counts, last_error, next_due_at
        from timer_leases
        """;

    public async Task<IReadOnlyList<TimerState>> TimersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return [.. (await connection.QueryAsync<TimerRow>(new CommandDefinition(Timers, cancellationToken: cancellationToken))).Select(row => new TimerState(
            row.TimerName, row.LastStartedAt, row.LastFinishedAt, row.LastSucceededAt, row.LastStatus,
            row.LastCounts is null ? null : JsonSerializer.Deserialize<JsonElement>(row.LastCounts), row.LastError, row.NextDueAt))];
    }

    private const string StartTimer = """
        insert into timer_leases (timer_name, last_started_at) values (@timer, clock_timestamp())
        on conflict (timer_name) do update set last_started_at = excluded.last_started_at
        returning last_started_at
        """;

    /// <returns>When it started.</returns>
    public async Task<DateTime> StartTimerAsync(string timer, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<DateTime>(new CommandDefinition(StartTimer, new { timer }, cancellationToken: cancellationToken));
    }

    // The start is written again: another run may have begun meanwhile, or this one's beginning could not be recorded.
    private const string FinishTimer = """
        insert into timer_leases as l (timer_name, last_started_at, last_finished_at, last_succeeded_at, last_status, last_counts, last_error)
        select @timer, coalesce(@startedAt, n), n, case when @status = 'succeeded' then n end, @status, @counts::jsonb, @error
        from clock_timestamp() as n
        on conflict (timer_name) do update set
            last_started_at = excluded.last_started_at, last_finished_at = excluded.last_finished_at,
            last_succeeded_at = coalesce(excluded.last_succeeded_at, l.last_succeeded_at),
            last_status = excluded.last_status, last_counts = excluded.last_counts, last_error = excluded.last_error
        returning last_finished_at
        """;

    /// <param name="startedAt">Null where that could not be recorded.</param>
    /// <param name="status">succeeded, failed or interrupted.</param>
    /// <param name="counts">What it reported, as JSON.</param>
    /// <returns>When it finished.</returns>
    public async Task<DateTime> FinishTimerAsync(
        string timer, DateTime? startedAt, string status, string? counts, string? error, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<DateTime>(new CommandDefinition(
            FinishTimer, new { timer, startedAt, status, counts, error }, cancellationToken: cancellationToken));
    }

    private const string Waiting = """
        select (select count(*) from outbox where sent_at is null and dead_at is null and due_at <= now()) as outbox_due,
               (select min(due_at) from outbox where sent_at is null and dead_at is null and due_at <= now()) as outbox_oldest_at,
               (select count(*) from outbox where dead_at is not null) as outbox_dead,
               (select count(*) from usage_quarantine where state = 'OPEN') as quarantine_open,
               (select count(*) from suspicious_activity_alerts where status = 'OPEN') as alerts_open,
               (select count(*) from renewals where status in ('unknown', 'undecided')) as charges_unknown
        """;

    public async Task<WaitingWork> WaitingAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleAsync<WaitingWork>(new CommandDefinition(Waiting, cancellationToken: cancellationToken));
    }
}
