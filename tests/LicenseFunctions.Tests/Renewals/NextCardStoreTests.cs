using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>Which payment method follows a permanent decline of the default one: next_card in SQL.</summary>
public sealed class NextCardStoreTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private PostgresWorld world = null!;
    private Guid user;
    private Guid renewal;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        world = new PostgresWorld(database, TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        var license = await world.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), CardId = "default" });
        user = await database.QueryAsync<Guid>("select subscriber_id from subscriptions where subscription_id = @license", new { license });
        var policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, new Dictionary<string, TimeSpan>());
        renewal = (await world.Store.OpenAsync(license, policy, now, Cancel))!.Value;
    }

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task NextCard_IsTheNewestOtherUsableMethod_IfTheCustomerAllowsIt()
    {
        await AddAsync("older", "2026-01-01");
        await AddAsync("newer", "2026-01-02");
        await AddAsync("expired", "2026-01-03", year: 2020);
        await AddAsync("removed", "2026-01-04", isActive: false);
        Assert.Equal((null, false), await NextAsync());

        var store = new PaymentMethodStore(database.Database, TimeProvider.System);
        Assert.True(await store.SetTriesNextAsync(user, enabled: true, Actor.Owner(user), Cancel));
        Assert.Equal(("newer", false), await NextAsync());

        Assert.False(await store.SetTriesNextAsync(Guid.NewGuid(), enabled: true, Actor.Owner(user), Cancel));
        await store.SetTriesNextAsync(user, enabled: false, Actor.Owner(user), Cancel);
        Assert.Equal((null, false), await NextAsync());
        Assert.Equal(2, await database.QueryAsync<int>(
            "select count(*)::int from audit_log where action = 'payment_method.next_switched'"));
    }

    [Fact]
    public async Task NextCard_ThatWasTried_StaysTheNextOne_AndOneThatWasDeclinedBeforeIsNone()
    {
        await database.ExecuteAsync("insert into payment_preferences (user_id, tries_next_method) values (@user, true)", new { user });
        await AddAsync("tried", "2026-01-01");
        await AddAsync("declined before", "2026-01-02");
        await AttemptAsync(1, "declined before", "hard_declined");
        Assert.Equal(("tried", false), await NextAsync());

        await AttemptAsync(2, "default", "hard_declined");
        Assert.Equal(("tried", true), await NextAsync());
        await AttemptAsync(3, "tried", "hard_declined");
        await AddAsync("added since", "2026-01-03");
        Assert.Equal(("tried", true), await NextAsync());

        // The bank has sent new details of the default card.
        await database.ExecuteAsync("update user_payment_methods set details_changed_at = now() where is_default");
        Assert.Equal(("added since", false), await NextAsync());
    }

    private async Task<(string? PaymentId, bool IsCardDeclined)> NextAsync()
    {
        var facts = (await world.Store.FindAsync(renewal, Cancel))!;
        return (facts.NextCard?.PaymentId, facts.IsCardDeclined);
    }

    private Task<int> AddAsync(string payment, string createdAt, int year = 2040, bool isActive = true) => database.ExecuteAsync(
        """
        insert into user_payment_methods
            (user_id, payment_provider, provider_customer_id, provider_payment_id, expiry_month, expiry_year, is_active, created_at)
        values (@user, 'paypal', 'customer', @payment, 12, @year, @isActive, @createdAt::timestamptz)
        """,
        new { user, payment, year, isActive, createdAt });

    private Task<int> AttemptAsync(int number, string payment, string status) => database.ExecuteAsync(
        """
        insert into renewal_attempts
            (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status)
        select uuid_generate_v4(), @renewal, @number, m.payment_provider, m.payment_method_id,
               jsonb_build_object('renewal_id', @renewal, 'subscription_id', @renewal, 'user_id', @user, 'amount_minor', 4999,
                   'currency', 'usd', 'customer_id', 'c', 'payment_id', @payment, 'description', 'd'),
               now() - interval '1 hour' + @number * interval '1 minute', true, @status
        from user_payment_methods m where m.user_id = @user and m.provider_payment_id = @payment
        """,
        new { renewal, number, user, payment, status });
}
