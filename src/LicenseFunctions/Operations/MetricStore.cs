using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;

namespace LicenseFunctions.Operations;

/// <param name="Label">"" if the metric has no label.</param>
public sealed record MetricRow(string Name, string Label, double Value);

/// <summary>Counters of all instances, and gauges that are computed from the tables.</summary>
public sealed class MetricStore(LicenseDatabase database)
{
    // Prometheus' default timeout.
    private static readonly TimeSpan ScrapeTimeout = TimeSpan.FromSeconds(10);

    // Triggers keep the counts of licenses, suspensions and alerts (migration 0069). The other parts read rows that wait for something.
    public const string Read = """
        with counted as materialized (
            select name, label, sum(value) as value
            from (select name, label, value from metric_counters
                  union all
                  select name, label, amount from metric_increments) as stored
            group by name, label
        ), unsent as materialized (
            select kind, now() - created_at as age from outbox
            where sent_at is null and dead_at is null and (due_at <= now() or attempts > 0)
        ), overdue_renewals as materialized (
            select now() - next_action_at as late from renewals
            where next_action_at < now() and (lease_until > now()) is not true
        ), unknown_charges as materialized (
            select status, now() - unknown_since as age from renewals
            where is_charge_unknown(status) and (next_action_at is not null or status = 'undecided')
        )
        select name, label, value from counted where not starts_with(name, 'gauge:')
        union all
        select substr(name, 7), label, value from counted
        where starts_with(name, 'gauge:') and name <> 'gauge:license_health_score_distribution'
        union all
        select 'license_health_score_distribution', case when label = '100' then '100' else (label::int / 10 * 10 + 9)::text end, sum(value)
        from counted where name = 'gauge:license_health_score_distribution' group by 2
        union all
        select 'license_health_score_distribution', 'sum', sum(label::int * value)
        from counted where name = 'gauge:license_health_score_distribution' having count(*) > 0
        union all
        select 'license_health_score', subscription_id::text, score from license_health where score is not null and @perSubscription
        union all
        select 'suspicious_activity_questions_open', answer, count(*)
        from suspicious_activity_alerts a, customer_answer(a.asked_at, a.customer_confirmed_at, a.customer_denied_at) as answer
        where is_alert_open(a.status) and a.measure <> 'SUSPENDED'
          and (a.asked_at is not null or a.customer_confirmed_at is not null or a.customer_denied_at is not null)
        group by answer
        union all
        select 'shadow_alerts', measure, count(*) from shadow_alerts group by measure
        union all
        select 'shadow_differences', difference, count(*) from shadow_comparison group by difference
        union all
        select 'usage_arrivals_waiting', '', batches from usage_backlog
        union all
        select 'usage_arrivals_oldest_seconds', '', extract(epoch from now() - oldest_at) from usage_backlog
        union all
        select 'renewals_overdue', '', count(*) from overdue_renewals
        union all
        select 'renewals_overdue_oldest_seconds', '', extract(epoch from max(late)) from overdue_renewals having count(*) > 0
        union all
        select 'unknown_charges', status, count(*) from unknown_charges group by status
        union all
        select 'unknown_charges_oldest_seconds', '', extract(epoch from max(age)) from unknown_charges having max(age) is not null
        union all
        select 'payment_cases_open', reason, count(*) from payment_cases where decided_at is null group by reason
        union all
        select 'disputes_open', '', count(*) from payment_reversals where kind = 'dispute' and state = 'open'
        union all
        select 'dispute_evidence_due_seconds', '', extract(epoch from min(p.evidence_due_at) - now())
        from payment_reversals p
        where p.kind = 'dispute' and p.state = 'open'
          and not exists (select from dispute_evidence e where e.reversal_id = p.reversal_id and e.state = 'sent')
        having min(p.evidence_due_at) is not null
        union all
        select 'payment_differences', '', sum(differences) from payment_comparisons
        where day >= (now() at time zone 'UTC')::date - 28 having count(*) > 0
        union all
        select 'usage_quarantine_open', source, count(*) from usage_quarantine where state = 'OPEN' group by source
        union all
        (select 'usage_log_oldest_seconds', '', extract(epoch from now() - logged_at) from license_usage_log order by logged_at limit 1)
        union all
        select 'retention_overdue_seconds', part.key, part.value::float8
        from timer_leases, jsonb_each_text(last_counts -> 'overdue') as part
        where timer_name = 'RetainData'
        union all
        select 'outbox_waiting', kind, count(*) from unsent group by kind
        union all
        select 'outbox_oldest_seconds', kind, extract(epoch from max(age)) from unsent group by kind
        union all
        select 'outbox_dead', kind, count(*) from outbox where dead_at is not null group by kind
        union all
        select 'webhook_endpoints', state, count(*)
        from webhook_endpoints e, lateral (
            select case when e.disabled_by = 'operator' then 'off' when e.disabled_by is not null then 'disabled'
                        when e.attempts > 0 then 'failing' else 'active' end as state) s
        group by state
        union all
        select 'webhook_oldest_event_seconds', '', max(extract(epoch from now() - oldest.occurred_at))
        from webhook_endpoints e, lateral (
            select occurred_at from license_events where position > e.position order by position limit 1) oldest
        where e.disabled_at is null having count(*) > 0
        union all
        select 'timer_last_success_timestamp_seconds', timer_name, extract(epoch from last_succeeded_at)
        from timer_leases where last_succeeded_at is not null
        union all
        select 'timer_last_duration_seconds', timer_name,
               extract(epoch from case when last_finished_at >= last_started_at then last_finished_at else now() end - last_started_at)
        from timer_leases where last_started_at is not null
        union all
        select 'timer_fallback_runs_total', timer_name, fallback_runs from timer_leases where fallback_runs > 0
        union all
        select 'timer_failed', timer_name, 1 from timer_leases where last_status = 'failed'
        union all
        select 'skipped_rows', source, count(*) from skipped_rows where last_seen_at > now() - interval '2 hours' group by source
        union all
        select 'license_schema_installed_timestamp_seconds', '', extract(epoch from installed_at)
        from schema_migrations where name = '0011_metrics'
        union all
        select 'database_size_bytes', '', pg_database_size(current_database())
        """;

