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
}
