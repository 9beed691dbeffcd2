using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>A timer function and its last run.</summary>
public sealed record TimerState
{
    public required string TimerName { get; init; }
    public DateTime? LastStartedAt { get; init; }
    public DateTime? LastFinishedAt { get; init; }
    public DateTime? LastSucceededAt { get; init; }

    /// <summary>running, or the result of the last run: succeeded, failed or interrupted; null if there was no run.</summary>
    public string? LastStatus { get; init; }

    /// <summary>The counts that the last finished run returned, as JSON; null if it returned none.</summary>
    public JsonElement? LastCounts { get; init; }

    public string? LastError { get; init; }

    public DateTime? NextDueAt { get; init; }

    /// <summary>When its last success should have been at the latest; null if it is on time, or if the settings disable it.</summary>
    public DateTime? LateSince { get; init; }

    /// <summary>Whether the settings disable it.</summary>
    public bool IsDisabled { get; init; }

    /// <summary>When the app first knew the timer: the standalone application before its first run, a Functions host after it.</summary>
    [JsonIgnore]
    public DateTime? KnownSince { get; init; }

    /// <summary>When its work last ran after a request, because the timer was silent; null if the timer has run since then.</summary>
    public DateTime? FallbackAt { get; init; }
}

/// <summary>Work that waits for a timer or an operator.</summary>
public sealed record WaitingWork
{
    public long OutboxDue { get; init; }

    /// <summary>When the oldest due row of the outbox became due; null if there is none.</summary>
    public DateTime? OutboxOldestAt { get; init; }

    /// <summary>Mails and webhooks that were given up and can be revived: emptied ones are not counted.</summary>
    public long OutboxDead { get; init; }

    /// <summary>The mails among them.</summary>
    public long OutboxDeadMails { get; init; }

    /// <summary>The calls of the alert webhook among them.</summary>
    public long OutboxDeadCalls { get; init; }

    public long QuarantineOpen { get; init; }

    /// <summary>Open quarantine rows of messages that the broker had dead-lettered.</summary>
    public long DeadLettersOpen { get; init; }

    /// <summary>Batches of new usage that the detector has not scanned.</summary>
    public long ArrivalsWaiting { get; init; }

    public DateTime? ArrivalsOldestAt { get; init; }

    public long AlertsOpen { get; init; }

    public long ChargesUnknown { get; init; }

    /// <summary>Payments that an operator must decide about.</summary>
    public long PaymentCasesOpen { get; init; }

    public long DisputesOpen { get; init; }
}

/// <summary>A row that a sweep left out, or a value of the platform that can't be used.</summary>
/// <param name="RowId">The license, or for card, price, token and wallet the ID of that row.</param>
public sealed record SkippedRow(string Source, Guid RowId, string Reason, DateTime FirstSeenAt, DateTime LastSeenAt);

/// <param name="Storage">hypertable or partitions.</param>
/// <param name="Warning">What an operator should know about it; null if nothing.</param>
public sealed record UsageLogState(string? Storage, string? Warning);

/// <summary>A trouble that is open (docs/operations.md, Troubles).</summary>
/// <param name="Cause">Such as TIMER_LATE.</param>
/// <param name="Subject">What the cause is about: a timer's name, or an ID; empty if there is one of its kind only.</param>
public sealed record OpenTrouble(Guid TroubleId, string Cause, string Subject, string? Name, DateTime OpenedAt, DateTime LastSeenAt);

/// <summary>Records the runs of timers and reads the state of the backend.</summary>
public sealed class SystemStore(LicenseDatabase database)
{
    private const string Timers = """
        select timer_name, last_started_at, last_finished_at, last_succeeded_at,
               case when last_started_at > coalesce(last_finished_at, '-infinity') then 'running' else last_status end as last_status,
               last_counts, last_error, next_due_at, known_since,
               case when fallback_at > coalesce(last_started_at, '-infinity') then fallback_at end as fallback_at
        from timer_leases
        """;

