using System.Net;
using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Tests.Support;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;
using PayPalStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>The backend with both gateways; the stand-ins run in the test. A test triggers each webhook.</summary>
public sealed class PayPalStoryTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase database = null!;
    private StandIn payPal = null!;
    private StripeStandIn.StandIn stripe = null!;
    private RunningApp app = null!;
    private Guid user;
    private Guid license;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Owner => "Bearer " + RunningApp.Token("subscriber", user);

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        payPal = await StandIn.StartAsync(cancellationToken: Cancel);
        stripe = await StripeStandIn.StandIn.StartAsync(cancellationToken: Cancel);
        app = await RunningApp.StartHereAsync(
            database,
            ("STRIPE_SECRET_KEY", stripe.Options.SecretKey),
            ("STRIPE_PUBLISHABLE_KEY", stripe.Options.PublishableKey),
            ("STRIPE_WEBHOOK_SECRET", stripe.Options.WebhookSecret),
            ("STRIPE_API_BASE", stripe.BaseAddress.ToString()),
            ("PAYPAL_CLIENT_ID", payPal.Options.ClientId),
            ("PAYPAL_CLIENT_SECRET", payPal.Options.ClientSecret),
            ("PAYPAL_WEBHOOK_ID", payPal.Options.WebhookId),
            ("PAYPAL_API_URL", payPal.BaseAddress.ToString()),
            ("PUBLIC_URL", "https://licenses.example.com"),
            ("RENEWAL_SCHEDULE", RunningApp.Never),
            ("RECONCILE_SCHEDULE", RunningApp.Never));
        payPal.Webhooks.Url = new Uri(app.Client.BaseAddress!, "/api/v1/paypal/webhook");
        (user, license) = await StoryLicense.AddAsync(database);
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await payPal.DisposeAsync();
        await stripe.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task AnApprovedAccount_IsSavedOnce_PaysTheRenewalOnce_AndIsRemoved()
    {
        var setup = await ApproveAsync();
        var stranger = "Bearer " + RunningApp.Token("subscriber", (await StoryLicense.AddAsync(database)).UserId);
        Assert.Equal((404, "PAYPAL_NOT_STARTED"), await CompleteAsync(setup, stranger));
        await app.PostAsync("/api/v1/payment-methods/paypal", stranger);
        Assert.Equal((409, "PAYPAL_NOT_APPROVED"), await CompleteAsync(setup, stranger));
        Assert.Equal((400, "SETUP_TOKEN_INVALID"), await CompleteAsync("../orders", Owner));
        Assert.Equal((200, null), await CompleteAsync(setup, Owner));
        Assert.Equal((200, null), await CompleteAsync(setup, Owner));
        await DeliverAllAsync();
        var saved = Assert.Single(await MethodsAsync());
        Assert.Equal(("paypal", "paypal", true), (
            (string?)saved!["payment_provider"], (string?)saved["payment_type"], (bool)saved["is_default"]!));

        var (status, renewed, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var (again, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((200, "renewed", 200), (status, (string?)renewed!["status"], again));
        await DeliverAllAsync();
        await AssertPaidOnceAsync();
        Assert.Equal("paypal", await database.QueryAsync<string>("select payment_provider from license_renewal_history"));

        var (removed, _, _) = await app.SendAsync(HttpMethod.Delete, $"/api/v1/payment-methods/{saved["payment_method_id"]}", Owner);
        Assert.Equal((204, 0, 0), (removed, (await MethodsAsync()).Count, payPal.Account.State.PaymentTokens.Count));
        await DeliverAllAsync();
        Assert.Empty(await MethodsAsync());
    }

    [Fact]
    public async Task ACompletionThatNeverCame_IsSavedByPayPalsEvent()
    {
        var setup = await ApproveAsync();
        lock (payPal.Account.Gate)
        {
            payPal.Account.CreateToken(new JsonObject
            {
                ["payment_source"] = new JsonObject { ["token"] = new JsonObject { ["id"] = setup, ["type"] = "SETUP_TOKEN" } },
            });
        }

        await DeliverAllAsync();

        Assert.Single(await MethodsAsync());
    }

    [Theory]
    [InlineData(FaultKind.ErrorAfter)]
    [InlineData(FaultKind.DropAfter)]
    public async Task AChargeWhoseAnswersWereLost_IsPending_AndPaidOnceByWebhookOrLookup(FaultKind fault)
    {
        await SaveAsync();
        payPal.Faults.Add(new Fault(fault, "orders.capture"));
        payPal.Faults.Add(new Fault(FaultKind.ErrorBefore, "orders.get"));
        var (status, pending, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((202, "pending"), (status, (string?)pending!["status"]));
        // Meanwhile the customer makes a card the default: the open charge must be settled first.
        await SaveStripeCardAsync(isDefault: true);

        if (fault is FaultKind.ErrorAfter)
        {
            var paid = payPal.EventsOf("PAYMENT.CAPTURE.COMPLETED")[0];
            var answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => DeliverAsync(paid)));
            Assert.Contains(HttpStatusCode.OK, answers);
        }
        else
        {
            await database.ExecuteAsync("update renewals set next_action_at = now(), lease_until = null");
            await app.RunTimerAsync(database, "ReconcileRenewals");
        }

        await DeliverAllAsync();
        await AssertPaidOnceAsync();
    }

    [Fact]
    public async Task RefundsAndDisputes_OfTheCharge_ChangeThePeriod()
    {
        await SaveAsync();
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var paidUntil = await ExpiryAsync();
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        var worker = "Bearer " + RunningApp.Token("operator");
        payPal.Faults.Add(new Fault(FaultKind.ErrorAfter, "captures.refund"));

        var (status, refund, _) = await app.SendAsync(
            HttpMethod.Post, $"/api/v1/payments/{renewal}/refund", worker,
            new { amount_usd = 10, period = "shorten", reason = "asked", refundable_usd = 49.99 });
        Assert.Equal((202, "requested"), (status, (string?)refund!["state"]));
        await DeliverAllAsync();
        await DeliverAllAsync();
        Assert.Equal("made", await database.QueryAsync<string>("select state from refunds"));
        Assert.Equal(1000, await database.QueryAsync<long>("select refunded_minor from reversal_effects"));
        Assert.True(await ExpiryAsync() < paidUntil);

        var capture = await database.QueryAsync<string>("select transaction_id from renewal_attempts");
        var dispute = payPal.Account.Dispute(capture, "UNAUTHORISED");
        await DeliverAllAsync();
        Assert.Equal("open", await database.QueryAsync<string>("select state from payment_reversals where kind = 'dispute'"));
        payPal.Account.CloseDispute(dispute, won: true);
        await DeliverAllAsync();
        Assert.Equal("won", await database.QueryAsync<string>("select state from payment_reversals where kind = 'dispute'"));
    }

    [Theory]
    [InlineData(true, "30.00")]
    [InlineData(false, "49.99")]
    public async Task MoneyThatPayPalGivesToTheCustomer_IsBookedOnce(bool isAccepted, string usd)
    {
        await SaveAsync();
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var capture = await database.QueryAsync<string>("select transaction_id from renewal_attempts");
        if (isAccepted) payPal.Account.AcceptDispute(payPal.Account.Dispute(capture, "UNAUTHORISED", 30));
        else payPal.Account.TakeBack(capture);

        await DeliverAllAsync();
        await DeliverAllAsync();

        Assert.Equal(usd, await database.QueryAsync<string>(
            """
            select sum(round(amount_usd, 2))::text from billing_ledger
            where entry_type in ('REFUND', 'ADJUSTMENT_ADMIN') and reference_id = (select renewal_id from renewals)
            """));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from payment_cases"));
    }

    [Fact]
    public async Task ForgedWebhooks_AreRefused_AndChangeNothing()
    {
        await SaveAsync();
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var body = """{"id":"WH-X","event_type":"PAYMENT.CAPTURE.REFUNDED","resource":{"id":"R"}}""";
        var good = payPal.Webhooks.Sign(body);
        Assert.Equal(HttpStatusCode.BadRequest, await PostEventAsync(body, good)); // PayPal's list doesn't have it
        lock (payPal.Account.Gate) payPal.Account.State.Events.Add(JsonNode.Parse(body)!.AsObject());

        foreach (var wrong in new[]
        {
            payPal.Webhooks.Sign(body, webhookId: "ANOTHER"),
            payPal.Webhooks.Sign(body + " "),
            new Dictionary<string, string>(good) { ["PAYPAL-CERT-URL"] = "https://api.paypal.com.example.com/cert" },
            new Dictionary<string, string>(good) { ["PAYPAL-CERT-URL"] = stripe.BaseAddress.ToString() },
            new Dictionary<string, string>(),
        })
            Assert.Equal(HttpStatusCode.BadRequest, await PostEventAsync(body, wrong));

        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from payment_events where event_id = 'WH-X'"));
        Assert.Equal(HttpStatusCode.OK, await PostEventAsync(body, good));
        Assert.Equal(HttpStatusCode.OK, await PostEventAsync(body, payPal.Webhooks.Sign(body)));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from payment_cases where subject = 'R'"));
    }

    [Fact]
    public async Task ACardThatIsDeclinedPermanently_IsFollowedByPayPal_OnlyIfTheCustomerAllowsIt()
    {
        await SaveAsync();
        var card = await SaveStripeCardAsync(isDefault: true);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242", Decline: "lost_card"));

        var (declined, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((402, false), (declined, (bool)(await app.GetAsync("/api/v1/payment-methods", Owner)).Body!["tries_next_method"]!));
        Assert.Equal(0, payPal.Paid);
        var (invalid, _, _) = await app.SendAsync(HttpMethod.Put, "/api/v1/payment-methods/next", Owner, new { });
        Assert.Equal(400, invalid);

        var (allowed, _, _) = await app.SendAsync(HttpMethod.Put, "/api/v1/payment-methods/next", Owner, new { enabled = true });
        Assert.Equal((204, true), (allowed, (bool)(await app.GetAsync("/api/v1/payment-methods", Owner)).Body!["tries_next_method"]!));
        await app.RunTimerAsync(database, "RunRenewals");

        await AssertPaidOnceAsync();
        Assert.Equal(
            ["stripe hard_declined", "paypal succeeded"],
            await database.QueryAllAsync<string>("select provider || ' ' || status from renewal_attempts order by number"));
        Assert.Equal(0, stripe.Stats()["charges_succeeded"]!.GetValue<int>());
    }

    [Fact]
    public async Task TheNextMethod_IsTriedOnce_AndOneMailTellsTheCustomer()
    {
        await app.SendAsync(HttpMethod.Put, "/api/v1/payment-methods/next", Owner, new { enabled = true });
        await SaveAsync("PAYER_ACCOUNT_RESTRICTED");
        var card = await SaveStripeCardAsync(isDefault: true);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242", Decline: "lost_card"));

        var (declined, reply, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal((402, "payer_account_restricted"), (declined, (string?)reply!["code"]));
        await database.ExecuteAsync("update renewals set next_action_at = now(), lease_until = null");
        await app.RunTimerAsync(database, "RunRenewals");
        await app.RunTimerAsync(database, "RunRenewals");

        Assert.Equal(2, await database.QueryAsync<int>("select count(*)::int from renewal_attempts"));
        Assert.Equal(
            ["action_needed"],
            await database.QueryAllAsync<string>("select payload ->> 'template' from outbox where kind = 'email'"));
    }

    // What a restore leaves: the order was charged, and the database knows only an attempt with a card.
    [Fact]
    public async Task ASuccessOfTheOtherProvider_PaysTheRenewal_AndTheCardIsNotChargedAgain()
    {
        await SaveAsync();
        var card = await SaveStripeCardAsync(isDefault: true);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242", Decline: "insufficient_funds"));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242"));
        await PayAtPayPalAsync(attempt: 7);

        await DeliverAllAsync();
        await DeliverAllAsync();
        await database.ExecuteAsync("update renewals set next_action_at = now(), lease_until = null where status <> 'applied'");
        await app.RunTimerAsync(database, "RunRenewals");

        await AssertPaidOnceAsync();
        Assert.Equal(
            ["stripe soft_declined", "paypal succeeded"],
            await database.QueryAllAsync<string>("select provider || ' ' || status from renewal_attempts order by number"));
    }

    // The first charge is open, so which of both paid is not known yet: when it is declined, nothing more is charged until an operator
    // has decided.
    [Fact]
    public async Task ASuccessOfTheOtherProvider_WhileACardIsCharged_IsACase_AndNoFurtherAttemptIsMade()
    {
        await SaveAsync();
        await SaveStripeCardAsync(isDefault: true);
        stripe.Faults.Add(new StripeStandIn.Fault(StripeStandIn.FaultKind.DropBefore, "payment_intents.confirm", Times: 2));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        Assert.Equal("unknown", await database.QueryAsync<string>("select status from renewals"));
        await PayAtPayPalAsync(attempt: 7);
        await DeliverAllAsync();
        Assert.Equal(["paid_twice"], await database.QueryAllAsync<string>("select reason from payment_cases"));

        // The card would pay, but its intent is canceled.
        await RunDueAsync("ReconcileRenewals");
        var attempts = await database.QueryAsync<int>("select count(*)::int from renewal_attempts");
        await RunDueAsync("RunRenewals");
        Assert.Equal((attempts, 1, 0), (
            await database.QueryAsync<int>("select count(*)::int from renewal_attempts"), payPal.Paid,
            stripe.Stats()["charges_succeeded"]!.GetValue<int>()));

        await database.ExecuteAsync("update payment_cases set decision = 'dismissed', decided_at = now()");
        await RunDueAsync("RunRenewals");
        Assert.Equal("applied", await database.QueryAsync<string>("select status from renewals"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".AAAAAAAAAAAAAAAA")]
    public async Task AnOrderThatACustomerMadeWithTheRenewalsNote_RenewsNothing_AndIsACase(string signature)
    {
        await SaveAsync();
        var card = await SaveStripeCardAsync(isDefault: true);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242", Decline: "insufficient_funds"));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        await PayWithOwnOrderAsync(renewal => $"{renewal:N}.{license:N}.{user:N}.0{signature}");

        await DeliverAllAsync();

        Assert.Equal("soft_declined", await database.QueryAsync<string>("select status from renewals"));
        Assert.Equal(
            ["unknown_renewal paypal"],
            await database.QueryAllAsync<string>("select reason || ' ' || provider from payment_cases where subscription_id is null"));
    }

    [Fact]
    public async Task ACentThatACustomerPaysAtPayPalWithTheRenewalsNote_RenewsNothing()
    {
        await SaveAsync();
        var card = await SaveStripeCardAsync(isDefault: true);
        stripe.Behave(card, new StripeStandIn.CardBehavior("visa", "4242", Decline: "insufficient_funds"));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        await PayAtPayPalAsync(attempt: 7, cents: 1);

        await DeliverAllAsync();

        Assert.Equal(("undecided", "other_amount"), (
            await database.QueryAsync<string>("select status from renewals"),
            await database.QueryAsync<string>("select reason from payment_cases")));
    }

    [Fact]
    public async Task AnAttemptThatPayPalHasBefore_WaitsForAPerson_AndIsBookedWhenItsPaymentIsFound()
    {
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        await SaveAsync();
        await PayAtPayPalAsync(attempt: 1);
        payPal.Faults.Add(new Fault(FaultKind.Refuse, "transactions.list", Times: null));

        var (status, _, _) = await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        await RunDueAsync("ReconcileRenewals");

        Assert.Equal((202, "undecided", 1), (status, await database.QueryAsync<string>("select status from renewals"), payPal.Paid));
        var (_, unknown, _) = await app.GetAsync("/api/v1/renewals/unknown", "Bearer " + RunningApp.Token("operator"));
        Assert.Equal(
            payPal.Account.State.Orders.Values.Select(order => (string?)order["purchase_units"]![0]!["invoice_id"]),
            unknown!["charges"]!.AsArray().Select(charge => (string?)charge!["invoice_id"]));
        Assert.Equal(["paid_before"], await database.QueryAllAsync<string>("select reason from payment_cases where decided_at is null"));
        // A request that can't be read hides neither its charge nor the others.
        await database.ExecuteAsync(
            "alter table renewal_attempts disable trigger keep_request_frozen; "
            + "update renewal_attempts set request = jsonb_build_array(request)");
        (_, unknown, _) = await app.GetAsync("/api/v1/renewals/unknown", "Bearer " + RunningApp.Token("operator"));
        Assert.Null(unknown!["charges"]!.AsArray().Single()!["invoice_id"]);
        await database.ExecuteAsync(
            "update renewal_attempts set request = request -> 0; alter table renewal_attempts enable trigger keep_request_frozen");
        payPal.Faults.Clear();
        await RunDueAsync("ReconcileRenewals");
        Assert.Equal(
            ("applied", "applied", 1),
            (await database.QueryAsync<string>("select status from renewals"),
                await database.QueryAsync<string>("select decision from payment_cases"), payPal.Paid));
        Assert.Equal(
            payPal.Account.State.Orders.Keys.Single(), await database.QueryAsync<string>("select intent_id from renewals"));
    }

    [Fact]
    public async Task AnAttemptThatPayPalHasBefore_IsDecidedByAnOperator_AndCanBeRefunded()
    {
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        await SaveAsync();
        var capture = await PayAtPayPalAsync(attempt: 1);
        payPal.Faults.Add(new Fault(FaultKind.Refuse, "transactions.list", Times: null));
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        var worker = "Bearer " + RunningApp.Token("operator");

        var (decided, _, _) = await app.SendAsync(
            HttpMethod.Post, $"/api/v1/renewals/{renewal}/decision", worker,
            new { paid = true, transaction_id = capture, reason = "PayPal shows it" });
        payPal.Faults.Add(new Fault(FaultKind.ErrorAfter, "captures.refund"));
        await app.SendAsync(
            HttpMethod.Post, $"/api/v1/payments/{renewal}/refund", worker,
            new { amount_usd = 10, period = "keep", reason = "asked", refundable_usd = 49.99 });
        await database.ExecuteAsync("update refunds set next_try_at = now()");
        await app.RunTimerAsync(database, "ReconcileRenewals");

        Assert.Equal((200, "made"), (decided, await database.QueryAsync<string>("select state from refunds")));
    }

    [Fact]
    public async Task LostWebhooks_AreFetched_AndTheBooksAreComparedWithPayPal()
    {
        await SaveAsync();
        await app.PostAsync($"/api/v1/licenses/{license}/renew", Owner);
        var capture = await database.QueryAsync<string>("select transaction_id from renewal_attempts");
        var refund = payPal.Account.Refund(capture, new JsonObject
        {
            ["amount"] = new JsonObject { ["currency_code"] = "USD", ["value"] = "10.00" },
        });
        payPal.Account.CloseDispute(payPal.Account.Dispute(capture, "UNAUTHORISED"), won: false);
        Assert.Equal(["DISPUTE_NOT_IN_BOOKS", "REFUND_NOT_IN_BOOKS"], await DifferencesAsync());
        // The list is read only up to ten minutes ago.
        lock (payPal.Account.Gate)
        {
            foreach (var made in payPal.Account.State.Events)
                made["create_time"] = TimeProvider.System.GetUtcNow().AddHours(-1).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null);
        }

        await app.RunTimerAsync(database, "FetchPaymentEvents");
        await app.RunTimerAsync(database, "FetchPaymentEvents");

        Assert.Equal(
            ["dispute lost", "refund succeeded"],
            await database.QueryAllAsync<string>(
                "select kind || ' ' || state from payment_reversals where applied_at is not null order by kind"));
        Assert.Equal((string?)refund["id"], await database.QueryAsync<string>(
            "select provider_id from payment_reversals where kind = 'refund'"));
        Assert.Empty(await DifferencesAsync());
        await app.RunTimerAsync(database, "ComparePayments");
        Assert.Equal(
            ["paypal", "stripe"], await database.QueryAllAsync<string>("select distinct provider from payment_comparisons order by 1"));
        var (unknown, problem, _) = await app.GetAsync(
            "/api/v1/payments/reconciliation?from=2026-11-01&to=2026-11-02&provider=x", "Bearer " + RunningApp.Token("operator"));
        Assert.Equal((400, "INVALID_PROVIDER"), (unknown, (string?)problem!["code"]));

        // One provider that fails doesn't stop the other one.
        payPal.Faults.Add(new Fault(FaultKind.ErrorBefore, "events.list", Times: null));
        await database.ExecuteAsync("delete from payment_event_reads");
        await app.RunTimerAsync(database, "FetchPaymentEvents");
        Assert.Equal(
            ["stripe"],
            await database.QueryAllAsync<string>("select provider from payment_event_reads where read_until is not null"));
        await database.ExecuteAsync("delete from payment_event_reads");
    }

    [Fact]
    public async Task ACustomerThatPayPalDoesNotKnow_IsReplaced()
    {
        await SaveAsync();
        lock (payPal.Account.Gate)
        {
            payPal.Account.State.SetupTokens.Clear();
            payPal.Account.State.PaymentTokens.Clear();
        }

        await SaveAsync();

        Assert.Equal(payPal.Account.State.PaymentTokens.Keys, await database.QueryAllAsync<string>(
            "select provider_payment_id from user_payment_methods where is_active"));
    }

    private async Task<string[]> DifferencesAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (status, report, _) = await app.GetAsync(
            $"/api/v1/payments/reconciliation?from={now.AddDays(-1):yyyy-MM-dd}&to={now.AddDays(2):yyyy-MM-dd}&provider=paypal",
            "Bearer " + RunningApp.Token("operator"));
        Assert.Equal((200, "paypal"), (status, (string?)report!["provider"]));
        return [.. report["differences"]!.AsArray().Select(one => (string)one!["kind"]!).Order()];
    }

    private async Task RunDueAsync(string timer)
    {
        await database.ExecuteAsync("update renewals set next_action_at = now(), lease_until = null where next_action_at is not null");
        await app.RunTimerAsync(database, timer);
    }

    /// <summary>An order of the renewal that the database doesn't know, paid with the saved account. No webhook tells it.</summary>
    /// <returns>The capture.</returns>
    private async Task<string> PayAtPayPalAsync(int attempt, int cents = 4999)
    {
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        var settings = new PayPalSettings(
            payPal.Options.ClientId, payPal.Options.ClientSecret, payPal.Options.WebhookId, payPal.BaseAddress, payPal.BaseAddress);
        using var http = new HttpClient();
        using var client = new PayPalClient(http, settings, TimeProvider.System, NullLogger<PayPalClient>.Instance);
        var gateway = new PayPalGateway(client, settings, TimeProvider.System, NullLogger<PayPalGateway>.Instance);
        var request = new ChargeRequest(
            renewal, license, user, cents, "usd", "customer", payPal.Account.State.PaymentTokens.Keys.First(), "A period")
        {
            Attempt = attempt,
            IsNameSigned = true,
        };
        var order = await gateway.CreateIntentAsync(request, Guid.NewGuid().ToString(), Cancel);
        var paid = await gateway.ConfirmIntentAsync(order.IntentId!, request, Guid.NewGuid().ToString(), Cancel);
        return ((ChargeOutcome.Succeeded)paid.Outcome).TransactionId;
    }

    /// <summary>An order that a customer makes in the browser, with any note. No webhook tells it.</summary>
    private async Task PayWithOwnOrderAsync(Func<Guid, string> note)
    {
        var renewal = await database.QueryAsync<Guid>("select renewal_id from renewals");
        lock (payPal.Account.Gate)
        {
            var order = payPal.Account.CreateOrder(new JsonObject
            {
                ["intent"] = "CAPTURE",
                ["purchase_units"] = new JsonArray(new JsonObject
                {
                    ["custom_id"] = note(renewal),
                    ["amount"] = new JsonObject { ["currency_code"] = "USD", ["value"] = "49.99" },
                }),
            });
            var source = new JsonObject { ["vault_id"] = payPal.Account.State.PaymentTokens.Keys.First() };
            payPal.Account.Capture(
                (string)order["id"]!, new JsonObject { ["payment_source"] = new JsonObject { ["paypal"] = source } }, fault: null);
        }
    }

    private async Task<string> ApproveAsync(string behavior = "")
    {
        var (status, setup, _) = await app.PostAsync("/api/v1/payment-methods/paypal", Owner);
        Assert.Equal(201, status);
        Assert.StartsWith(payPal.BaseAddress.ToString(), (string?)setup!["approve_url"], StringComparison.Ordinal);
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        using var form = new FormUrlEncodedContent([new("setup", (string)setup["setup_token_id"]!), new("behavior", behavior)]);
        using var approved = await http.PostAsync((string)setup["approve_url"]!, form, Cancel);
        Assert.StartsWith(
            "https://licenses.example.com/app/payment-methods?paypal=approved&approval_token_id=", approved.Headers.Location?.ToString(),
            StringComparison.Ordinal);
        return (string)setup["setup_token_id"]!;
    }

    private async Task SaveAsync(string behavior = "") =>
        Assert.Equal((200, null), await CompleteAsync(await ApproveAsync(behavior), Owner));

    private async Task<(int Status, string? Code)> CompleteAsync(string setup, string caller)
    {
        var (status, body, _) = await app.SendAsync(
            HttpMethod.Post, "/api/v1/payment-methods/paypal/complete", caller, new { setup_token_id = setup });
        return (status, (string?)body!["code"]);
    }

    private async Task<JsonArray> MethodsAsync() =>
        (await app.GetAsync("/api/v1/payment-methods", Owner)).Body!["payment_methods"]!.AsArray();

    /// <returns>The id of the saved card at Stripe.</returns>
    private async Task<string> SaveStripeCardAsync(bool isDefault)
    {
        var (customer, method) = stripe.SavedCard(StripeStandIn.TestCards.ByName["pm_card_visa"]);
        await database.ExecuteAsync(
            """
            update user_payment_methods set is_default = false where user_id = @user and @isDefault;
            insert into user_payment_methods (user_id, payment_provider, provider_customer_id, provider_payment_id, is_default)
            values (@user, 'stripe', @customer, @method, @isDefault)
            """,
            new { user, customer, method, isDefault });
        return method;
    }

    private async Task AssertPaidOnceAsync()
    {
        Assert.Equal((1, 0), (payPal.Paid, stripe.Stats()["charges_succeeded"]!.GetValue<int>()));
        Assert.Equal(0, await database.QueryAsync<decimal>("select balance_usd from user_wallets where user_id = @user", new { user }));
        Assert.Equal(
            ["DEPOSIT 49.99", "FEE_SUBSCRIPTION 49.99"],
            await database.QueryAllAsync<string>(
                "select entry_type || ' ' || round(amount_usd, 2) from billing_ledger order by entry_type"));
        Assert.Equal(1, await database.QueryAsync<int>("select count(*)::int from renewals where status = 'applied'"));
        Assert.Equal(0, await database.QueryAsync<int>("select count(*)::int from payment_cases"));
    }

    private Task<DateTime> ExpiryAsync() =>
        database.QueryAsync<DateTime>("select expires_at from license_tokens where subscription_id = @license", new { license });

    private Task<HttpStatusCode> DeliverAsync(string eventId) => payPal.Webhooks.DeliverAsync(eventId, Cancel);

    /// <summary>All events so far, newest first, because PayPal guarantees no order.</summary>
    private async Task DeliverAllAsync()
    {
        foreach (var id in payPal.Account.State.Events.Select(made => (string)made["id"]!).Reverse().ToList())
            Assert.Equal((id, HttpStatusCode.OK), (id, await DeliverAsync(id)));
    }

    private async Task<HttpStatusCode> PostEventAsync(string body, IReadOnlyDictionary<string, string> headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/paypal/webhook") { Content = new StringContent(body) };
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        using var answer = await app.Client.SendAsync(request, Cancel);
        return answer.StatusCode;
    }
}
