using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Renewals;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>Renewals that wallets pay, booked together.</summary>
public sealed class RunDueRenewalsTests(PostgresFixture postgres)
{
    private static readonly RenewalPolicy Policy = new(
        true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // its batches are smaller, so the last licenses are opened while the first are renewed
    public async Task Run_ManyWallets_DebitsEachOnceAndNoneForMoreThanItHas(bool inSlice)
    {
        await using var database = await postgres.NewDatabaseAsync();
        if (inSlice) TimeSlice.Begin(TimeProvider.System, TimeSpan.FromMinutes(5));
        await AddAsync(database, licenses: 230, walletUsd: 60);
        var second = await AddAsync(database, licenses: 1, walletUsd: 60);
        await AddAsync(database, licenses: 3, walletUsd: 49.98m);
        // One customer has two licenses, and money for one of them.
        await database.ExecuteAsync(
            """
            update subscriptions set subscriber_id = (select min(user_id::text)::uuid from user_wallets where balance_usd = 60)
            where subscription_id = @license
            """,
            new { license = second.Single() });

        var counts = await Run(database).RunAsync(Canceled);

        Assert.Equal((234, 234, 0), (counts.Opened, counts.Processed, counts.Lost));
        Assert.Equal("230 applied, 4 payment_needed", await database.QueryAsync<string>(
            """
            select string_agg(concat_ws(' ', n, status), ', ')
            from (select count(*) as n, status from renewals group by status order by 1 desc) s
            """));
        Assert.Equal(230, await database.QueryAsync<int>(
            """
            select count(*)::int from user_wallets w join billing_ledger l using (user_id)
            where w.balance_usd = 10.01 and l.amount_usd = 49.99 and l.balance_before = 60 and l.balance_after = 10.01
            """));
        Assert.Equal(230, await database.QueryAsync<int>(
            "select count(*)::int from license_tokens t where t.expires_at > now() + interval '30 days'"));
        Assert.Equal(230, await database.QueryAsync<int>("select count(*)::int from license_events where type = 'license.renewed'"));
        Assert.Equal(230, await database.QueryAsync<int>("select count(*)::int from audit_log where action = 'renewal.applied'"));
        Assert.Equal((0, 0), ((await Run(database).RunAsync(Canceled)).Processed, await database.QueryAsync<int>(
            "select count(*)::int from renewals where status = 'applied' and lease_until is not null")));
    }

    [Fact]
    public async Task Run_BesideATokenThatThePlatformHasLocked_RenewsTheOthersMeanwhile()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var licenses = await AddAsync(database, licenses: 5, walletUsd: 60);
        await using var platform = await database.Source.OpenConnectionAsync(Canceled);
        await using var transaction = await platform.BeginTransactionAsync(Canceled);
        await Dapper.SqlMapper.ExecuteAsync(
            platform, "update license_tokens set metadata = metadata where subscription_id = @license", new { license = licenses[2] });

        var run = Run(database).RunAsync(Canceled);
        while (await AppliedAsync(database) < 4) await Task.Delay(20, Canceled);
        Assert.False(run.IsCompleted);
        await transaction.RollbackAsync(Canceled);
        var counts = await run;

        Assert.Equal((5, 0, 5), (counts.Processed, counts.Lost, await AppliedAsync(database)));
        Assert.Equal(5, await database.QueryAsync<int>("select count(*)::int from billing_ledger"));
    }

    private static Task<int> AppliedAsync(TestDatabase database) =>
        database.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'");

    private static async Task<IReadOnlyList<Guid>> AddAsync(TestDatabase database, int licenses, decimal walletUsd) =>
        await database.QueryAllAsync<Guid>(
            """
            with master as (
                insert into users (email, role) values (@licenses || '-' || @walletUsd || '@master.test', 'master') returning user_id
            ), price as (
                insert into master_pricing (master_id, monthly_fee_usd) select user_id, 49.99 from master
            ), customers as (
                insert into users (email)
                select @licenses || '-' || @walletUsd || '-' || n || '@x.test' from generate_series(1, @licenses) n
                returning user_id
            ), wallets as (
                insert into user_wallets (user_id, balance_usd) select user_id, @walletUsd from customers
            ), subscribed as (
                insert into subscriptions (subscriber_id, master_id)
                select c.user_id, m.user_id from customers c, master m
                returning subscription_id
            )
            insert into license_tokens (subscription_id, token_hash, expires_at, metadata)
            select subscription_id, subscription_id::text, now() + interval '1 day', '{"auto_renew": true}' from subscribed
            returning subscription_id
            """,
            new { licenses, walletUsd });

    private static RunDueRenewals Run(TestDatabase database)
    {
        var store = PostgresWorld.Over(database, TimeProvider.System);
        var process = new ProcessRenewal(
            store, new RenewalGateways([]), Policy, new SignedLinks([], TimeProvider.System), TimeProvider.System);
        return new RunDueRenewals(
            store, process, Policy, new RenewalPace(Lanes: 4, Claim: 2, TimeSpan.FromMinutes(5)), TimeProvider.System,
            NullLogger<RunDueRenewals>.Instance);
    }
}