    public async Task<IReadOnlyList<TimerState>> TimersAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<TimerState>(new CommandDefinition(Timers, cancellationToken: cancellationToken))).AsList();
    }

    private const string StartTimer = """
        insert into timer_leases (timer_name, last_started_at) values (@timer, clock_timestamp())
        on conflict (timer_name) do update set last_started_at = excluded.last_started_at
        returning last_started_at
        """;

    /// <returns>The start time, by the database's clock.</returns>
    public Task<DateTime> StartTimerAsync(string timer, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<DateTime>(
                new CommandDefinition(StartTimer, new { timer }, cancellationToken: token)), cancellationToken);

    // Writes the start time again, because another run may have overwritten it, or the start could not be recorded.
    private const string FinishTimer = """
        insert into timer_leases as l (
            timer_name, last_started_at, last_finished_at, last_succeeded_at, last_status, last_counts, last_error)
        select @timer, coalesce(@startedAt, n), n, case when @status = 'succeeded' then n end, @status, @counts::jsonb, @error
        from clock_timestamp() as n
        on conflict (timer_name) do update set
            last_started_at = excluded.last_started_at, last_finished_at = excluded.last_finished_at,
            last_succeeded_at = coalesce(excluded.last_succeeded_at, l.last_succeeded_at),
            last_status = excluded.last_status, last_counts = excluded.last_counts, last_error = excluded.last_error
        returning last_finished_at
        """;

    /// <param name="startedAt">Null if the start could not be recorded.</param>
    /// <param name="status">succeeded, failed or interrupted.</param>
    /// <param name="counts">The counts that the run returned, as JSON.</param>
    /// <returns>The end time, by the database's clock.</returns>
    public Task<DateTime> FinishTimerAsync(
        string timer, DateTime? startedAt, string status, string? counts, string? error, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<DateTime>(new CommandDefinition(
                FinishTimer, new { timer, startedAt, status, counts, error }, cancellationToken: token)), cancellationToken);

    private const string Skipped = """
        select source, row_id, reason, first_seen_at, last_seen_at from skipped_rows
        where last_seen_at > now() - interval '2 hours'
        order by first_seen_at desc, source, row_id
        limit 50
        """;

    /// <summary>The latest 50 rows that sweeps have left out in the last two hours.</summary>
    public async Task<IReadOnlyList<SkippedRow>> SkippedAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<SkippedRow>(new CommandDefinition(Skipped, cancellationToken: cancellationToken))).AsList();
    }

    private const string Troubles = """
        select trouble_id, cause, subject, details ->> 'name' as name, opened_at, last_seen_at from troubles
        where opened_at is not null
        order by opened_at, cause, subject
        limit 50
        """;

    /// <summary>The oldest 50 troubles that are open.</summary>
    public async Task<IReadOnlyList<OpenTrouble>> TroublesAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<OpenTrouble>(new CommandDefinition(Troubles, cancellationToken: cancellationToken))).AsList();
    }

    private const string UsageLog = "select usage_log_storage() as storage, usage_log_warning() as warning";

    public async Task<UsageLogState> UsageLogAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleAsync<UsageLogState>(new CommandDefinition(UsageLog, cancellationToken: cancellationToken));
    }

    private const string Waiting = """
        select (select count(*) from outbox where sent_at is null and dead_at is null and due_at <= now()) as outbox_due,
               (select min(due_at) from outbox where sent_at is null and dead_at is null and due_at <= now()) as outbox_oldest_at,
               dead.count as outbox_dead, dead.mails as outbox_dead_mails, dead.calls as outbox_dead_calls,
               (select count(*) from usage_quarantine where state = 'OPEN') as quarantine_open,
               (select count(*) from usage_quarantine where state = 'OPEN' and source = 'dead_letter') as dead_letters_open,
               (select batches from usage_backlog) as arrivals_waiting,
               (select oldest_at from usage_backlog) as arrivals_oldest_at,
               alerts.open as alerts_open,
               (select count(*) from renewals where is_charge_unknown(status)) as charges_unknown,
               (select count(*) from payment_cases where decided_at is null) as payment_cases_open,
               (select count(*) from payment_reversals where kind = 'dispute' and state = 'open') as disputes_open
        from (select count(*), count(*) filter (where kind = 'email') as mails, count(*) filter (where kind = 'alert_webhook') as calls
              from outbox where dead_at is not null and payload <> '{}') dead,
             -- Kept by triggers (migration 0069).
             (select coalesce(sum(value), 0)::bigint as open
              from (select name, value from metric_counters union all select name, amount from metric_increments) counted
              where name = 'gauge:suspicious_activity_alerts_open') alerts
        """;

    public async Task<WaitingWork> WaitingAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await connection.QuerySingleAsync<WaitingWork>(new CommandDefinition(Waiting, cancellationToken: cancellationToken));
    }
}
