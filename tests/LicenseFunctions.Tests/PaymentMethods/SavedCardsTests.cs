using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Tests.Infrastructure.Payments;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Home;
using Licensing.Renewals;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.PaymentMethods;

/// <summary>The browser saves cards at Stripe. The backend receives events about them, in any order.</summary>
public sealed class SavedCardsTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private StripeAccount stripe = null!;
    private PaymentMethodStore store = null!;
    private Guid user;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        stripe = await StripeAccount.OpenAsync();
        store = new PaymentMethodStore(database.Database, TimeProvider.System);
        user = await NewUserAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await stripe.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Save_ThroughTheBrowser_ShowsTheCard_AsTheDefault()
    {
        Assert.True(await SaveCardAsync("pm_card_mastercard"));

        var card = Assert.Single(await store.ListAsync(user, Cancel));
        Assert.Equal(("stripe", "card", "mastercard", "4444", 8, 2031, true),
            (card.PaymentProvider, card.PaymentType, card.Brand, card.LastFour, card.ExpiryMonth, card.ExpiryYear, card.IsDefault));
        Assert.Equal(CardValidity.Valid, card.Validity);
        await database.ExecuteAsync("update user_payment_methods set expiry_year = 2021");
        Assert.Equal(CardValidity.Expired, Assert.Single(await store.ListAsync(user, Cancel)).Validity);
    }

    [Fact]
    public async Task Save_TwoCardsOfOneUser_UsesOneCustomer_AndKeepsTheFirstDefault()
    {
        await SaveCardAsync("pm_card_visa");
        await SaveCardAsync("pm_card_mastercard");

        Assert.Equal(["visa", "mastercard"], (await store.ListAsync(user, Cancel)).Select(card => card.Brand));
        Assert.Equal(1, await database.QueryAsync<int>("select count(distinct provider_customer_id)::int from user_payment_methods"));
        Assert.Single(stripe.StandIn.Account.Customers);
    }

    [Theory]
    [InlineData(8, 2021, "mastercard", "visa")]
    [InlineData(8, 2099, "visa", "mastercard")]
    [InlineData(8, 26, "visa", "mastercard")] // no expiry that this backend can read
    [InlineData(null, 2021, "visa", "mastercard")]
    public async Task Save_AnotherCard_BecomesTheDefaultIfTheDefaultHasExpired(int? month, int year, params string[] brands)
    {
        await SaveCardAsync("pm_card_visa");
        await database.ExecuteAsync("update user_payment_methods set expiry_month = @month, expiry_year = @year", new { month, year });

        await SaveCardAsync("pm_card_mastercard");

        var cards = await store.ListAsync(user, Cancel);
        Assert.Equal(brands, cards.Select(card => card.Brand));
        Assert.Equal([true, false], cards.Select(card => card.IsDefault));
        Assert.Equal(
            cards[0].Brand is "mastercard" ? [cards[0].PaymentMethodId.ToString()] : [],
            await database.QueryAllAsync<string>("select subject from audit_log where action = 'payment_method.made_default'"));
    }

    [Fact]
    public async Task StartSetup_ManyAtOnce_MakesOneCustomer()
    {
        var setup = new StartCardSetup(store, stripe.Cards);

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => setup.RunAsync(user, Cancel)));

        Assert.Single(stripe.StandIn.Account.Customers);
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from payment_customers"));
    }

    [Fact]
    public async Task StartSetup_ManyAtOnce_FiveAnHourReachTheProvider()
    {
        var setup = new StartCardSetup(store, stripe.Cards);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => setup.RunAsync(user, Cancel)));

        Assert.Equal(5, outcomes.Count(outcome => outcome.Refusal is null));
        Assert.Equal(5, stripe.StandIn.Account.SetupIntents.Count);
        var refusals = outcomes.Select(outcome => outcome.Refusal).OfType<Refusal>().ToList();
        Assert.All(refusals, refusal => Assert.Equal((RefusalKind.TooMany, "CARD_SETUP_LIMIT"), (refusal.Kind, refusal.Code)));
        Assert.All(refusals, refusal => Assert.InRange(refusal.RetryAfter!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1)));
        Assert.Null((await setup.RunAsync(await NewUserAsync(), Cancel)).Refusal);
    }

    /// <summary>Setups that the provider did not start don't count: an outage doesn't keep customers from paying.</summary>
    [Fact]
    public async Task StartSetup_TheProviderFails_DoesNotCount()
    {
        await using var away = await StripeAccount.OpenAsync(
            settings => settings with { ApiBase = new Uri("http://127.0.0.1:1") }); // nothing listens there
        for (var n = 0; n < 6; n++)
        {
            var failed = await new StartCardSetup(store, away.Cards).RunAsync(user, Cancel);
            Assert.Equal("PAYMENT_PROVIDER_UNAVAILABLE", failed.Refusal?.Code);
        }

        Assert.Null((await new StartCardSetup(store, stripe.Cards).RunAsync(user, Cancel)).Refusal);
    }

    /// <summary>The customer was deleted at Stripe, or the keys are those of another account.</summary>
    [Fact]
    public async Task StartSetup_TheCustomerIsMissingAtTheProvider_MakesANewOneAndRemovesItsCards()
    {
        for (var deletions = 1; deletions <= 2; deletions++)
        {
            await SaveCardAsync();
            stripe.StandIn.Account.Customers.Clear();

            Assert.Null((await new StartCardSetup(store, stripe.Cards).RunAsync(user, Cancel)).Refusal);

            Assert.Empty(await store.ListAsync(user, Cancel));
            Assert.Equal(
                Assert.Single(stripe.StandIn.Account.Customers).Key,
                await database.QueryAsync<string>("select provider_customer_id from payment_customers"));
        }
    }

    [Fact]
    public async Task StartSetup_ACustomerOfThePlatform_IsUsed_AndItsCardsAreRemovedWhenItIsGone()
    {
        await SaveCardAsync();
        await database.ExecuteAsync("delete from payment_customers");
        Assert.Null((await new StartCardSetup(store, stripe.Cards).RunAsync(user, Cancel)).Refusal);
        Assert.Single(stripe.StandIn.Account.Customers);
        Assert.Single(await store.ListAsync(user, Cancel));

        stripe.StandIn.Account.Customers.Clear();
        Assert.Null((await new StartCardSetup(store, stripe.Cards).RunAsync(user, Cancel)).Refusal);

        Assert.Single(stripe.StandIn.Account.Customers);
        Assert.Empty(await store.ListAsync(user, Cancel));
    }

    [Fact]
    public async Task StartSetup_TheProviderRejectsTheKey_IsNotAnOutage()
    {
        await using var wrong = await StripeAccount.OpenAsync(settings => settings with { SecretKey = "sk_test_another" });

        var refused = await new StartCardSetup(store, wrong.Cards).RunAsync(user, Cancel);

        Assert.Equal((RefusalKind.Failed, "PAYMENT_PROVIDER_KEY_REJECTED"), (refused.Refusal!.Kind, refused.Refusal.Code));
    }

    [Fact]
    public async Task StartSetup_OfAnUnknownUser_IsRefused() =>
        Assert.Equal("CUSTOMER_NOT_FOUND", (await new StartCardSetup(store, stripe.Cards).RunAsync(Guid.NewGuid(), Cancel)).Refusal?.Code);

    [Fact]
    public async Task Apply_TheSameEventTwice_AppliesOnce()
    {
        await SaveCardAsync();
        var saved = await stripe.LatestAsync("setup_intent.succeeded");

        Assert.False(await store.ApplyAsync(saved, Cancel));
        Assert.Single(await store.ListAsync(user, Cancel));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from audit_log where action = 'payment_method.saved'"));
    }

    [Fact]
    public async Task Apply_TheSameEventManyTimesAtOnce_AppliesOnce()
    {
        await BeginSetupAsync("pm_card_visa");
        var saved = await stripe.LatestAsync("setup_intent.succeeded");

        var applied = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => store.ApplyAsync(saved, Cancel)));

        Assert.Equal(1, applied.Count(once => once));
        Assert.Single(await store.ListAsync(user, Cancel));
    }

    [Fact]
    public async Task Apply_SavingACardThatWasDetachedMeanwhile_DoesNotRestoreIt()
    {
        await BeginSetupAsync("pm_card_visa");
        var early = await stripe.LatestAsync("setup_intent.succeeded");
        var paymentId = Assert.IsType<PaymentFact.MethodSaved>(early.Fact).PaymentId;
        await stripe.Cards.DetachAsync(paymentId, Cancel);
        var late = await stripe.LatestAsync("setup_intent.succeeded");

        // The event is read before the card is detached, and applied after it. The order of the events doesn't matter.
        await store.ApplyAsync(early with { EventId = "evt_early" }, Cancel);
        await store.ApplyAsync(await stripe.LatestAsync("payment_method.detached"), Cancel);
        await store.ApplyAsync(early with { EventId = "evt_again" }, Cancel);

        Assert.IsType<PaymentFact.MethodDetached>(late.Fact);
        Assert.Empty(await store.ListAsync(user, Cancel));
    }

    [Fact]
    public async Task Apply_AnAutomaticUpdate_ShowsTheNewDetails_WhicheverEventComesLast()
    {
        await SaveCardAsync();
        var paymentId = await database.QueryAsync<string>("select provider_payment_id from user_payment_methods");
        stripe.StandIn.AutomaticallyUpdate(paymentId, 1, 2032, "1111");
        stripe.StandIn.AutomaticallyUpdate(paymentId, 2, 2033, "2222");
        var events = stripe.StandIn.EventsOf("payment_method.automatically_updated");

        foreach (var late in events.Reverse())
        {
            var (body, signature) = stripe.Webhook(late);
            await store.ApplyAsync((await stripe.Webhooks.ReadAsync(body, signature, Cancel)).Value, Cancel);
        }

        var card = Assert.Single(await store.ListAsync(user, Cancel));
        Assert.Equal(("2222", 2, 2033, true), (card.LastFour, card.ExpiryMonth, card.ExpiryYear, card.IsDefault));
    }

    [Fact]
    public async Task MakeDefault_AnotherCard_LeavesOneDefault_AlsoForConcurrentRequests()
    {
        await SaveCardAsync("pm_card_visa");
        await SaveCardAsync("pm_card_mastercard");
        var cards = await store.ListAsync(user, Cancel);

        Assert.True(await store.MakeDefaultAsync(user, cards[1].PaymentMethodId, Actor.Owner(user), Cancel));
        Assert.Equal("mastercard", (await store.ListAsync(user, Cancel))[0].Brand);

        await Task.WhenAll(Enumerable.Range(0, 12).Select(turn =>
            store.MakeDefaultAsync(user, cards[turn % 2].PaymentMethodId, Actor.Owner(user), Cancel)));
        Assert.Single((await store.ListAsync(user, Cancel)), card => card.IsDefault);
    }

    [Fact]
    public async Task AForeignCard_IsNeitherSeenNorChanged()
    {
        await SaveCardAsync();
        var id = (await store.ListAsync(user, Cancel))[0].PaymentMethodId;
        var other = await NewUserAsync();

        Assert.Empty(await store.ListAsync(other, Cancel));
        Assert.False(await store.MakeDefaultAsync(other, id, Actor.Owner(other), Cancel));
        Assert.Equal("PAYMENT_METHOD_NOT_FOUND", (await Remove().RunAsync(other, id, Actor.Owner(other), Cancel)).Refusal?.Code);
        Assert.True((await store.ListAsync(user, Cancel))[0].IsDefault);
    }

    [Fact]
    public async Task Remove_TheDefault_DetachesItAtStripe_AndMakesTheOtherCardTheDefault()
    {
        await SaveCardAsync("pm_card_visa");
        await SaveCardAsync("pm_card_mastercard");
        var id = (await store.ListAsync(user, Cancel))[0].PaymentMethodId;

        Assert.Equal(id, (await Remove().RunAsync(user, id, Actor.Owner(user), Cancel)).Value);
        Assert.Equal("PAYMENT_METHOD_NOT_FOUND", (await Remove().RunAsync(user, id, Actor.Owner(user), Cancel)).Refusal?.Code);
        await store.ApplyAsync(await stripe.LatestAsync("payment_method.detached"), Cancel);

        var left = Assert.Single(await store.ListAsync(user, Cancel));
        Assert.Equal(("mastercard", true), (left.Brand, left.IsDefault));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from audit_log where action = 'payment_method.removed'"));
    }

    // Otherwise a card would be charged that the customer has not allowed for renewals.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Detached_AtStripe_TheOtherCardBecomesTheDefault_OnlyIfTheNextMethodMayBeTried(bool triesNext)
    {
        await SaveCardAsync("pm_card_visa");
        await SaveCardAsync("pm_card_mastercard");
        await database.ExecuteAsync(
            "insert into payment_preferences (user_id, tries_next_method) values (@user, @triesNext)", new { user, triesNext });
        var visa = await database.QueryAsync<string>("select provider_payment_id from user_payment_methods where brand = 'visa'");
        await stripe.Cards.DetachAsync(visa, Cancel);

        await store.ApplyAsync(await stripe.LatestAsync("payment_method.detached"), Cancel);

        var left = Assert.Single(await store.ListAsync(user, Cancel));
        Assert.Equal(("mastercard", triesNext), (left.Brand, left.IsDefault));
    }

    [Fact]
    public async Task Remove_WhileTheEventComesFirst_MakesTheOtherCardTheDefault()
    {
        await SaveCardAsync("pm_card_visa");
        await SaveCardAsync("pm_card_mastercard");
        var visa = await database.QueryAsync<string>("select provider_payment_id from user_payment_methods where brand = 'visa'");
        await stripe.Cards.DetachAsync(visa, Cancel);
        await store.ApplyAsync(await stripe.LatestAsync("payment_method.detached"), Cancel);

        await store.RemoveAsync(user, "stripe", visa, Actor.Owner(user), Cancel);

        Assert.True(Assert.Single(await store.ListAsync(user, Cancel)).IsDefault);
    }

    [Fact]
    public async Task Remove_WhileStripeDoesNotAnswer_ChangesNothing()
    {
        await SaveCardAsync();
        var id = (await store.ListAsync(user, Cancel))[0].PaymentMethodId;
        stripe.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_methods.detach", Times: 2));

        Assert.Equal("PAYMENT_PROVIDER_UNAVAILABLE", (await Remove().RunAsync(user, id, Actor.Owner(user), Cancel)).Refusal?.Code);
        Assert.Single(await store.ListAsync(user, Cancel));
    }

    private RemovePaymentMethod Remove() => new(store, stripe.Cards, new PayPalServices(null, null));

    private Task<Guid> NewUserAsync() =>
        database.QueryAsync<Guid>(
            "insert into users (email, password_hash) values (uuid_generate_v4() || '@example.com', 'x') returning user_id");

    private async Task BeginSetupAsync(string testCard)
    {
        var setup = await new StartCardSetup(store, stripe.Cards).RunAsync(user, Cancel);
        await stripe.ConfirmInBrowserAsync(setup.Value, testCard);
    }

    private async Task<bool> SaveCardAsync(string testCard = "pm_card_visa")
    {
        await BeginSetupAsync(testCard);
        return await store.ApplyAsync(await stripe.LatestAsync("setup_intent.succeeded"), Cancel);
    }
}
