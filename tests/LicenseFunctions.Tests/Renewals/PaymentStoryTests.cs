using System.Net;
using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>
/// The backend runs in a separate process, Stripe's stand-in in the test's. Both call each other over HTTP. A test triggers each webhook.
/// </summary>
public sealed class PaymentStoryTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private StandIn stripe = null!;
    private RunningApp app = null!;
    private Guid user;
    private Guid license;

    private string Owner => "Bearer " + RunningApp.Token("subscriber", user);

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        stripe = await StandIn.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        app = await RunningApp.StartHereAsync(
            database,
            ("STRIPE_SECRET_KEY", stripe.Options.SecretKey),
            ("STRIPE_PUBLISHABLE_KEY", stripe.Options.PublishableKey),
            ("STRIPE_WEBHOOK_SECRET", stripe.Options.WebhookSecret),
            ("STRIPE_API_BASE", stripe.BaseAddress.ToString()),
            ("RENEWAL_SCHEDULE", RunningApp.Never),
            ("RECONCILE_SCHEDULE", RunningApp.Never));
        stripe.Webhooks.Url = new Uri(app.Client.BaseAddress!, "/api/v1/stripe/webhook");
        (user, license) = await StoryLicense.AddAsync(database);
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await stripe.DisposeAsync();
        await EventSecrets.AssertNoneAsync(database);
        await database.DisposeAsync();
    }

    [Fact]
    public async Task ACardSavedInTheBrowser_PaysTheRenewalOnce_DespiteRepeatedRequestsAndEvents()
    {
        await SaveCardAsync("pm_card_visa");

        var (status, renewed, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var (again, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);

        Assert.Equal((200, "renewed"), (status, (string?)renewed!["status"]));
        Assert.Equal(200, again);
        await DeliverAllAsync();
        await DeliverAllAsync();
        await AssertPaidOnceAsync();
        Assert.Equal("renewed", await database.QueryAsync<string>("select payload ->> 'template' from outbox where kind = 'email'"));
    }

    [Fact]
    public async Task AChargeWhoseAnswersWereLost_IsPending_UntilTheWebhookArrives()
    {
        await SaveCardAsync("pm_card_visa");
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, "payment_intents.confirm"));
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_intents.retrieve", Times: 4));

        var (status, pending, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var before = await ExpiryAsync();
        Assert.Equal((202, "pending"), (status, (string?)pending!["status"]));

        var paid = Assert.Single(stripe.EventsOf("payment_intent.succeeded"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => DeliverAsync(paid)));

        Assert.Contains(HttpStatusCode.OK, answers);
        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(paid));
        Assert.Equal(TimeSpan.FromDays(30), await ExpiryAsync() - before);
        await AssertPaidOnceAsync();
    }

    [Fact]
    public async Task ADeclinedCard_ThenANewOne_Renews()
    {
        await SaveCardAsync("pm_card_visa");
        var (_, method) = await DefaultCardAsync();
        stripe.Behave(method, new CardBehavior("visa", "4242", Decline: "lost_card"));

        var (status, declined, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((402, "declined", "lost_card"), (status, (string?)declined!["status"], (string?)declined["code"]));
        Assert.Equal("action_needed", await database.QueryAsync<string>("select payload ->> 'template' from outbox where kind = 'email'"));
        await DeliverAllAsync();

        await SaveCardAsync("pm_card_mastercard");
        Assert.False(await IsDueAsync());
        var cards = await CardsAsync();
        var (made, _, _) = await app.SendAsync(HttpMethod.Put, $"/api/v1/payment-methods/{cards[1]!["payment_method_id"]}/default", Owner);
        Assert.Equal(204, made);
        Assert.True(await IsDueAsync());
        await app.RunTimerAsync(database, "RunRenewals");

        await DeliverAllAsync();
        await AssertPaidOnceAsync();
    }

    /// <summary>The pages say it before the customer tries again.</summary>
    [Fact]
    public async Task ARejectedCard_AfterTheRenewalLapsed_MustBeReplaced()
    {
        await SaveCardAsync("pm_card_visa");
        var (_, method) = await DefaultCardAsync();
        stripe.Behave(method, new CardBehavior("visa", "4242", Decline: "lost_card"));
        Assert.Equal(402, (await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner)).Status);
        await database.ExecuteAsync(
            """
            update license_tokens set expires_at = expires_at - interval '20 days' where subscription_id = @license;
            update renewals set status = 'lapsed', next_action_at = null, period_start = period_start - interval '20 days'
            where subscription_id = @license;
            """, new { license });

        var (_, home, _) = await app.GetAsync("/api/v1/tasks", Owner);
        var (_, list, _) = await app.GetAsync($"/api/v1/licenses/{license}/renewals", Owner);
        var (status, refused, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);

        var task = Assert.Single(home!["tasks"]!.AsArray())!;
        Assert.Equal(("REPLACE_CARD", "ENDED", "lost_card"), ((string?)task["kind"], (string?)task["stage"], (string?)task["reason"]));
        Assert.Equal((true, "lost_card"), ((bool?)list!["card_is_rejected"], (string?)list["obstacle"]));
        Assert.Equal((409, "NEEDS_ANOTHER_CARD"), (status, (string?)refused!["code"]));
    }

    [Fact]
    public async Task AFirstCard_PaysTheWaitingRenewalImmediately()
    {
        var (status, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((402, false), (status, await IsDueAsync()));

        await SaveCardAsync("pm_card_visa");
        Assert.True(await IsDueAsync());
        await app.RunTimerAsync(database, "RunRenewals");

        await AssertPaidOnceAsync();
    }

    [Fact]
    public async Task ACardThatItsBankRenewed_PaysTheDeclinedRenewalImmediately()
    {
        await SaveCardAsync("pm_card_visa");
        var (_, method) = await DefaultCardAsync();
        stripe.Behave(method, new CardBehavior("visa", "4242", Decline: "expired_card"));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.False(await IsDueAsync());

        stripe.Behave(method, TestCards.ByName["pm_card_visa"]);
        stripe.AutomaticallyUpdate(method, 1, 2035);
        await DeliverAllAsync();
        Assert.True(await IsDueAsync());
        await app.RunTimerAsync(database, "RunRenewals");

        await DeliverAllAsync();
        await AssertPaidOnceAsync();
    }

    [Fact]
    public async Task AuthenticationOnThePage_PaysByWebhook()
    {
        await SaveCardAsync("pm_card_visa");
        var (_, method) = await DefaultCardAsync();
        stripe.Behave(method, new CardBehavior("visa", "3184", Authentication: Authentication.Always));
        var (status, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal(402, status);

        var (stranger, _) = await StoryLicense.AddAsync(database);
        var (foreign, problem, _) = await app.PostAsync(
            $"/api/v1/licenses/{license}/confirm-payment", "Bearer " + RunningApp.Token("subscriber", stranger));
        Assert.Equal("LICENSE_NOT_FOUND", (string?)problem!["code"]);
        var (shown, page, _) = await app.PostAsync($"/api/v1/licenses/{license}/confirm-payment", Owner);
        Assert.Equal((404, 200, method), (foreign, shown, (string?)page!["payment_method"]));
        Assert.DoesNotContain((string)page["client_secret"]!, app.Log, StringComparison.Ordinal);
        var (worked, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/confirm-payment", "Bearer " + RunningApp.Token("operator"));
        Assert.Equal(403, worked);
        var intent = (string)page["payment_intent_id"]!;
        await ConfirmInBrowserAsync("payment_intents", intent, (string)page["client_secret"]!, method);
        stripe.Settle(intent, paid: true);
        await DeliverAllAsync();

        await AssertPaidOnceAsync();
        var (nothing, none, _) = await app.PostAsync($"/api/v1/licenses/{license}/confirm-payment", Owner);
        Assert.Equal((404, "NOTHING_TO_CONFIRM"), (nothing, (string?)none!["code"]));
    }

    [Fact]
    public async Task ARefund_EndsThePaidPeriod_EvenWhenItArrivesTwiceAndBeforeTheSuccess()
    {
        await SaveCardAsync("pm_card_visa");
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, "payment_intents.confirm"));
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "payment_intents.retrieve", Times: 4));
        var before = await ExpiryAsync();
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var intent = stripe.Account.PaymentIntents.Values.Single();
        await RefundAsync(intent.Id());
        var refunded = Assert.Single(stripe.EventsOf("charge.refunded"));

        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(refunded));
        Assert.Equal(before, await ExpiryAsync());
        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(stripe.EventsOf("payment_intent.succeeded")[0]));
        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(refunded));
        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(refunded));

        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from audit_log where action = 'renewal.refunded'"));
        // Earlier periods stay paid.
        Assert.InRange(await ExpiryAsync(), before, before.AddMinutes(1));
        Assert.Equal(["refunded"], await EndingsAsync());
    }

    [Theory]
    [InlineData(true, "renewal.dispute_won")]
    [InlineData(false, "renewal.dispute_lost")]
    public async Task ADispute_EndsThePaidPeriod_OnlyWhenItIsLost(bool won, string audited)
    {
        await SaveCardAsync("pm_card_visa");
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var paidUntil = await ExpiryAsync();
        var dispute = stripe.Dispute(stripe.Account.PaymentIntents.Keys.Single());
        await DeliverAllAsync();
        Assert.Equal(paidUntil, await ExpiryAsync());

        stripe.CloseDispute(dispute, won);
        await DeliverAllAsync();

        Assert.Equal(won, await ExpiryAsync() == paidUntil);
        Assert.Equal(won ? [] : ["dispute_lost"], await EndingsAsync());
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from audit_log where action = @audited", new { audited }));
    }

    [Fact]
    public async Task ADisputeOfAPart_TakesThatPart_AndGivesItBackWhenItIsWonAfterAll()
    {
        await SaveCardAsync("pm_card_visa");
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var paidUntil = await ExpiryAsync();
        var (intent, paid) = stripe.Account.PaymentIntents.Single();
        var dispute = stripe.Dispute(intent, amount: (long)paid["amount"]! / 2);
        stripe.UpdateDispute(dispute, dueBy: 2_000_000_000);
        await DeliverAllAsync();
        Assert.Equal(
            DateTimeOffset.FromUnixTimeSeconds(2_000_000_000).UtcDateTime,
            await database.QueryAsync<DateTime>("select evidence_due_at from payment_reversals"));

        stripe.CloseDispute(dispute, won: false);
        await DeliverAllAsync();
        Assert.InRange(await ExpiryAsync(), paidUntil.AddDays(-15).AddHours(-1), paidUntil.AddDays(-14));

        stripe.CloseDispute(dispute, won: true);
        await DeliverAllAsync();
        Assert.Equal(paidUntil, await ExpiryAsync());
    }

    [Fact]
    public async Task ADisputeThatIsWonAfterAll_LeavesAutoRenewalAsTheCustomerSwitchedIt()
    {
        await SaveCardAsync("pm_card_visa");
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var dispute = stripe.Dispute(stripe.Account.PaymentIntents.Keys.Single());
        stripe.CloseDispute(dispute, won: false);
        await DeliverAllAsync();
        Assert.False(await AutoRenewsAsync());

        var (status, _, _) = await app.SendAsync(HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", Owner, new { enabled = false });
        Assert.Equal(200, status);
        stripe.CloseDispute(dispute, won: true);
        await DeliverAllAsync();

        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from audit_log where action = 'renewal.dispute_won'"));
        Assert.False(await AutoRenewsAsync());
    }

    [Fact]
    public async Task ALostDisputeOfTheRest_StopsAutoRenewal_EvenIfTheCustomerSwitchedItOnAfterTheFirst()
    {
        await SaveCardAsync("pm_card_visa");
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var (intent, paid) = stripe.Account.PaymentIntents.Single();
        stripe.CloseDispute(stripe.Dispute(intent, amount: 1000), won: false);
        await DeliverAllAsync();
        await app.SendAsync(HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", Owner, new { enabled = true });
        await DeliverAllAsync();
        Assert.True(await AutoRenewsAsync());

        stripe.CloseDispute(stripe.Dispute(intent, amount: (long)paid["amount"]! - 1000), won: false);
        await DeliverAllAsync();
        Assert.False(await AutoRenewsAsync());

        await app.SendAsync(HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", Owner, new { enabled = true });
        await DeliverAllAsync();
        Assert.True(await AutoRenewsAsync());
    }

    private async Task<bool> AutoRenewsAsync() =>
        (bool)(await app.GetAsync($"/api/v1/licenses/{license}/renewals", Owner)).Body!["auto_renew"]!;

    [Fact]
    public async Task ACardRemovedAtStripe_IsRemovedHere_AndOtherUsersAreRefused()
    {
        await SaveCardAsync("pm_card_visa");
        var id = (string)(await CardsAsync())[0]!["payment_method_id"]!;
        var (stranger, _) = await StoryLicense.AddAsync(database);

        var (foreign, _, _) = await app.SendAsync(
            HttpMethod.Delete, $"/api/v1/payment-methods/{id}", "Bearer " + RunningApp.Token("subscriber", stranger));
        var (removed, _, _) = await app.SendAsync(HttpMethod.Delete, $"/api/v1/payment-methods/{id}", Owner);
        await DeliverAllAsync();

        Assert.Equal((404, 204), (foreign, removed));
        Assert.Empty(await CardsAsync());
        var (status, answer, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((402, "payment_needed"), (status, (string?)answer!["status"]));
    }

    [Fact]
    public async Task AWebhookOfAnotherSecret_IsRefused_AndLeavesNothing()
    {
        using var content = new StringContent("""{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}""");
        content.Headers.Add(
            "Stripe-Signature", StripeStandIn.Webhooks.Sign("{}", "whsec_other", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));

        var answer = await app.Client.PostAsync("/api/v1/stripe/webhook", content, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from payment_events"));
    }

    [Fact]
    public async Task AnEventOfEveryType_AlsoAMalformedOne_IsAnswered200AndRecorded()
    {
        // JSON does not escape {0}, the type, and {1}, a number that is unique in the test.
        string[] objects =
        [
            """ "data":{"object":{"id":"x_{1}"}}""",
            """
            "data":{"object":{"id":"x_{1}","amount":3000,"amount_refunded":3000,"amount_received":3000,"currency":"usd","status":
            "succeeded","charge":"ch_{1}","payment_intent":"pi_{1}","payment_method":"pm_{1}"}}
            """,
            """
            "data":{"object":{"id":"x_{1}","amount":30.5,"amount_refunded":1e40,"amount_received":4999.5,"currency":7,"status":"succeeded",
            "charge":"ch_{1}","payment_intent":"pi_{1}"}}
            """,
            """ "object":"v2.core.event","related_object":{"id":"x_{1}"}""",
            """ "data":null""",
            """ "data":{"object":null}""",
            """ "data":{"object":["x"]}""",
            """ "data":{"object":{"id":"","status":["x"],"payment_intent":{"id":7},"payment_method":{},"charge":[]}}""",
            """ "data":{"object":{"id":"x\u0000_{1}","metadata":{"renewal_id":"x"}}}""",
            """ "data":{"object":{"id":"\ud800","status":"\udfff","metadata":[]}}""",
        ];
        string[] times = ["1767225600", "1767225600.5", "\"2026-01-01T00:00:00Z\"", "99999999999999999", "null"];
        string[] kinds =
        [
            .. objects.Select((one, at) => $$"""{"id":"evt_{1}","type":"{0}","created":{{times[at % times.Length]}},{{one}}}"""),
            """{"id":{1},"created":null,"type":"{0}"}""",
            """{"id":"\ud800","note":"{1} {0}","type":null}""",
            """{"id":"\u0000{1} {0}","type":"\u0000"}""",
            """[{1},"{0}"]""",
            """{1} {0}""",
        ];
        var types = typeof(Stripe.EventTypes).GetFields().Select(field => (string)field.GetValue(null)!)
            .Append("v2.core.account.updated").Append("a.type.of.tomorrow").ToList();
        var bodies = types.SelectMany(type => kinds.Select(kind => (type, kind))).Select((one, number) => one.kind
            .Replace("{0}", one.type, StringComparison.Ordinal).Replace("{1}", $"{number}", StringComparison.Ordinal)).ToList();

        await Parallel.ForEachAsync(
            bodies, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken },
            async (body, _) => Assert.Equal((body, HttpStatusCode.OK), (body, await PostEventAsync(body))));

        Assert.True(types.Count > 250);
        Assert.Equal(bodies.Count, await database.QueryAsync<int>("select count(*)::int from payment_events"));
    }

    private async Task<HttpStatusCode> PostEventAsync(string body)
    {
        using var content = new StringContent(body);
        content.Headers.Add("Stripe-Signature", StripeStandIn.Webhooks.Sign(
            body, stripe.Options.WebhookSecret, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
        return (await app.Client.PostAsync("/api/v1/stripe/webhook", content, TestContext.Current.CancellationToken)).StatusCode;
    }

    private async Task AssertPaidOnceAsync()
    {
        Assert.Equal(1, stripe.Stats()["charges_succeeded"]!.GetValue<int>());
        Assert.Equal(0, await database.QueryAsync<decimal>("select balance_usd from user_wallets where user_id = @user", new { user }));
        Assert.Equal(
            ["DEPOSIT 49.99", "FEE_SUBSCRIPTION 49.99"],
            await database.QueryAllAsync<string>(
                "select entry_type || ' ' || round(amount_usd, 2) from billing_ledger order by entry_type"));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'"));
    }

    private Task<bool> IsDueAsync() =>
        database.QueryAsync<bool>("select next_action_at <= now() from renewals where subscription_id = @license", new { license });

    private Task<IReadOnlyList<string>> EndingsAsync() => database.QueryAllAsync<string>(
        """
        select o.payload -> 'model' ->> 'reason'
        from outbox o join license_tokens t on (o.payload -> 'model' ->> 'expires_at')::timestamptz = t.expires_at
        where o.payload ->> 'template' = 'period_ended' and o.payload ->> 'user_id' = @user::text
        """,
        new { user });

    private Task<DateTime> ExpiryAsync() =>
        database.QueryAsync<DateTime>("select expires_at from license_tokens where subscription_id = @license", new { license });

    private async Task SaveCardAsync(string testCard)
    {
        var (status, setup, _) = await app.PostAsync("/api/v1/payment-methods/setup", Owner);
        Assert.Equal(201, status);
        Assert.Equal(stripe.Options.PublishableKey, (string?)setup!["publishable_key"]);
        await ConfirmInBrowserAsync("setup_intents", (string)setup["setup_intent_id"]!, (string)setup["client_secret"]!, testCard);
        Assert.Equal(HttpStatusCode.OK, await DeliverAsync(stripe.EventsOf("setup_intent.succeeded")[^1]));
    }

    private async Task<JsonArray> CardsAsync() =>
        (await app.GetAsync("/api/v1/payment-methods", Owner)).Body!["payment_methods"]!.AsArray();

    private Task<(string CustomerId, string PaymentId)> DefaultCardAsync() =>
        database.QueryAsync<(string, string)>(
            "select provider_customer_id, provider_payment_id from user_payment_methods where is_default");

    private Task<HttpStatusCode> DeliverAsync(string eventId) =>
        stripe.Webhooks.DeliverAsync(eventId, TestContext.Current.CancellationToken);

    /// <summary>All events so far, newest first, because Stripe guarantees no order.</summary>
    private async Task DeliverAllAsync()
    {
        foreach (var id in stripe.Account.Events.Select(made => made.Id()).Reverse().ToList())
            Assert.Equal((id, HttpStatusCode.OK), (id, await DeliverAsync(id)));
    }

    private async Task ConfirmInBrowserAsync(string kind, string id, string clientSecret, string method)
    {
        using var form = new FormUrlEncodedContent([new("payment_method", method), new("client_secret", clientSecret)]);
        await StripeAsync(stripe.Options.PublishableKey, $"/v1/{kind}/{id}/confirm", form);
    }

    private async Task RefundAsync(string intentId)
    {
        using var form = new FormUrlEncodedContent([new("payment_intent", intentId)]);
        await StripeAsync(stripe.Options.SecretKey, "/v1/refunds", form);
    }

    private async Task StripeAsync(string key, string path, FormUrlEncodedContent form)
    {
        using var http = new HttpClient { BaseAddress = stripe.BaseAddress };
        http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync(path, form, TestContext.Current.CancellationToken)).StatusCode);
    }
}
