using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using Licensing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LicenseFunctions.Tests.PaymentMethods;

public sealed class WalletTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Show_TheLedger_NamesTheLicenseAndTheBalance_PageByPage()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into user_wallets (user_id) values (@SubscriberId);
            select credit_wallet(@SubscriberId, 100, 'DEPOSIT', 'Deposit');
            insert into renewals (renewal_id, subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            select '00000000-0000-4000-8000-000000000001', @SubscriptionId, @SubscriberId, now(), 'auto', 'due', now() + interval '9 days';
            """, new { scene.SubscriberId, scene.SubscriptionId });
        await AddChargeAsync(scene, "stripe");
        // A payment by card: both entries have the time of their transaction.
        await scene.Database.ExecuteAsync(
            """
            begin;
            select credit_wallet(@SubscriberId, 29.5, 'DEPOSIT', 'Card', '00000000-0000-4000-8000-000000000001');
            select debit_wallet(@SubscriberId, 29.5, 'FEE_SUBSCRIPTION', 'License', '00000000-0000-4000-8000-000000000001');
            update user_wallets set reserved_usd = 40 where user_id = @SubscriberId;
            commit;
            """, new { scene.SubscriberId, scene.SubscriptionId });
        var owner = new Caller(CallerRole.Subscriber, scene.SubscriberId);

        var first = (await ShowAsync(scene, owner, ("limit", "2"))).Value;
        var rest = (await ShowAsync(scene, owner, ("limit", "2"), ("after", first.Next.ToString()!))).Value;

        Assert.Equal((100m, 40m, 60m), (first.BalanceUsd, first.ReservedUsd, first.AvailableUsd));
        Assert.Equal(
            [
                ("FEE_SUBSCRIPTION", -29.5m, 100m, "m", null), ("DEPOSIT", 29.5m, 129.5m, "m", "card"),
                ("DEPOSIT", 100m, 100m, null, null),
            ],
            first.Entries.Concat(rest.Entries)
                .Select(entry => (entry.Type, entry.AmountUsd, entry.BalanceAfterUsd, entry.Master, entry.Method)));
        Assert.Equal(scene.SubscriptionId, first.Entries[0].SubscriptionId);
        Assert.Null(rest.Next);

        var asOperator = new Caller(CallerRole.Operator, Guid.NewGuid());
        Assert.Equal(100m, (await ShowAsync(scene, asOperator, ("user_id", scene.SubscriberId.ToString()))).Value.BalanceUsd);
        Assert.Equal("user_id", (await ShowAsync(scene, asOperator)).Refusal?.Field);
        Assert.Equal("CUSTOMER_NOT_FOUND", (await ShowAsync(scene, asOperator, ("user_id", Guid.NewGuid().ToString()))).Refusal?.Code);
        var other = new Caller(CallerRole.Subscriber, Guid.NewGuid());
        Assert.Equal("CUSTOMER_NOT_FOUND", (await ShowAsync(scene, other, ("user_id", scene.SubscriberId.ToString()))).Refusal?.Code);
        Assert.Empty((await Wallet(scene).FileAsync(Query(), other, LicenseScene.Stop)).Value);
        Assert.Equal(
            "CUSTOMER_NOT_FOUND",
            (await Wallet(scene).FileAsync(Query(("user_id", Guid.NewGuid().ToString())), asOperator, LicenseScene.Stop)).Refusal?.Code);
        Assert.Equal(3, (await Wallet(scene).FileAsync(Query(), owner, LicenseScene.Stop)).Value.Count);
    }

    /// <summary>A payment can be booked from an event without an attempt, or after attempts at several providers.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("card", "stripe")]
    [InlineData("paypal", "paypal")]
    [InlineData(null, "paypal", "stripe")]
    public async Task Show_ADeposit_NamesTheMethodThatTheChargesSay(string? method, params string[] providers)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into user_wallets (user_id) values (@SubscriberId);
            insert into renewals (renewal_id, subscription_id, user_id, period_start, renewal_type, status, gives_up_at)
            select '00000000-0000-4000-8000-000000000001', @SubscriptionId, @SubscriberId, now(), 'auto', 'due', now() + interval '9 days';
            select credit_wallet(@SubscriberId, 29.5, 'DEPOSIT', 'Charge', '00000000-0000-4000-8000-000000000001');
            """, new { scene.SubscriberId, scene.SubscriptionId });
        foreach (var provider in providers)
            await AddChargeAsync(scene, provider);

        var wallet = (await ShowAsync(scene, new Caller(CallerRole.Subscriber, scene.SubscriberId))).Value;

        Assert.Equal(method, Assert.Single(wallet.Entries).Method);
    }

    private static Task<int> AddChargeAsync(LicenseScene scene, string provider) => scene.Database.ExecuteAsync(
        """
        insert into renewal_attempts (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent,
                                      status, transaction_id)
        select gen_random_uuid(), renewal_id, (select count(*) + 1 from renewal_attempts), @provider, gen_random_uuid(), '{}', now(), true,
               'succeeded', 'ch_1'
        from renewals
        """, new { provider });

    private static Task<Outcome<Wallet>> ShowAsync(LicenseScene scene, Caller caller, params (string Name, string Value)[] query) =>
        Wallet(scene).RunAsync(Query(query), caller, LicenseScene.Stop);

    private static ShowWallet Wallet(LicenseScene scene) => new(scene.Database.Database, new WalletStore(scene.Database.Database));

    private static QueryCollection Query(params (string Name, string Value)[] query) =>
        new(query.ToDictionary(one => one.Name, one => new StringValues(one.Value)));
}
