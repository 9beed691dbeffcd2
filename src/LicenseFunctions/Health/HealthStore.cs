using System.Data;
using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;
using Licensing.Suspicion;

namespace LicenseFunctions.Health;

/// <summary>The facts of one license as read.</summary>
/// <param name="Marks">Counts changes of the facts: if the stored count differs later, the facts have changed.</param>
/// <param name="PlatformFacts">platform_facts_hash.</param>
/// <param name="License">For the verdict, from which the status follows.</param>
/// <param name="Facts">With <see cref="LicenseStatus.Active"/> as the status, until the verdict is known.</param>
public sealed record HealthRow(Guid SubscriptionId, long Marks, long PlatformFacts, LicenseFacts License, HealthFacts Facts);

/// <summary>A health score to store.</summary>
public sealed record ScoredHealth(HealthRow Row, LicenseStatus Status, HealthReport Report, DateTimeOffset DueAt);

public sealed class HealthStore(LicenseDatabase database)
{
    // The limits make the planner find the rows of each license by index, so the cost doesn't depend on the number of licenses.
    private const string Compare = """
        with place as (
            select next_subscription_id from health_comparison for update skip locked
        ), part as materialized (
            select s.subscription_id, s.state, s.is_active, s.paused_reason
            from place p
            cross join lateral (
                select s.subscription_id, s.state, s.is_active, s.paused_reason from subscriptions s
                where s.subscription_id >= p.next_subscription_id order by s.subscription_id limit @licenses
            ) s
        ), compared as materialized (
            select p.subscription_id, h.subscription_id is null as is_new,
                   h.due_at > now() and t.token_id is not null and (
                       h.platform_facts is distinct from platform_facts_hash(
                           subscription_state_of(p.state)::text, is_subscription_active(p.is_active), p.paused_reason, t.token_id,
                           t.is_active is true, t.revoked_reason, t.expires_at)
                       or (h.is_silent and t.last_used_at > h.scored_at)) as has_changed
            from part p
            left join lateral (
                select h.subscription_id, h.due_at, h.platform_facts, h.is_silent, h.scored_at
                from license_health h where h.subscription_id = p.subscription_id limit 1
            ) h on true
            left join lateral (
                select c.token_id, c.is_active, c.revoked_reason, c.expires_at, c.last_used_at
                from v_current_license_tokens c where c.subscription_id = p.subscription_id limit 1
            ) t on true
        ), added as (
            insert into license_health (subscription_id)
            select s.subscription_id
            from compared c
            cross join lateral (
                select s.subscription_id from subscriptions s where s.subscription_id = c.subscription_id limit 1 for key share skip locked
            ) s
            where c.is_new
            on conflict do nothing
            returning subscription_id
        ), marked as (
            insert into health_marks (subscription_id) select c.subscription_id from compared c where c.has_changed
        ), moved as (
            update health_comparison set next_subscription_id = coalesce(
                (select s.subscription_id from subscriptions s
                 where s.subscription_id > (select p.subscription_id from part p order by p.subscription_id desc limit 1)
                 order by s.subscription_id limit 1),
                '00000000-0000-0000-0000-000000000000')
            where exists (select from place)
        )
        select count(*)::int from added
        """;

    /// <summary>
    /// Compares the platform's columns of the next licenses, in the order of their ids, with those of their last scores. Changed licenses
    /// get a mark, new ones a row. It does nothing while another session compares.
    /// </summary>
    /// <param name="licenses">The highest number of compared licenses.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The number of new rows.</returns>
    public Task<int> CompareAsync(int licenses, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<int>(
            new CommandDefinition(Compare, new { licenses }, cancellationToken: token)), cancellationToken);

    private const string DueByMark = """
        with marked as materialized (
            select distinct m.subscription_id from health_marks m
        ), added as (
            insert into license_health (subscription_id)
            select s.subscription_id
            from marked m
            cross join lateral (
                select s.subscription_id from subscriptions s where s.subscription_id = m.subscription_id limit 1 for key share skip locked
            ) s
            left join lateral (
                select h.subscription_id from license_health h where h.subscription_id = m.subscription_id limit 1
            ) h on true
            where h.subscription_id is null
            on conflict do nothing
            returning subscription_id
        ), due as (
            select h.subscription_id from license_health h
            where h.subscription_id in (select m.subscription_id from marked m)
            for no key update of h skip locked
        ), counted as (
            -- The marks of locked rows remain for the next run; those of deleted licenses are of no use.
            delete from health_marks m
            where m.subscription_id in (select due.subscription_id from due union all select added.subscription_id from added)
               or not exists (select from subscriptions s where s.subscription_id = m.subscription_id)
        )
        update license_health h set due_at = least(h.due_at, now()), marks = h.marks + 1
        from due where h.subscription_id = due.subscription_id
        """;

