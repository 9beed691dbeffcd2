using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;

namespace LicenseFunctions.Renewals;

/// <summary>A number of a report; docs/renewals.md defines the reports.</summary>
public sealed record ReportRow
{
    /// <summary>revenue_paid, revenue_returned, mrr, churn, renewals, recovery_by_attempt, recovery_by_code and so on.</summary>
    public string Report { get; init; } = "";

    /// <summary>What the row is about: a month, a status, a code, a number.</summary>
    public string Group { get; init; } = "";

    public long Count { get; init; }

    /// <summary>What <see cref="Count"/> is a part of; null if it isn't a part.</summary>
    public long? Of { get; init; }

    public decimal? AmountUsd { get; init; }
}

/// <summary>The reports about renewals, for operators. Each is one statement over a period: from inclusive, to exclusive.</summary>
public sealed class ReportStore(LicenseDatabase database)
{
    // Index license_renewal_history_paid.
    private const string Revenue = """
        with paid as (
            select to_char(b.paid_at at time zone 'UTC', 'YYYY-MM') as month, b.amount_usd,
                   coalesce(e.refunded_minor + e.charged_back_minor, 0) / 100.0 as returned_usd
            from booked_payments b
            left join reversal_effects e on e.renewal_id = b.renewal_id
            where b.paid_at >= @from and b.paid_at < @to and b.is_paid
        )
        select 'revenue_paid' as report, month as "group", count(*) as count, null::bigint as of, sum(amount_usd) as amount_usd
        from paid group by month
        union all
        select 'revenue_returned', month, count(*) filter (where returned_usd > 0), count(*), round(sum(returned_usd), 2)
        from paid group by month
        order by 1, 2
        """;

    // The last day of each month.
    private const string Recurring = """
        select distinct on (date_trunc('month', day))
               'mrr' as report, to_char(day, 'YYYY-MM-DD') as "group", licenses as count, null::bigint as of, amount_usd
        from recurring_revenue_days
        where day >= (@from at time zone 'UTC')::date and day < @to at time zone 'UTC'
        order by date_trunc('month', day), day desc
        """;

    // Index paid_periods_by_end. A period whose grace isn't over is not counted yet.
    private const string Churn = """
        select 'churn' as report, to_char(r.paid_until at time zone 'UTC', 'YYYY-MM') as "group",
               count(*) filter (where not exists (
                   select from renewals n
                   where n.subscription_id = r.subscription_id and n.status = 'applied' and n.paid_until > r.paid_until)) as count,
               count(*) as of, null::numeric as amount_usd
        from renewals r
        where r.status = 'applied' and r.paid_until >= @from and r.paid_until < @to and r.paid_until < now() - @grace
        group by 2
        order by 2
        """;

    // Index renewals_by_period.
    private const string ByStatus = """
        select 'renewals' as report, status as "group", count(*) as count, (sum(count(*)) over ())::bigint as of,
               sum(amount_usd) as amount_usd
        from renewals
        where period_start >= @from and period_start < @to
        group by status
        order by count(*) desc, status
        """;

    // Index renewal_attempts_by_time.
    private const string Recovery = """
        with declined as materialized (
            select distinct on (a.renewal_id) a.renewal_id, coalesce(a.code, a.status) as code, a.first_sent_at
            from renewal_attempts a
            where a.first_sent_at >= @from and a.first_sent_at < @to
              and a.status in ('soft_declined', 'hard_declined', 'needs_authentication')
            order by a.renewal_id, a.number
        ), outcomes as (
            select d.code, r.status = 'applied' and r.paid_with not in ('nothing', 'deferred') as is_paid,
                   extract(day from s.updated_at - d.first_sent_at)::int as day
            from declined d
            join renewals r on r.renewal_id = d.renewal_id
            left join renewal_attempts s on s.renewal_id = d.renewal_id and s.status = 'succeeded'
        )
        select 'recovery_by_attempt' as report, a.number::text as "group", count(*) filter (where a.status = 'succeeded') as count,
               count(*) as of, null::numeric as amount_usd, a.number::bigint as place
        from declined d
        join renewal_attempts a on a.renewal_id = d.renewal_id and a.number > 1
        group by a.number
        union all
        select 'recovery_by_code', code, count(*) filter (where is_paid), count(*), null, -count(*) from outcomes group by code
        union all
        select 'recovery_by_day', coalesce(day::text, 'wallet'), count(*), (select count(*) from outcomes), null, coalesce(day, 1000)
        from outcomes where is_paid group by day
        order by report, place, "group"
        """;

    // Index renewals_by_status.
    private const string Consents = """
        select 'price_consents' as report, 'pending' as "group", count(*) as count, null::bigint as of,
               coalesce(sum(amount_usd), 0) as amount_usd
        from renewals
        where status = 'awaiting_consent'
        """;

    // Reads all active licenses, so it runs once an hour, and in slices once a day. The condition without columns is checked first.
    private const string CountRecurring = """
        insert into recurring_revenue_days (day, licenses, amount_usd)
        select (now() at time zone 'UTC')::date, count(*), coalesce(sum(p.monthly_fee_usd), 0)
        from active_licenses a
        join active_prices p on p.master_id = a.master_id
        where a.expires_at > now() and a.auto_renews and p.monthly_fee_usd > 0
        having not exists (
            select from recurring_revenue_days d
            where d.counted_at > now() - interval '1 hour' or (@isSlice and d.day = (now() at time zone 'UTC')::date))
        on conflict (day) do update set licenses = excluded.licenses, amount_usd = excluded.amount_usd, counted_at = now()
        """;

    /// <summary>Counts today's recurring revenue, unless it was counted within the last hour or, in a slice, today.</summary>
    public Task<int> CountRecurringAsync(CancellationToken cancellationToken) => database.InStatementAsync(
        (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(CountRecurring, new { isSlice = TimeSlice.IsActive }, cancellationToken: token)),
        cancellationToken);

    /// <param name="grace">How long after its expiry a license can still be renewed in time.</param>
    public async Task<IReadOnlyList<ReportRow>> ReadAsync(
        DateTime from, DateTime to, TimeSpan grace, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var rows = new List<ReportRow>();
        foreach (var statement in (string[])[Revenue, Recurring, Churn, ByStatus, Recovery, Consents])
        {
            rows.AddRange(await session.Connection.QueryAsync<ReportRow>(
                new CommandDefinition(statement, new { from, to, grace }, cancellationToken: session.Token)));
        }

        return rows;
    }
}
