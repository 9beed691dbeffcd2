using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

public sealed class ReportStoreTests(PostgresFixture postgres)
{
    private static readonly DateTime From = new(2025, 3, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime To = new(2025, 5, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>
    /// Renewals of one license each: start and status; how it was paid, with the open amount that it included, and what was given back in
    /// cents; its attempts with status, code, days after the start. The period before the start was paid, too.
    /// </summary>
    private const string Renewals = """
        create temporary table given (
            number int, start timestamptz, status text, paid_with text, debts numeric, returned int, attempts jsonb);
        insert into given values
            (1, '2025-03-31 23:59:59.9Z', 'applied', 'card', 0.40, 500, '[["succeeded", null, 0]]'),
            (2, '2025-04-01 06:00Z', 'applied', 'wallet', 0, 0, '[]'),
            (3, '2025-04-02Z', 'applied', 'card', 0, 0,
                '[["soft_declined", "insufficient_funds", 0], ["soft_declined", "do_not_honor", 1], ["succeeded", null, 3]]'),
            (4, '2025-04-03Z', 'applied', 'wallet', 0, 2000, '[["soft_declined", "insufficient_funds", 0]]'),
            (5, '2025-04-04Z', 'lapsed', null, 0, 0, '[["hard_declined", "lost_card", 0], ["soft_declined", "do_not_honor", 2]]'),
            (6, '2025-04-05Z', 'applied', 'nothing', 0, 0, '[]'),
            (7, '2025-05-01Z', 'applied', 'wallet', 0, 0, '[]'),
            (8, '2025-02-28 23:00Z', 'applied', 'wallet', 0, 0, '[["soft_declined", "insufficient_funds", 0]]'),
            (9, '2025-04-30Z', 'awaiting_consent', null, 0, 0, '[]');
        insert into users (user_id, email, role)
        select
            ('00000000-0000-4000-8000-0000000001' || lpad(number::text, 2, '0'))::uuid, 's' || number || '@x.test', 'subscriber' from given
        union all select '00000000-0000-4000-8000-000000000100', 'm@x.test', 'master';
        insert into master_pricing (master_id, monthly_fee_usd) values ('00000000-0000-4000-8000-000000000100', 30);
        insert into subscriptions (subscription_id, subscriber_id, master_id)
        select ('00000000-0000-4000-8000-0000000003' || lpad(number::text, 2, '0'))::uuid,
               ('00000000-0000-4000-8000-0000000001' || lpad(number::text, 2, '0'))::uuid, '00000000-0000-4000-8000-000000000100'
        from given;
        -- Licenses 1 to 3 are valid, and 3 doesn't renew automatically.
        insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
        select ('00000000-0000-4000-8000-0000000003' || lpad(number::text, 2, '0'))::uuid, 'hash-' || number,
               case when number <= 3 then now() + interval '9 days' else start end, jsonb_build_object('auto_renew', number <> 3)
        from given;
        insert into renewals
            (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, debts_usd, gives_up_at, paid_with,
             paid_from, paid_until)
        select ('00000000-0000-4000-8000-0000000005' || lpad(number::text, 2, '0'))::uuid,
               ('00000000-0000-4000-8000-0000000003' || lpad(number::text, 2, '0'))::uuid,
               ('00000000-0000-4000-8000-0000000001' || lpad(number::text, 2, '0'))::uuid, start, 'auto', status, 30, debts, start,
               paid_with, case when status = 'applied' then start end,
               case when status = 'applied' then start + interval '720 hours' end
        from given;
        insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with, paid_from,
                              paid_until)
        select subscription_id, user_id, period_start - interval '720 hours', 'auto', 'applied', 30, period_start, 'wallet',
               period_start - interval '720 hours', period_start
        from renewals;
        insert into renewal_attempts
            (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code,
             transaction_id, updated_at)
        select uuid_generate_v4(), r.renewal_id, a.number, 'stripe', uuid_generate_v4(), '{}',
               g.start + (a.one ->> 2)::int * interval '24 hours', a.number = 1, a.one ->> 0, a.one ->> 1,
               case when a.one ->> 0 = 'succeeded' then 'ch_' || g.number end, g.start + (a.one ->> 2)::int * interval '24 hours'
        from given g
        join renewals r on r.period_start = g.start
        cross join lateral jsonb_array_elements(g.attempts) with ordinality as a (one, number);
        insert into license_renewal_history (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, status)
        select coalesce(a.attempt_id, r.renewal_id), r.period_start, r.subscription_id, r.user_id, 'auto', 30, 'success'
        from given g
        join renewals r on r.period_start = g.start and r.status = 'applied'
        left join renewal_attempts a on a.renewal_id = r.renewal_id and a.status = 'succeeded';
        insert into reversal_effects (renewal_id, share, taken, stopped_auto_renewal, refunded_minor, charged_back_minor)
        select r.renewal_id, 0, '0', false, g.returned, 0 from given g join renewals r on r.period_start = g.start where g.returned > 0
        """;

    [Fact]
    public async Task Read_APeriod_CountsItsStartAndNotItsEnd()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(Renewals);
        await database.ExecuteAsync(
            """
            insert into recurring_revenue_days (day, licenses, amount_usd, counted_at)
            values ('2025-02-28', 1, 1, '2025-02-28Z'), ('2025-03-30', 2, 2, '2025-03-30Z'), ('2025-03-31', 3, 3, '2025-03-31Z'),
                   ('2025-04-30', 4, 4, '2025-04-30Z'), ('2025-05-01', 5, 5, '2025-05-01Z')
            """);

        var rows = await new ReportStore(database.Database).ReadAsync(
            From, To, TimeSpan.FromDays(3), TestContext.Current.CancellationToken);

        Assert.Equal(
            [
                "revenue_paid 2025-03 1 30.40",
                "revenue_paid 2025-04 3 90.00",
                "revenue_returned 2025-03 1/1 5.00",
                "revenue_returned 2025-04 1/3 20.00",
                "mrr 2025-03-31 3 3.00",
                "mrr 2025-04-30 4 4.00",
                "churn 2025-03 1/2", // nothing was paid after 8
                "churn 2025-04 3/7", // after 1, and after the periods before 5 and 9
                "renewals applied 13/15 390.00",
                "renewals awaiting_consent 1/15 30.00",
                "renewals lapsed 1/15 30.00",
                "recovery_by_attempt 2 0/2",
                "recovery_by_attempt 3 1/1",
                "recovery_by_code insufficient_funds 2/2",
                "recovery_by_code lost_card 0/1",
                "recovery_by_day 3 1/3",
                "recovery_by_day wallet 1/3",
                "price_consents pending 1 30.00",
            ],
            rows.Select(row => $"{row.Report} {row.Group} {row.Count}" + (row.Of is { } of ? $"/{of}" : "")
                + (row.AmountUsd is { } usd ? FormattableString.Invariant($" {usd:0.00}") : "")));
    }

    [Fact]
    public async Task ShowReports_AsJsonAndAsCsv_HasEveryReport_ForOperatorsOnly()
    {
        const string path = "/api/v1/reports?from=2025-03-01T00:00:00Z&to=2025-05-01T00:00:00Z";
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(Renewals);
        await database.ExecuteAsync("insert into recurring_revenue_days (day, licenses, amount_usd) values ('2025-03-31', 3, 3)");
        await using var app = await RunningApp.StartHereAsync(database);

        var (status, shown, _) = await app.GetAsync(path, "Bearer " + RunningApp.Token("operator"));
        var csv = await CsvAsync(app, path);

        Assert.True(status == 200, shown?.ToJsonString());
        var rows = shown!["rows"]!.AsArray();
        Assert.Equal(
            [
                "revenue_paid", "revenue_returned", "mrr", "churn", "renewals", "recovery_by_attempt", "recovery_by_code",
                "recovery_by_day", "price_consents",
            ],
            rows.Select(row => (string?)row!["report"]).Distinct());
        Assert.Equal("report,group,count,of,amount_usd", csv[0]);
        Assert.Equal(
            rows.Select(row => $"{row!["report"]},{row["group"]},{row["count"]},{row["of"]},{row["amount_usd"]}"), csv.Skip(1));
        Assert.Equal(403, (await app.GetAsync(path, "Bearer " + RunningApp.Token("subscriber"))).Status);
    }

    private static async Task<string[]> CsvAsync(RunningApp app, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + RunningApp.Token("operator"));
        request.Headers.TryAddWithoutValidation("Accept", "text/csv");
        using var answer = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))
            .ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task CountRecurring_ReadsTheLicensesOnceAnHour()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(Renewals);
        var store = new ReportStore(database.Database);
        Task<string> CountedAsync() => database.QueryAsync<string>(
            "select concat_ws(' ', (now() at time zone 'UTC')::date = day, licenses, amount_usd) from recurring_revenue_days");

        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        Assert.Equal("t 2 60.00", await CountedAsync());
        await database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now() where token_hash = 'hash-1'");
        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        Assert.Equal("t 2 60.00", await CountedAsync());
        await database.ExecuteAsync("update recurring_revenue_days set counted_at = counted_at - interval '1 hour'");
        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        Assert.Equal("t 1 30.00", await CountedAsync());
    }

    /// <summary>Where timers don't fire, the work is done in slices only.</summary>
    [Fact]
    public async Task CountRecurring_InASlice_ReadsTheLicensesOnceADay()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(Renewals);
        var store = new ReportStore(database.Database);
        TimeSlice.Begin(TimeProvider.System, TimeSpan.FromSeconds(2));
        Task<IReadOnlyList<string>> CountedAsync() => database.QueryAllAsync<string>(
            "select concat_ws(' ', (now() at time zone 'UTC')::date - day, licenses) from recurring_revenue_days order by day desc");

        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        await database.ExecuteAsync(
            """
            update license_tokens set is_active = false, revoked_at = now() where token_hash = 'hash-1';
            update recurring_revenue_days set counted_at = counted_at - interval '2 hours'
            """);
        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["0 2"], await CountedAsync());
        await database.ExecuteAsync("update recurring_revenue_days set day = day - 1");
        await store.CountRecurringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["0 1", "1 2"], await CountedAsync());
    }
}