    /// <summary>
    /// Makes licenses due whose facts have changed: those with marks. Those that another session has locked wait for the next run.
    /// </summary>
    public Task MarkAsync(CancellationToken cancellationToken) =>
        database.InStatementAsync(
            (connection, token) => connection.ExecuteAsync(new CommandDefinition(DueByMark, cancellationToken: token)), cancellationToken);

    private const string Due = """
        select h.subscription_id from license_health h
        where h.due_at <= now() and exists (select from license_tokens t where t.subscription_id = h.subscription_id)
          and h.subscription_id <> all (@skipped)
        order by h.due_at limit @limit
        """;

    /// <summary>Licenses to score, the longest due first. A license without any token can't be scored and stays due.</summary>
    /// <param name="limit">The highest number of licenses.</param>
    /// <param name="skipped">Licenses that this run has skipped.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    public async Task<IReadOnlyList<Guid>> DueAsync(int limit, Guid[] skipped, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<Guid>(
            new CommandDefinition(Due, new { limit, skipped }, cancellationToken: cancellationToken))).AsList();
    }

    // Marks have no index by license, so they are read once. They and the due time remain until the timer runs. Meanwhile, they
    // cause at most one score every 10 seconds.
    private const string Outdated = """
        with marked as materialized (
            select distinct m.subscription_id from health_marks m where m.subscription_id = any(@subscriptionIds)
        )
        select a.subscription_id
        from unnest(@subscriptionIds) as a (subscription_id)
        join subscriptions s using (subscription_id)
        cross join lateral (
            select c.token_id, c.is_active, c.revoked_reason, c.expires_at, c.last_used_at
            from v_current_license_tokens c where c.subscription_id = a.subscription_id limit 1
        ) t
        left join license_health h on h.subscription_id = a.subscription_id
        where h.scored_at is null or (h.is_silent and t.last_used_at > h.scored_at)
           or (h.scored_at <= now() - interval '10 seconds'
               and (h.due_at <= now() or a.subscription_id in (select m.subscription_id from marked m)))
           or h.platform_facts is distinct from platform_facts_hash(
                  subscription_state_of(s.state)::text, is_subscription_active(s.is_active), s.paused_reason, t.token_id,
                  t.is_active is true, t.revoked_reason, t.expires_at)
        """;

    /// <summary>
    /// Those of these licenses that have no score, are due, or have changed since they were scored; without those that were scored in the
    /// last 10 seconds, unless the platform changed them, or they were used after a silence.
    /// </summary>
    public async Task<Guid[]> OutdatedAsync(Guid[] subscriptionIds, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return
        [
            .. await session.Connection.QueryAsync<Guid>(
                new CommandDefinition(Outdated, new { subscriptionIds }, cancellationToken: session.Token)),
        ];
    }

    // Tables with many rows per license are read license by license, so the cost depends only on the number of requested licenses.
    private const string Load = """
        select a.subscription_id, coalesce(h.marks, 0) as marks,
               platform_facts_hash(
                   subscription_state_of(s.state)::text, is_subscription_active(s.is_active), s.paused_reason, t.token_id,
                   t.is_active is true, t.revoked_reason, t.expires_at) as platform_facts,
               t.is_active is true as token_active, t.revoked_reason, null::timestamptz as overlap_until, t.expires_at, l.grace_until,
               subscription_state_of(s.state)::text as state, is_subscription_active(s.is_active) as subscription_active, s.paused_reason,
               o.only_for_expiry, o.reason as suspension_reason, o.took_token, o.stands, o.caused_by_device,
               now() as now, shown_time(s.created_at) as issued_at, greatest(t.last_used_at, d.last_seen_at) as last_used_at,
               d.used::int as devices_used, d.granted::int as devices_granted, c.changes::int as device_changes,
               g.received::bigint as signals_received, g.rejected::bigint as signals_rejected, e.severities, e.answerable,
               n.auto_renew, n.price_usd, n.last_paid_usd, n.amount_usd, n.is_price_frozen, n.price_accepted, n.wallet_usd,
               n.payment_method_id, n.payment_provider, n.provider_customer_id, n.provider_payment_id, n.expiry_month, n.expiry_year,
               n.details_changed_at, n.last_decline, n.is_charge_open, v.causes, v.last_lift_at
        from unnest(@subscriptionIds) as a (subscription_id)
        join subscriptions s using (subscription_id)
        cross join lateral (
            select c.token_id, c.is_active, c.revoked_reason, c.expires_at, c.last_used_at
            from v_current_license_tokens c where c.subscription_id = a.subscription_id limit 1
        ) t
        cross join lateral (
            select count(*) filter (where d.removed_at is null) as used,
                   count(*) filter (where d.removed_at is null and d.beyond_limit) as granted, max(d.last_seen_at) as last_seen_at
            from license_devices d where d.subscription_id = a.subscription_id
        ) d
        cross join lateral (
            select count(*) as changes from license_device_changes c
            where c.subscription_id = a.subscription_id and c.changed_at > now() - interval '30 days'
        ) c
        cross join lateral (
            select coalesce(sum(g.signals_received), 0) as received, coalesce(sum(g.signals_rejected), 0) as rejected
            from usage_rollups g where g.subscription_id = a.subscription_id and g.hour_at > now() - interval '7 days'
        ) g
        cross join lateral (
            select coalesce(array_agg(e.severity::text), '{}') as severities,
                   coalesce(array_agg(e.measure <> 'SUSPENDED' and e.customer_confirmed_at is null and e.customer_denied_at is null), '{}')
                       as answerable
            from suspicious_activity_alerts e
            where e.subscription_id = a.subscription_id and is_alert_open(e.status) and is_about_use(e.activity_type)
        ) e
        cross join lateral open_suspension_facts(a.subscription_id, t.token_id, null, s.state, s.paused_reason) o
        cross join lateral (
            select coalesce(array_agg(v.cause) filter (where v.closed_at is null), '{}') as causes,
                   max(v.closed_at) filter (where v.closed_how = 'OWNER') as last_lift_at
            from license_suspensions v where v.subscription_id = a.subscription_id
        ) v
        -- The renewal as the charge and its preview read it. Without the limit, the planner would compute the view for all licenses.
        cross join lateral (
            select r.auto_renew, r.price_usd, r.last_paid_usd, r.amount_usd, r.is_price_frozen, r.price_accepted, r.wallet_usd,
                   r.payment_method_id, r.payment_provider, r.provider_customer_id, r.provider_payment_id, r.expiry_month, r.expiry_year,
                   r.details_changed_at, r.last_decline,
                   coalesce(is_charge_open(r.status), false) or r.has_unbooked_charge as is_charge_open
            from next_renewals r where r.subscription_id = a.subscription_id limit 1
        ) n
        left join license_health h on h.subscription_id = a.subscription_id
        left join license_states l on l.subscription_id = a.subscription_id
        """;

    /// <summary>The facts of these licenses. Licenses without any token are left out.</summary>
    /// <param name="subscriptionIds">The licenses.</param>
    /// <param name="maxDevices">The configured limit, 1 or more.</param>
    /// <param name="policy">The forecast of the next renewal's payment depends on it.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    /// <param name="skip">Called for a license whose facts can't be read; the others are returned.</param>
    public async Task<List<HealthRow>> LoadAsync(
        Guid[] subscriptionIds, int maxDevices, RenewalPolicy policy, Action<Guid, Exception> skip, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        await using var reader = await connection.ExecuteReaderAsync(
            new CommandDefinition(Load, new { subscriptionIds }, cancellationToken: cancellationToken));
        var license = new LicenseFactsColumns(reader);
        var rows = new List<HealthRow>(subscriptionIds.Length);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid("subscription_id");
            try
            {
                rows.Add(Map(reader, license.Read(), maxDevices, policy));
            }
            catch (Exception unreadable) when (unreadable is not DbException)
            {
                skip(id, unreadable);
            }
        }

        return rows;
    }

    private const string Postpone = """
        update license_health set due_at = now() + interval '1 hour'
        where subscription_id in (
            select subscription_id from license_health where subscription_id = any(@skipped) for no key update skip locked)
        """;

    /// <summary>Licenses that can't be scored are tried again in an hour, so that they don't use up the batches.</summary>
    public Task<int> PostponeAsync(Guid[] skipped, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Postpone, new { skipped }, cancellationToken: token)), cancellationToken);

    private static HealthRow Map(DbDataReader row, LicenseFacts license, int maxDevices, RenewalPolicy policy) =>
        new(row.GetGuid("subscription_id"), row.GetInt64("marks"), row.GetInt64("platform_facts"), license, new HealthFacts(
            Now: row.Time("now")!.Value,
            LicenseStatus.Active,
            IssuedAt: row.Time("issued_at")!.Value,
            license.ExpiresAt,
            LastUsedAt: row.Time("last_used_at"),
            DevicesUsed: row.GetInt32("devices_used"),
            maxDevices + row.GetInt32("devices_granted"),
            DeviceChanges: row.GetInt32("device_changes"),
            SignalsReceived: row.GetInt64("signals_received"),
            SignalsRejected: row.GetInt64("signals_rejected"),
            OpenAlerts: [.. row.GetFieldValue<string[]>("severities").Zip(
                row.GetFieldValue<bool[]>("answerable"),
                (severity, canAnswer) => new OpenAlert(EnumWords.Parse<AlertSeverity>(severity), canAnswer))],
            new PaymentFacts(
                row.GetBoolean("auto_renew"), Forecast(row, license.ExpiresAt, policy).Obstacle, row.GetBoolean("is_charge_open")))
        {
            CanLift = Array.FindAll(row.GetFieldValue<string[]>("causes"), SuspensionCause.IsLiftable) is { Length: > 0 } causes
                && Array.TrueForAll(
                    causes, cause => SubscriberLift.IsAllowed(cause, row.Time("last_lift_at"), row.Time("now")!.Value)),
        });

    private static RenewalForecast Forecast(DbDataReader row, DateTimeOffset? expiresAt, RenewalPolicy policy) =>
        RenewalForecast.OfPayment(
            expiresAt,
            RenewalPrice.Of(
                storedUsd: Value<decimal>(row, "amount_usd"),
                isFrozen: row.GetBoolean("is_price_frozen"),
                isAccepted: row.GetBoolean("price_accepted"),
                activeUsd: Value<decimal>(row, "price_usd"),
                lastPaidUsd: Value<decimal>(row, "last_paid_usd"),
                policy),
            debtUsd: 0, // below the minimum of card payments, so it is no obstacle
            row.GetDecimal("wallet_usd"),
            Card(row),
            row.Text(row.GetOrdinal("last_decline")),
            policy);

    private static SavedCard? Card(DbDataReader row) => SavedCard.Of(
        Value<Guid>(row, "payment_method_id"),
        row.Text(row.GetOrdinal("payment_provider")),
        row.Text(row.GetOrdinal("provider_customer_id")),
        row.Text(row.GetOrdinal("provider_payment_id")),
        Value<int>(row, "expiry_month"),
        Value<int>(row, "expiry_year"),
        row.Time("details_changed_at"));

    private static T? Value<T>(DbDataReader row, string column) where T : struct =>
        row.IsDBNull(column) ? null : row.GetFieldValue<T>(column);

    private const string Save = """
        with free as (
            select h.subscription_id, h.score, h.contributions, h.scored_at
            from license_health h join subscriptions s using (subscription_id)
            where h.subscription_id = any (@ids)
            for no key update of h skip locked
            for key share of s skip locked -- license_health_days references it
        ),
        scored as (
            select n.*, free.score as score_before, free.contributions as contributions_before
            from unnest(@ids, @scores, @statuses, @contributions::jsonb[], @silent, @scoredAt, @dueAt, @marks, @platformFacts)
                as n (subscription_id, score, status, contributions, is_silent, scored_at, due_at, marks, platform_facts)
            join free using (subscription_id)
            where free.scored_at is null or free.scored_at < n.scored_at
        ),
        saved as (
            update license_health h
            set score = n.score, status = n.status, contributions = n.contributions, is_silent = n.is_silent, scored_at = n.scored_at,
                due_at = case when h.marks = n.marks then n.due_at else h.due_at end, platform_facts = n.platform_facts
            from scored n where h.subscription_id = n.subscription_id
        ),
        days as (
            insert into license_health_days as d (subscription_id, day, score, previous_score, gained, lost)
            select n.subscription_id, (n.scored_at at time zone 'UTC')::date, n.score, n.score_before,
                   (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(n.contributions) c
                    where not n.contributions_before @> jsonb_build_array(c - '{code,values}'::text[])),
                   (select coalesce(jsonb_agg(c), '[]') from jsonb_array_elements(n.contributions_before) c
                    where not n.contributions @> jsonb_build_array(c - '{code,values}'::text[]))
            from scored n
            where n.score is distinct from n.score_before
            on conflict (subscription_id, day) do update
                set score = excluded.score, gained = d.gained || excluded.gained, lost = d.lost || excluded.lost
        )
        select h.subscription_id from license_health h
        where h.subscription_id = any (@ids) and not exists (select from free where free.subscription_id = h.subscription_id)
        """;

    /// <summary>Stores scores, and the last score of each day. An older score never replaces a newer one.</summary>
    /// <returns>The licenses whose scores are not stored, because another session has locked their rows.</returns>
    public async Task<List<Guid>> SaveAsync(IReadOnlyList<ScoredHealth> scored, CancellationToken cancellationToken) =>
        (await database.InTransactionAsync((connection, token) => connection.QueryAsync<Guid>(new CommandDefinition(Save, new
        {
            ids = scored.Select(one => one.Row.SubscriptionId).ToArray(),
            scores = scored.Select(one => (short)one.Report.Score).ToArray(),
            statuses = scored.Select(one => EnumWords.UpperOf(one.Status)).ToArray(),
            contributions = scored.Select(one => RowJson.Of(one.Report.Contributions.Select(Stored))).ToArray(),
            silent = scored.Select(one => one.Report.IsSilent).ToArray(),
            scoredAt = scored.Select(one => one.Row.Facts.Now.UtcDateTime).ToArray(),
            dueAt = scored.Select(one => one.DueAt.UtcDateTime).ToArray(),
            marks = scored.Select(one => one.Row.Marks).ToArray(),
            platformFacts = scored.Select(one => one.Row.PlatformFacts).ToArray(),
        }, cancellationToken: token)), cancellationToken)).AsList();

    // Rows of earlier versions have no code and no values, so these are not compared. The reason says the same.
    private static object Stored(HealthContribution one) => new
    {
        one.Part,
        one.Points,
        one.Reason,
        one.Action,
        one.Recommendation,
        Code = EnumWords.UpperOf(one.Code),
        Values = JsonSerializer.SerializeToElement(one.Values, WithoutNulls),
    };

    private static readonly JsonSerializerOptions WithoutNulls =
        new(RowJson.Options) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private const string Details = """
        select master from listed_licenses where subscription_id = @subscriptionId;

        select coalesce(sum(signals_received), 0)::bigint as signals_received_24h,
               coalesce(sum(signals_executed), 0)::bigint as signals_executed_24h,
               coalesce(sum(signals_rejected), 0)::bigint as signals_rejected_24h,
               (sum(latency_weighted) / nullif(sum(latency_signals), 0))::int as avg_latency_ms
        from usage_sums where subscription_id = @subscriptionId and hour_at > now() - interval '24 hours';

        select distinct activity_type from suspicious_activity_alerts
        where subscription_id = @subscriptionId and is_alert_open(status) and is_about_use(activity_type) order by activity_type;

        select to_char(g.day, 'YYYY-MM-DD') as day,
               (select d.score from license_health_days d
                where d.subscription_id = @subscriptionId and d.day <= g.day::date order by d.day desc limit 1) as score
        from generate_series((now() at time zone 'UTC')::date - 29, (now() at time zone 'UTC')::date, interval '1 day') as g (day)
        order by g.day;

        select to_char(day, 'YYYY-MM-DD') as day, previous_score as "from", score as "to", gained::text as gained, lost::text as lost
        from license_health_days where subscription_id = @subscriptionId order by license_health_days.day desc limit 10;
        """;

    /// <summary>The other parts of a report: the master, use in 24 hours, open alerts, scores of 30 days, the last changes.</summary>
    public async Task<HealthDetails> DetailsAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        await using var read = await connection.QueryMultipleAsync(
            new CommandDefinition(Details, new { subscriptionId }, cancellationToken: cancellationToken));
        return new HealthDetails(
            await read.ReadSingleAsync<string>(),
            await read.ReadSingleAsync<DailyUsage>(),
            [.. await read.ReadAsync<string>()],
            [.. await read.ReadAsync<DailyScore>()],
            [.. await read.ReadAsync<ScoreChange>()]);
    }

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    public Task<bool> IsVisibleAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken) =>
        LicenseVisibility.IsVisibleAsync(database, subscriptionId, subscriberId, cancellationToken);
}

/// <summary>The usage figures of the first version's API.</summary>
public sealed record DailyUsage(
    long SignalsReceived24h, long SignalsExecuted24h, long SignalsRejected24h, int? AvgLatencyMs);

/// <param name="Day">yyyy-MM-dd, UTC.</param>
/// <param name="Score">Null before the first score.</param>
public sealed record DailyScore(string Day, short? Score);

/// <param name="Gained">JSON: new contributions.</param>
/// <param name="Lost">JSON: contributions that no longer apply.</param>
public sealed record ScoreChange(string Day, short? From, short To, string Gained, string Lost);

public sealed record HealthDetails(
    string Master, DailyUsage Usage, IReadOnlyList<string> Activities, IReadOnlyList<DailyScore> Trend, IReadOnlyList<ScoreChange> Changes);
