using Dapper;
using LicenseFunctions.Health;
using LicenseFunctions.Home;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing.Health;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Health;

/// <summary>Scoring with a real database: what makes a license due, what is stored, what the report shows.</summary>
public sealed class ScoreLicensesTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly HealthSettings Settings = new(2, TimeSpan.FromDays(3));

    private static readonly RenewalPolicy Renewals = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });

    private TestDatabase database = null!;
    private ScoreLicenses score = null!;
    private ShowHealth show = null!;
    private Guid license;
    private Guid owner;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        var store = new HealthStore(database.Database);
        score = new ScoreLicenses(
            store, Settings, Renewals, new SkippedRows(database.Database, TimeProvider.System, NullLogger<SkippedRows>.Instance));
        show = new ShowHealth(store, score);
        (license, owner) = await database.QueryAsync<(Guid, Guid)>(
            """
            with people as (
                insert into users (email, role) values ('s@x.test', 'subscriber'), ('m@x.test', 'master') returning user_id, role),
            wallet as (insert into user_wallets (user_id, balance_usd) select user_id, 30 from people where role = 'subscriber'),
            price as (insert into master_pricing (master_id, monthly_fee_usd) select user_id, 30 from people where role = 'master'),
            subscription as (
                insert into subscriptions (subscriber_id, master_id, created_at)
                select (select user_id from people where role = 'subscriber'),
                       (select user_id from people where role = 'master'), now() - interval '90 days'
                returning subscription_id, subscriber_id),
            token as (
                insert into license_tokens (subscription_id, token_hash, expires_at, last_used_at, metadata)
                select subscription_id, repeat('a', 64), now() + interval '20 days', now() - interval '1 hour', '{"auto_renew": true}'
                from subscription)
            select subscription_id, subscriber_id from subscription
            """);
    }

    public async ValueTask DisposeAsync() => await database.DisposeAsync();

    [Fact]
    public async Task Run_ANewLicense_IsScoredAndTheViewShowsIt()
    {
        Assert.Equal(1, await score.RunAsync(Stop));

        Assert.Equal(100, await StoredAsync());
        Assert.Equal(100, await database.QueryAsync<int>("select health_score from v_license_health"));
    }

    [Fact]
    public async Task Run_Again_ScoresNothing()
    {
        await score.RunAsync(Stop);

        Assert.Equal(0, await score.RunAsync(Stop));
    }

    private const string OpenRenewal = """
        insert into renewals (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at)
        select gen_random_uuid(), s.subscription_id, s.subscriber_id, t.expires_at, 'auto', 'soft_declined', 30, now() + interval '23 days'
        from subscriptions s join license_tokens t using (subscription_id);
        """;

    private const string Declined = OpenRenewal + """
        update user_wallets set balance_usd = 0;
        insert into user_payment_methods
            (user_id, payment_provider, provider_customer_id, provider_payment_id, expiry_month, expiry_year, is_default)
        select subscriber_id, 'stripe', 'cus_1', 'pm_1', 1, 2099, true from subscriptions;
        insert into renewal_attempts
            (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code)
        select gen_random_uuid(), r.renewal_id, 1, 'stripe', m.payment_method_id, '{}', now(), true, 'soft_declined', 'insufficient_funds'
        from renewals r join user_payment_methods m on m.user_id = r.user_id;
        """;

    public static TheoryData<string, int> Changes => new()
    {
        { "select create_suspicious_activity_alert(subscription_id, 'MULTIPLE_IPS', 'HIGH', 'x') from subscriptions", 86 },
        { "update master_pricing set monthly_fee_usd = 31", 95 },
        { "update master_pricing set is_active = false", 95 },
        {
            """
            update user_wallets set balance_usd = 0;
            insert into user_payment_methods (user_id, payment_provider, provider_payment_id, expiry_month, expiry_year, is_default)
            select subscriber_id, 'stripe', 'pm_1', 1, 2020, true from subscriptions
            """, 95
        },
        {
            """
            update user_wallets set balance_usd = 0;
            insert into user_payment_methods
                (user_id, payment_provider, provider_customer_id, provider_payment_id, expiry_month, expiry_year, is_default)
            select subscriber_id, 'stripe', 'cus_1', 'pm_1', 1, 2099, true from subscriptions
            """, 100
        },
        { OpenRenewal + "update master_pricing set monthly_fee_usd = 31", 95 },
        { Declined + "update renewals set status = 'charging'", 100 },
        {
            """
            update master_pricing set monthly_fee_usd = 31;
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            select 'stripe', 'not_booked', 'pi_unbooked', subscription_id, 'a test' from subscriptions
            """, 100
        },
        // An intent keeps its price, so the wallet is still enough.
        { OpenRenewal + "update renewals set intent_id = 'pi_1'; update master_pricing set monthly_fee_usd = 31", 100 },
        { Declined, 95 },
        // The last period cost less, so the customer must agree to the price.
        {
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with,
                                  paid_from, paid_until)
            select s.subscription_id, s.subscriber_id, t.expires_at - interval '30 days', 'auto', 'applied', 20, now(), 'wallet',
                   t.expires_at - interval '30 days', t.expires_at
            from subscriptions s join license_tokens t using (subscription_id);
            update master_pricing set monthly_fee_usd = 25
            """, 95
        },
        {
            """
            update user_wallets set balance_usd = 0;
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
            select subscriber_id, 'paypal', 'cus_1', 'pm_1', true from subscriptions
            """, 95
        },
        { Declined + "update user_payment_methods set details_changed_at = now() + interval '1 second'", 100 },
        { Declined + "update user_payment_methods set payment_method_id = gen_random_uuid(), provider_payment_id = 'pm_2'", 100 },
        {
            """
            insert into license_devices
                (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
            select subscription_id, n::text, n::text, n, '192.0.2.1', n, now(), now() from subscriptions, generate_series(1, 3) n
            """, 90
        },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Find_AfterAChange_HasTheScoreOfTheMomentBeforeTheTimer(string change, int expected)
    {
        var list = NewList();
        Assert.Equal(100, (await list.FindAsync(license, owner, Stop)).Value.HealthScore);
        await score.RunAsync(Stop);
        await database.ExecuteAsync(ScoredEarlier);
        await database.ExecuteAsync(change);

        Assert.Equal(expected, (await list.FindAsync(license, owner, Stop)).Value.HealthScore);
    }

    private const string ScoredEarlier = "update license_health set scored_at = scored_at - interval '10 seconds'";

    private ListLicenses NewList() => new(
        database.Database, new LicenseListStore(database.Database, LicenseScene.ListSettings), score, NullLogger<ListLicenses>.Instance);

    [Theory]
    [InlineData("alter table health_marks rename to renamed_marks")]
    [InlineData("begin transaction; lock table health_marks")]
    public async Task Find_WhenScoringIsImpossible_HasTheStoredScore(string trouble)
    {
        await score.RunAsync(Stop);
        await database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'x'");
        await using var other = await database.Source.OpenConnectionAsync(Stop);
        await other.ExecuteAsync(trouble);

        var found = (await NewList().FindAsync(license, owner, Stop)).Value;

        Assert.Equal(("REVOKED", 100), (found.Status, found.HealthScore));
    }

    [Fact]
    public async Task ScoreOutdated_OfAMarkedLicense_ScoresItEvery10Seconds()
    {
        await score.RunAsync(Stop);
        await AddAlertAsync("HIGH");

        Assert.Empty(await score.ScoreOutdatedAsync([license], Stop));

        await database.ExecuteAsync(ScoredEarlier);
        Assert.Equal([86], (await score.ScoreOutdatedAsync([license], Stop)).Values);
        Assert.Empty(await score.ScoreOutdatedAsync([license], Stop));
    }

    [Fact]
    public async Task ScoreOutdated_OfALicenseThatHasNotChanged_ScoresNothing()
    {
        await score.RunAsync(Stop);

        Assert.Empty(await score.ScoreOutdatedAsync([license], Stop));

        await database.ExecuteAsync("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'x'");
        Assert.Equal([60], (await score.ScoreOutdatedAsync([license], Stop)).Values);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Run_AfterAChange_ScoresThatLicenseAgain(string change, int expected)
    {
        await score.RunAsync(Stop);
        await database.ExecuteAsync(change);

        Assert.Equal(1, await score.RunAsync(Stop));
        Assert.Equal(expected, await StoredAsync());
    }

    [Fact]
    public async Task Run_ASilentLicenseThatIsUsedAgain_RegainsItsPoints()
    {
        await database.ExecuteAsync("update license_tokens set last_used_at = now() - interval '40 days'");
        await score.RunAsync(Stop);
        Assert.Equal(80, await StoredAsync());

        await database.ExecuteAsync("update license_tokens set last_used_at = clock_timestamp()");

        Assert.Equal(1, await score.RunAsync(Stop));
        Assert.Equal(100, await StoredAsync());
    }

    [Fact]
    public async Task Run_WhenTheLicenseIsDue_ScoresAgain()
    {
        await score.RunAsync(Stop);
        await database.ExecuteAsync("update license_health set due_at = now()");

        Assert.Equal(1, await score.RunAsync(Stop));
    }

    [Fact]
    public async Task Save_AfterAChangeDuringScoring_LeavesTheLicenseDue()
    {
        await score.RunAsync(Stop);
        var store = new HealthStore(database.Database);
        var row = (await store.LoadAsync([license], 2, Renewals, (_, failure) => Assert.Fail(failure.Message), Stop)).Single();
        await AddAlertAsync("HIGH");

        await store.SaveAsync([new ScoredHealth(row, row.Facts.Status, HealthScore.Of(row.Facts), row.Facts.Now.AddHours(6))], Stop);

        await store.MarkAsync(Stop);
        Assert.Equal([license], await store.DueAsync(10, [], Stop));
    }

    [Theory]
    [InlineData("update subscriptions set state = 'LOCKED_NO_FUNDS'", "SUSPENDED")]
    [InlineData("update subscriptions set state = 'PAUSED_TOXIC'", "SUSPENDED")]
    [InlineData("update subscriptions set is_active = false", "SUSPENDED")]
    [InlineData(
        "update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'License expired'; "
        + "update license_tokens set expires_at = now() - interval '5 days'", "EXPIRED")]
    [InlineData("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Stolen'", "REVOKED")]
    [InlineData("update license_tokens set expires_at = now() + interval '2 days'", "PENDING_RENEWAL")]
    public async Task Run_AfterAChangeByThePlatform_StoresTheStatusThatTheViewShows(string change, string status)
    {
        await score.RunAsync(Stop);
        await database.ExecuteAsync(change);

        Assert.Equal(1, await score.RunAsync(Stop));

        Assert.Equal((status, status), await database.QueryAsync<(string, string)>(
            "select h.status, v.status from license_health h join v_license_health v using (subscription_id)"));
        Assert.True(await StoredAsync() < 80 || status == "PENDING_RENEWAL");
        Assert.Equal(0, await score.RunAsync(Stop));
    }

    [Theory]
    [InlineData("select from license_health where subscription_id = @license for update", true)]
    [InlineData("select from subscriptions where subscription_id = @license for update", true)]
    [InlineData("select from subscriptions where subscription_id = @license for update", false)]
    public async Task Run_WhileALicenseIsLocked_ScoresTheOthers(string lockSql, bool wasScored)
    {
        await database.ExecuteAsync(
            """
            with subscriber as (insert into users (email, role) values ('s2@x.test', 'subscriber') returning user_id),
            subscription as (
                insert into subscriptions (subscriber_id, master_id) select user_id, (select master_id from subscriptions) from subscriber
                returning subscription_id)
            insert into license_tokens (subscription_id, token_hash) select subscription_id, repeat('b', 64) from subscription
            """);
        if (wasScored)
        {
            await score.RunAsync(Stop);
            await AddAlertAsync("LOW");
            await database.ExecuteAsync("update license_health set due_at = now()");
        }

        await using var platform = await database.Source.OpenConnectionAsync(Stop);
        await platform.ExecuteAsync("begin transaction");
        await platform.ExecuteAsync(lockSql, new { license });

        Assert.Equal(1, await score.RunAsync(Stop));
        Assert.Empty(await SkippedAsync());

        // Only a lock that lasts is reported.
        Assert.Equal(0, await score.RunAsync(Stop));
        Assert.Equal(wasScored ? [license] : [], await SkippedAsync());

        await platform.ExecuteAsync("rollback transaction");
        Assert.Equal(1, await score.RunAsync(Stop));
        Assert.Equal(0, await score.RunAsync(Stop));
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from health_marks"));
    }

    private Task<IReadOnlyList<Guid>> SkippedAsync() =>
        database.QueryAllAsync<Guid>("select row_id from skipped_rows where source = 'health'");

    [Fact]
    public async Task Show_WhileALicenseIsLocked_ShowsItsScoreAndReportsNothing()
    {
        await score.RunAsync(Stop);
        await using var other = await database.Source.OpenConnectionAsync(Stop);
        await other.ExecuteAsync("begin transaction");
        await other.ExecuteAsync("select from license_health for update");

        for (var i = 0; i < 2; i++)
            Assert.Equal(100, (await show.RunAsync(new Caller(CallerRole.Operator), license, Stop)).Value.HealthScore);

        Assert.Empty(await SkippedAsync());
    }

    [Fact]
    public async Task Run_AChangedScore_IsStoredByDayWithItsReasons()
    {
        await score.RunAsync(Stop);
        await database.ExecuteAsync("update license_health_days set day = day - 1");
        await AddAlertAsync("LOW");
        await score.RunAsync(Stop);

        var reply = (await show.RunAsync(new Caller(CallerRole.Subscriber, owner), license, Stop)).Value;

        Assert.Equal([100, 97], reply.Trend.TakeLast(2).Select(day => (int?)day.Score));
        var change = reply.Changes[0];
        Assert.Equal((100, 97), (change.From, change.To));
        Assert.Contains("An alert of low severity is open", change.Came);
        var came = Assert.Single(change.CameBecause, one => one.Code == "ALERT_OPEN");
        Assert.Equal("LOW", came.Values!.Value.GetProperty("severity").GetString());
        Assert.Equal(["NO_OPEN_ALERT"], change.WentBecause.Select(one => one.Code));
        Assert.Equal(["MULTIPLE_IPS"], reply.SuspiciousActivities);
        Assert.Equal(97, reply.Contributions.Sum(contribution => contribution.Points));
    }

    [Theory]
    [InlineData(true, 100, 3)] // an operator granted the third slot
    [InlineData(false, 90, 2)]
    public async Task Show_ADeviceBeyondTheLimit_CostsPointsUnlessItWasGranted(bool isGranted, int points, int max)
    {
        await database.ExecuteAsync(
            """
            insert into license_devices (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, beyond_limit,
                                         first_seen_at, last_seen_at)
            select @license, n || '|EA', 'EA', n, '203.0.113.7', case when n < 3 or not @isGranted then n end, n = 3 and @isGranted,
                   now() - interval '2 days', now()
            from generate_series(1, 3) as n
            """, new { license, isGranted });

        var reply = (await show.RunAsync(new Caller(CallerRole.Operator), license, Stop)).Value;

        Assert.Equal((points, 3, max), (reply.HealthScore, reply.UniqueDevices, reply.MaxDevices));
        Assert.Contains(reply.Contributions, one => one.Reason.StartsWith($"3 of {max} slots are taken", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Show_AnAppeal_CostsNoPointsAndIsNoUnusualUsage()
    {
        await AddAlertAsync("MEDIUM");
        await database.ExecuteAsync("update suspicious_activity_alerts set activity_type = 'APPEAL'");

        var reply = (await show.RunAsync(new Caller(CallerRole.Operator), license, Stop)).Value;

        Assert.Equal(100, reply.HealthScore);
        Assert.Empty(reply.SuspiciousActivities);
        Assert.Equal(0, await database.QueryAsync<int>("select open_alerts from v_license_health"));
        await database.ExecuteAsync("update suspicious_activity_alerts set activity_type = 'MULTIPLE_IPS'");
        Assert.Equal(1, await database.QueryAsync<int>("select open_alerts from v_license_health"));
    }

    [Theory]
    [InlineData("DEVICE_LIMIT", null, 31, HealthAction.LiftSuspension)]
    [InlineData("DEVICE_LIMIT", null, 29, HealthAction.Appeal)]
    [InlineData("DEVICE_LIMIT", "EXPIRY", 31, HealthAction.LiftSuspension)]
    [InlineData("DEVICE_LIMIT", "OPERATOR", 31, HealthAction.Appeal)]
    [InlineData("DETECTOR", null, 31, HealthAction.Appeal)]
    public async Task Show_ASuspendedLicense_LinksToTheLiftOrToTheAppeal(
        string cause, string? otherCause, int liftedDaysAgo, HealthAction action)
    {
        await database.ExecuteAsync(
            """
            update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Auto-suspended: x';
            update subscriptions set state = 'SUSPENDED_ADMIN', paused_reason = 'License suspended: x';
            insert into license_suspensions (subscription_id, cause, reason, previous_state, token_ids)
            select subscription_id, c.cause, 'License suspended: x', 'SYNCED', array(select token_id from license_tokens)
            from subscriptions, unnest(array_remove(array[@cause, @otherCause], null)) as c (cause);
            insert into license_suspensions (subscription_id, cause, reason, previous_state, token_ids, suspended_at, closed_at, closed_how)
            select subscription_id, 'DEVICE_LIMIT', 'License suspended: x', 'SYNCED', '{}', now() - make_interval(days => @liftedDaysAgo),
                   now() - make_interval(days => @liftedDaysAgo), 'OWNER'
            from subscriptions
            """, new { cause, otherCause, liftedDaysAgo });

        var reply = (await show.RunAsync(new Caller(CallerRole.Operator), license, Stop)).Value;

        Assert.Equal(("SUSPENDED", 60), (reply.Status, reply.HealthScore));
        Assert.Equal(
            (action, $"/app/licenses/{license}/suspension"),
            reply.Contributions.Where(one => one.Code is HealthReason.Suspended or HealthReason.SuspendedLiftable)
                .Select(one => (one.Action, one.Link)).Single());
    }

    [Fact]
    public async Task Show_ALicenseOfAnotherOwner_IsNotFound()
    {
        var reply = await show.RunAsync(new Caller(CallerRole.Subscriber, Guid.NewGuid()), license, Stop);

        Assert.Equal("LICENSE_NOT_FOUND", reply.Refusal?.Code);
    }

    [Fact]
    public async Task Run_ThousandsOfLicenses_ScoresThemAll()
    {
        await database.ExecuteAsync(
            """
            insert into users (email) select n || '@x.test' from generate_series(1, 7000) n;
            insert into subscriptions (subscriber_id, master_id)
            select u.user_id, s.master_id from users u, (select master_id from subscriptions limit 1) s where u.email ~ '^[0-9]';
            insert into license_tokens (subscription_id, token_hash) select subscription_id, md5(subscription_id::text) from subscriptions
            where subscription_id not in (select subscription_id from license_tokens);
            insert into users (email) select 'm' || n || '@x.test' from generate_series(1, 6000) n;
            insert into subscriptions (subscriber_id, master_id)
            select u.user_id, s.master_id from users u, (select master_id from subscriptions limit 1) s where u.email ~ '^m[0-9]';
            insert into license_health (subscription_id, due_at)
            select subscription_id, '2020-01-01' from subscriptions
            where subscription_id not in (select subscription_id from license_tokens)
            """);

        // Licenses without a token are due the longest and don't block the others.
        Assert.Equal(7001, await score.RunAsync(Stop));
        Assert.Equal(0, await score.RunAsync(Stop));
    }

    [Fact]
    public async Task Compare_MoreLicensesThanOnePart_TakesTurns()
    {
        await AddLicensesAsync(4);
        await score.RunAsync(Stop);
        await database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");
        var store = new HealthStore(database.Database);

        var marked = new List<long>();
        for (var part = 0; part < 3; part++)
        {
            Assert.Equal(0, await store.CompareAsync(2, Stop));
            marked.Add(await database.QueryAsync<long>("select count(distinct subscription_id) from health_marks"));
        }

        Assert.Equal([2, 4, 5], marked);
        Assert.Equal(5, await score.RunAsync(Stop));
        Assert.Equal(["SUSPENDED"], await database.QueryAllAsync<string>("select distinct status from license_health"));
    }

    [Fact]
    public async Task Compare_AfterTheLastLicense_BeginsAgain()
    {
        await AddLicensesAsync(3);
        await score.RunAsync(Stop);
        var store = new HealthStore(database.Database);
        await store.CompareAsync(2, Stop);
        await store.CompareAsync(2, Stop);
        await database.ExecuteAsync("update subscriptions set state = 'LOCKED_NO_FUNDS'");

        await store.CompareAsync(2, Stop);

        Assert.Equal(
            await database.QueryAllAsync<Guid>("select subscription_id from subscriptions order by 1 limit 2"),
            await database.QueryAllAsync<Guid>("select subscription_id from health_marks order by 1"));
    }

    [Fact]
    public async Task Compare_WhileAnotherSessionCompares_ChangesNothing()
    {
        await AddLicensesAsync(1);
        var store = new HealthStore(database.Database);
        await using var other = await database.Source.OpenConnectionAsync(Stop);
        await other.ExecuteAsync("begin transaction");
        await other.ExecuteAsync("select from health_comparison for update");

        Assert.Equal(0, await store.CompareAsync(10, Stop));

        await other.ExecuteAsync("rollback transaction");
        Assert.Equal(2, await store.CompareAsync(10, Stop));
    }

    [Fact]
    public async Task Mark_OfALicenseThatWasNotComparedYet_AddsItsRow()
    {
        await database.ExecuteAsync("delete from health_marks");
        await database.ExecuteAsync(
            """
            insert into license_devices
                (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at)
            select subscription_id, '1|EA', 'EA', 1, '192.0.2.1', 1, now(), now() from subscriptions
            """);
        var store = new HealthStore(database.Database);

        await store.MarkAsync(Stop);

        Assert.Equal([license], await store.DueAsync(10, [], Stop));
        Assert.Equal(0L, await database.QueryAsync<long>("select count(*) from health_marks"));
    }

    private Task<int> AddLicensesAsync(int number) => database.ExecuteAsync(
        """
        insert into users (email) select 'more' || n || '@x.test' from generate_series(1, @number) n;
        insert into subscriptions (subscriber_id, master_id)
        select u.user_id, s.master_id from users u, (select master_id from subscriptions limit 1) s where u.email like 'more%';
        insert into license_tokens (subscription_id, token_hash)
        select subscription_id, md5(subscription_id::text) from subscriptions s
        where not exists (select from license_tokens t where t.subscription_id = s.subscription_id)
        """, new { number });

    private Task<int> AddAlertAsync(string severity) => database.ExecuteAsync(
        "select create_suspicious_activity_alert(subscription_id, 'MULTIPLE_IPS', @severity, 'x') from subscriptions", new { severity });

    private Task<int> StoredAsync() =>
        database.QueryAsync<int>("select score from license_health where subscription_id = @license", new { license });
}