    /// <summary>Reads all values in one statement, so that they come from one snapshot. Values of 0 may be missing.</summary>
    public async Task<IReadOnlyList<MetricRow>> ReadAsync(bool perSubscription, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<MetricRow>(new CommandDefinition(
            Read, new { perSubscription }, commandTimeout: (int)ScrapeTimeout.TotalSeconds, cancellationToken: cancellationToken))];
    }

    private const string ReadOnly =
        "select 'database_read_only' as name, '' as label, (current_setting('transaction_read_only') = 'on')::int::float8 as value";

    /// <summary>Whether the server rejects writes, as every replica does.</summary>
    public async Task<MetricRow> ReadOnlyAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleAsync<MetricRow>(new CommandDefinition(ReadOnly, cancellationToken: session.Token));
    }

    // Ordered by the key, so that two instances that run this at the same time don't deadlock.
    private const string Fold = """
        with taken as (
            delete from metric_increments
            where increment_id in (select increment_id from metric_increments order by increment_id limit 10000 for update skip locked)
            returning name, label, amount
        ), counted as (
            select name, label, sum(amount) as amount
            from (select name, label, amount from taken
                  union all
                  select * from unnest(@names, @labels, @amounts)) as counted (name, label, amount)
            group by name, label
        ), folded as (
            insert into metric_counters as c (name, label, value)
            select name, label, amount from counted order by name, label
            on conflict (name, label) do update set value = c.value + excluded.value
        ), folded_by_day as (
            insert into metric_days as d (day, name, label, value)
            select (now() at time zone 'UTC')::date, name, label, amount from counted where name = @daily order by label
            on conflict (day, name, label) do update set value = d.value + excluded.value
        )
        select count(*) = 10000 from taken
        """;

    /// <summary>
    /// Adds the counts of a process, and up to 10,000 rows of metric_increments, to the counters. Checks are also counted by day.
    /// </summary>
    /// <returns>Whether metric_increments contains more rows.</returns>
    public Task<bool> AddAsync(IReadOnlyCollection<MetricRow> counted, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<bool>(new CommandDefinition(
                Fold,
                new
                {
                    names = counted.Select(row => row.Name).ToArray(),
                    labels = counted.Select(row => row.Label).ToArray(),
                    amounts = counted.Select(row => row.Value).ToArray(),
                    daily = ProcessCounts.Checks,
                },
                cancellationToken: token)), cancellationToken);

    // Two runs at the same time would both add the difference.
    private const string Alone = "select pg_try_advisory_xact_lock(hashtext('correct_gauges'))";

    // One statement, and so one snapshot: a row and its count commit together. It deletes nothing, so adding increments to the counters at
    // the same time doesn't change the sums that it compares.
    private const string Correct = """
        with stored as (
            select name, label, sum(value) as value
            from (select name, label, value from metric_counters
                  union all
                  select name, label, amount from metric_increments) as counted
            where starts_with(name, 'gauge:')
            group by name, label
        )
        insert into metric_increments (name, label, amount)
        select coalesce(c.name, s.name), coalesce(c.label, s.label), coalesce(c.value, 0) - coalesce(s.value, 0)
        from counted_gauges c full join stored s on s.name = c.name and s.label = c.label
        where coalesce(c.value, 0) <> coalesce(s.value, 0)
        """;

    /// <summary>Corrects the gauges that triggers keep, if they differ from the counted rows, for example after a restore.</summary>
    /// <returns>The number of corrected values.</returns>
    public Task<int> CorrectGaugesAsync(CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
            await connection.ExecuteScalarAsync<bool>(new CommandDefinition(Alone, cancellationToken: token))
                ? await connection.ExecuteAsync(new CommandDefinition(Correct, cancellationToken: token))
                : 0, cancellationToken);
}
