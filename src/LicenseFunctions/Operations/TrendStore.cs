using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Telemetry;

namespace LicenseFunctions.Operations;

/// <summary>What happened on one day (UTC).</summary>
public sealed record TrendDay
{
    public DateOnly Day { get; init; }

    /// <summary>License checks; null for a day before they were counted by day.</summary>
    public long? Checks { get; init; }

    /// <summary>Of these, the ones that were not valid.</summary>
    public long? Refused { get; init; }

    /// <summary>Licenses that were renewed.</summary>
    public int Renewed { get; init; }

    /// <summary>What was paid, as in the reports' revenue: by the time of the payment, without free and deferred renewals.</summary>
    public decimal RevenueUsd { get; init; }

    /// <summary>Refunded on this day.</summary>
    public decimal RefundedUsd { get; init; }

    /// <summary>Licenses with a failed payment.</summary>
    public int Failed { get; init; }

    /// <summary>Of these, the ones that were renewed since.</summary>
    public int Recovered { get; init; }

    /// <summary>Alerts that were raised.</summary>
    public int Alerts { get; init; }

    /// <summary>Of these, the ones that are still open.</summary>
    public int AlertsOpen { get; init; }

    public int AlertsResolved { get; init; }

    public int AlertsFalse { get; init; }
}

/// <summary>Reads what happened by day, from counts, booked payments, events and alerts.</summary>
public sealed class TrendStore(LicenseDatabase database)
{
    // Events are kept for 90 days. A refund event has the sum of the renewal's refunds, so the refund of a day is the difference to the
    // event before.
    private const string Read = """
        with days as (
            select day::date as day from generate_series(@first::date, (now() at time zone 'UTC')::date, interval '1 day') as day
        ), checks as (
            select day, sum(value)::bigint as checks, sum(value) filter (where label <> all (@valid))::bigint as refused
            from metric_days where name = @checks and day >= @first::date group by day
        ), events as materialized (
            select (e.occurred_at at time zone 'UTC')::date as day, e.occurred_at, e.subscription_id, e.type, e.data
            from license_events e
            where e.occurred_at >= @first at time zone 'UTC'
              and e.type in ('license.renewed', 'license.payment_failed', 'payment.refunded')
        ), renewed as (
            select (paid_at at time zone 'UTC')::date as day, count(distinct subscription_id)::int as renewed,
                   coalesce(sum(amount_usd) filter (where is_paid), 0) as revenue_usd
            from booked_payments
            where paid_at >= @first at time zone 'UTC'
            group by 1
        ), refund_steps as (
            -- All that are kept: each has the sum that was refunded until then, also before the first day.
            select (occurred_at at time zone 'UTC')::date as day,
                   (data ->> 'refunded_usd')::numeric
                   - coalesce(lag((data ->> 'refunded_usd')::numeric)
                                  over (partition by data ->> 'renewal_id' order by occurred_at), 0) as usd
            from license_events where type = 'payment.refunded'
        ), refunded as (
            select day, sum(usd) as refunded_usd from refund_steps where day >= @first::date group by day
        ), failed as (
            select f.day, count(distinct f.subscription_id)::int as failed,
                   count(distinct f.subscription_id) filter (where r.last_at > f.occurred_at)::int as recovered
            from events f
            left join (select subscription_id, max(occurred_at) as last_at from events where type = 'license.renewed'
                       group by subscription_id) r on r.subscription_id = f.subscription_id
            where f.type = 'license.payment_failed'
            group by f.day
        ), alerts as (
            select (detected_at at time zone 'UTC')::date as day, count(*)::int as alerts,
                   count(*) filter (where is_alert_open(status))::int as alerts_open,
                   count(*) filter (where status = 'RESOLVED')::int as alerts_resolved,
                   count(*) filter (where status = 'FALSE_POSITIVE')::int as alerts_false
            from suspicious_activity_alerts
            -- All statuses, so that the index by status and time is used.
            where status in ('OPEN', 'INVESTIGATING', 'RESOLVED', 'FALSE_POSITIVE')
              and detected_at >= @first at time zone 'UTC' and detected_at < now() + interval '1 day'
            group by 1
        )
        select d.day, c.checks, coalesce(c.refused, case when c.checks is not null then 0 end) as refused,
               coalesce(n.renewed, 0) as renewed, coalesce(n.revenue_usd, 0) as revenue_usd, coalesce(b.refunded_usd, 0) as refunded_usd,
               coalesce(f.failed, 0) as failed, coalesce(f.recovered, 0) as recovered, coalesce(a.alerts, 0) as alerts,
               coalesce(a.alerts_open, 0) as alerts_open, coalesce(a.alerts_resolved, 0) as alerts_resolved,
               coalesce(a.alerts_false, 0) as alerts_false
        from days d
        left join checks c on c.day = d.day
        left join renewed n on n.day = d.day
        left join refunded b on b.day = d.day
        left join failed f on f.day = d.day
        left join alerts a on a.day = d.day
        order by d.day
        """;

    /// <summary>The days from <paramref name="first"/> to today.</summary>
    /// <param name="valid">The codes of checks that are not refusals.</param>
    public async Task<IReadOnlyList<TrendDay>> ReadAsync(
        DateOnly first, IReadOnlyCollection<string> valid, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<TrendDay>(new CommandDefinition(
            Read, new { first = first.ToDateTime(TimeOnly.MinValue), valid = valid.ToArray(), checks = ProcessCounts.Checks },
            cancellationToken: session.Token))).AsList();
    }
}
