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
        Assert.Equal((2001, 1800, 402m), (reply.Total, reply.LikelyFailing, reply.AmountUsd));
        Assert.Equal(new Dictionary<string, int> { ["no_payment_method"] = 1800 }, reply.Obstacles);
        Assert.Equal((1000, true), (reply.Renewals.Count, reply.More));
    }

    /// <summary>Licenses are selected by their next attempt. The first one is seven days before the expiry.</summary>
    [Theory]
    [InlineData(9.9, null, null, true, true)]
    [InlineData(10.1, null, null, true, false)]
    [InlineData(2, "soft_declined", 2.9, true, true)]
    [InlineData(2, "soft_declined", 3.1, true, false)]
    [InlineData(2, "hard_declined", 0.1, false, true)]
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

    /// <summary>Neither is charged automatically, although the wallet could pay.</summary>
    [Theory]
    [InlineData("due", false, null, true, 2)]
    [InlineData("lapsed", false, "lapsed", false, 0)]
    [InlineData("due", true, null, false, 0)]
    public async Task Run_ARenewalThatIsLapsedOrMayBePaid_HasNoAttemptAndIsNotInTheSum(
        string status, bool hasUnbookedCharge, string? obstacle, bool isPlanned, int amountUsd)
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
            select subscription_id, 'hash', now() + interval '5 days', '{"auto_renew": true}' from subscriptions;
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, gives_up_at, next_action_at)
            select t.subscription_id, s.subscriber_id, t.expires_at, 'auto', @status, 2, t.expires_at + interval '3 days',
                   case when @status = 'due' then now() end
            from license_tokens t join subscriptions s using (subscription_id);
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            select 'stripe', 'not_booked', 'pi_1', subscription_id, 'a test' from subscriptions where @hasUnbookedCharge;
            """, new { status, hasUnbookedCharge });
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        var preview = new PreviewRenewals(database.Database, new RenewalReads(database.Database), policy, TimeProvider.System);

        var reply = (await preview.RunAsync(null, TestContext.Current.CancellationToken)).Value;

        var listed = Assert.Single(reply.Renewals);
        Assert.Equal(
            ("wallet", obstacle, isPlanned, (decimal)amountUsd),
            (listed.PaysWith, listed.Obstacle, listed.AttemptAt is not null, reply.AmountUsd));
        var rows = await new RenewalListStore(database.Database, policy).ListAsync(
            new RenewalFilter([status], UserId: null, After: null), 10, TestContext.Current.CancellationToken);
        Assert.Equal(isPlanned, Assert.Single(rows).NextAttemptAt is not null);
    }
}
