using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

public sealed class PreviewRenewalsTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Run_MoreLicensesThanTheListHas_CountsAllOfThem()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into users (email, role) values ('m@x.test', 'master');
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 2 from users;
            insert into users (email) select n || '@x.test' from generate_series(1, 2001) n;
            insert into user_wallets (user_id, balance_usd)
            select user_id, 2 from users where role = 'subscriber' and email like '%1@x.test';
            insert into subscriptions (subscriber_id, master_id)
            select s.user_id, m.user_id from users s, users m where s.role = 'subscriber' and m.role = 'master';
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
            select subscription_id, subscription_id::text, now() + interval '1 day', '{"auto_renew": true}' from subscriptions
            """);
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        var preview = new PreviewRenewals(database.Database, new RenewalReads(database.Database), policy, TimeProvider.System);

        var reply = (await preview.RunAsync(null, TestContext.Current.CancellationToken)).Value;

        // The wallets of 1, 11, 21, … 2001 can pay.
        Assert.Equal((2001, 1800, 0, 402m), (reply.Total, reply.LikelyFailing, reply.NotPlanned, reply.AmountUsd));
        Assert.Equal(new Dictionary<string, int> { ["no_payment_method"] = 1800 }, reply.Obstacles);
        Assert.Equal((1000, true), (reply.Renewals.Count, reply.More));
    }

    /// <summary>Licenses are selected by their next attempt. The first one is seven days before the expiry.</summary>
    [Theory]
    [InlineData(9.9, null, null, true, true)]
    [InlineData(10.1, null, null, true, false)]
    [InlineData(2, "soft_declined", 2.9, true, true)]
    [InlineData(2, "soft_declined", 3.1, true, false)]
    [InlineData(2, "hard_declined", 0.1, true, true)]
    [InlineData(2, "hard_declined", 3.1, true, false)]
    [InlineData(2, "lapsed", null, false, true)]
    public async Task Run_TheDaysAhead_AreThoseOfTheNextAttempt(
        double expiresIn, string? status, double? actionIn, bool isPlanned, bool isListed)
    {
        await using var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into users (email, role) values ('m@x.test', 'master'), ('s@x.test', 'subscriber');
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 2 from users where role = 'master';
            insert into user_wallets (user_id, balance_usd) select user_id, 2 from users where role = 'subscriber';
            insert into subscriptions (subscriber_id, master_id)
            select s.user_id, m.user_id from users s, users m where s.role = 'subscriber' and m.role = 'master';
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
            select subscription_id, 'hash', now() + @expiresIn * interval '1 day', '{"auto_renew": true}' from subscriptions;
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
            select t.subscription_id, s.subscriber_id, t.expires_at, 'auto', @status, 2, t.expires_at + interval '3 days',
                   now() + @actionIn * interval '1 day'
            from license_tokens t join subscriptions s using (subscription_id) where @status::text is not null;
            """, new { expiresIn, status, actionIn });
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        var preview = new PreviewRenewals(database.Database, new RenewalReads(database.Database), policy, TimeProvider.System);

        var reply = (await preview.RunAsync("3", TestContext.Current.CancellationToken)).Value;

        Assert.Equal(isListed ? 1 : 0, reply.Total);
        if (isListed)
            Assert.Equal(isPlanned, Assert.Single(reply.Renewals).AttemptAt is not null);
    }

    /// <summary>The preview and the list of renewals say the same about the next attempt.</summary>
    [Theory]
    [InlineData("due", "auto", true, false, null, true)]
    [InlineData("due", "auto", false, false, "auto_renew_off", false)]
    [InlineData("due", "manual", false, false, null, true)]
    [InlineData("payment_needed", "auto", true, false, null, true)]
    [InlineData("payment_needed", "manual", false, false, null, true)]
    [InlineData("awaiting_consent", "auto", true, false, null, true)]
    [InlineData("hard_declined", "auto", true, false, null, true)]
    [InlineData("soft_declined", "auto", true, false, null, true)]
    [InlineData("soft_declined", "auto", true, true, "lapsed", false)]
    [InlineData("due", "manual", true, true, "lapsed", false)]
    [InlineData("lapsed", "auto", true, false, "lapsed", false)]
    public async Task Run_AnOpenedRenewal_HasTheSameNextAttemptInBothLists(
        string status, string type, bool autoRenew, bool isRefunded, string? obstacle, bool isPlanned)
    {
        await using var database = await OpenedAsync(status, type, autoRenew, isRefunded);

        var (preview, row) = await BothAsync(database, status);

        var listed = Assert.Single(preview.Renewals);
        Assert.Equal(
            ("wallet", obstacle, isPlanned, obstacle is null ? 2m : 0),
            (listed.PaysWith, listed.Obstacle, listed.AttemptAt is not null, preview.AmountUsd));
        Assert.Equal(listed.AttemptAt?.UtcDateTime, row.NextAttemptAt);
        // A renewal that is not planned is not counted as a probable failure.
        Assert.Equal((isPlanned, isPlanned ? 0 : 1, 0), (listed.IsPlanned, preview.NotPlanned, preview.LikelyFailing));
        // After a refund, another attempt is refused.
        Assert.Equal(!isRefunded && status is not ("lapsed" or "awaiting_consent"), row.CanRetry);
    }

    /// <summary>The declined card is not charged again; another default card is.</summary>
    [Theory]
    [InlineData(true, "lost_card", false, 0)]
    [InlineData(false, null, true, 2)]
    public async Task Run_ADeclinedCard_IsPlannedOnlyIfAnotherCardIsTheDefault(
        bool isTheDefault, string? obstacle, bool isPlanned, decimal amountUsd)
    {
        await using var database = await OpenedAsync("hard_declined", "auto", autoRenew: true, isRefunded: false);
        await database.ExecuteAsync(
            """
            update user_wallets set balance_usd = 0;
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
            select user_id, 'stripe', 'cus_1', 'pm_1', true from renewals;
            insert into renewal_attempts (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent,
                                          status, code)
            select gen_random_uuid(), r.renewal_id, 1, 'stripe',
                   case when @isTheDefault then m.payment_method_id else gen_random_uuid() end, '{}', now() - interval '1 hour', true,
                   'hard_declined', 'lost_card'
            from renewals r join user_payment_methods m on m.user_id = r.user_id;
            """, new { isTheDefault });

        var (preview, row) = await BothAsync(database, "hard_declined");

        var listed = Assert.Single(preview.Renewals);
        Assert.Equal(
            ("card", obstacle, isPlanned, amountUsd),
            (listed.PaysWith, listed.Obstacle, listed.AttemptAt is not null, preview.AmountUsd));
        Assert.Equal(listed.AttemptAt?.UtcDateTime, row.NextAttemptAt);
    }

    /// <summary>The period may be paid, so nothing is charged, although the wallet could pay.</summary>
    [Fact]
    public async Task Run_ARenewalThatMayBePaid_HasNoAttemptAndIsNotInTheSum()
    {
        await using var database = await OpenedAsync("due", "auto", autoRenew: true, isRefunded: false);
        await database.ExecuteAsync(
            """
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            select 'stripe', 'not_booked', 'pi_1', subscription_id, 'a test' from subscriptions
            """);

        var (preview, row) = await BothAsync(database, "due");

        var listed = Assert.Single(preview.Renewals);
        Assert.Equal((null, null, 0m), (listed.AttemptAt, row.NextAttemptAt, preview.AmountUsd));
        Assert.Equal((true, 0), (listed.IsPlanned, preview.NotPlanned));
    }

    /// <summary>The platform moved the expiry: the renewal of the earlier period is only closed.</summary>
    [Fact]
    public async Task List_ARenewalOfAnotherPeriod_HasNoNextAttempt()
    {
        await using var database = await OpenedAsync("due", "auto", autoRenew: true, isRefunded: false);
        await database.ExecuteAsync("update license_tokens set expires_at = expires_at + interval '1 day'");

        var (_, row) = await BothAsync(database, "due");

        Assert.Equal((true, null), (row.NextActionAt is not null, row.NextAttemptAt));
    }

    [Fact]
    public async Task Run_WithAnOpenAmount_SaysItAndCountsIt()
    {
        await using var database = await OpenedAsync("due", "auto", autoRenew: true, isRefunded: false);
        await database.ExecuteAsync(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, paid_with,
                                  paid_from, paid_until)
            select subscription_id, user_id, period_start - interval '30 days', 'auto', 'applied', 0.3, gives_up_at, 'deferred',
                   period_start - interval '30 days', period_start
            from renewals;
            update renewals set price_accepted = true where status = 'due';
            update user_wallets set balance_usd = 2.3;
            """);

        var (preview, _) = await BothAsync(database, "due");

        var listed = Assert.Single(preview.Renewals);
        Assert.Equal((2m, 0.3m, "wallet", 2.3m), (listed.AmountUsd, listed.DebtsUsd, listed.PaysWith, preview.AmountUsd));
    }

    /// <summary>A license that expires in 5 days, a wallet that can pay, and an opened renewal.</summary>
    private async Task<TestDatabase> OpenedAsync(string status, string type, bool autoRenew, bool isRefunded)
    {
        var database = await postgres.NewDatabaseAsync();
        await database.ExecuteAsync(
            """
            insert into users (email, role) values ('m@x.test', 'master'), ('s@x.test', 'subscriber');
            insert into master_pricing (master_id, monthly_fee_usd) select user_id, 2 from users where role = 'master';
            insert into user_wallets (user_id, balance_usd) select user_id, 2 from users where role = 'subscriber';
            insert into subscriptions (subscriber_id, master_id)
            select s.user_id, m.user_id from users s, users m where s.role = 'subscriber' and m.role = 'master';
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
            select subscription_id, 'hash', now() + interval '5 days', jsonb_build_object('auto_renew', @autoRenew) from subscriptions;
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at,
                                  is_refunded)
            select t.subscription_id, s.subscriber_id, t.expires_at, @type, @status, 2, t.expires_at + interval '3 days',
                   case when @status <> 'lapsed' then now() + interval '1 hour' end, @isRefunded
            from license_tokens t join subscriptions s using (subscription_id);
            """, new { status, type, autoRenew, isRefunded });
        return database;
    }

    private static async Task<(RenewalPreview Preview, ListedRenewal Row)> BothAsync(TestDatabase database, string status)
    {
        var policy = new RenewalPolicy(
            true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan> { ["stripe"] = TimeSpan.FromHours(23) });
        var reads = new RenewalReads(database.Database);
        var list = new ListAllRenewals(
            database.Database, new RenewalListStore(database.Database, policy), reads, policy, TimeProvider.System);
        var rows = await list.RowsAsync(
            new RenewalFilter([status], UserId: null, After: null), 10, TestContext.Current.CancellationToken);
        var preview = await new PreviewRenewals(database.Database, reads, policy, TimeProvider.System)
            .RunAsync(null, TestContext.Current.CancellationToken);
        return (preview.Value, Assert.Single(rows));
    }
}
