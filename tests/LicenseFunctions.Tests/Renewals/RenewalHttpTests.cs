using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Tests.Support;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>One backend with a Stripe stand-in for all tests of the class.</summary>
public sealed class RenewalSite(PostgresFixture postgres) : IAsyncLifetime
{
    public StandIn Stripe { get; private set; } = null!;

    public TestDatabase Database { get; private set; } = null!;

    public RunningApp App { get; private set; } = null!;

    internal PostgresWorld World { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Stripe = await StandIn.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        Database = await postgres.NewDatabaseAsync();
        World = new PostgresWorld(Database, TimeProvider.System);
        App = await RunningApp.StartHereAsync(
            Database,
            ("STRIPE_SECRET_KEY", Stripe.Options.SecretKey),
            ("STRIPE_PUBLISHABLE_KEY", Stripe.Options.PublishableKey),
            ("STRIPE_WEBHOOK_SECRET", Stripe.Options.WebhookSecret),
            ("STRIPE_API_BASE", Stripe.BaseAddress.ToString()),
            ("LINK_SIGNING_KEYS", Convert.ToBase64String(new byte[32])),
            ("RATE_LIMIT_PER_MINUTE", "100000"),
            ("RENEWAL_SCHEDULE", RunningApp.Never),
            ("RECONCILE_SCHEDULE", RunningApp.Never));
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Database.DisposeAsync();
        await Stripe.DisposeAsync();
    }
}

/// <summary>Renewals through the running backend, charged at the Stripe stand-in over HTTP.</summary>
public sealed class RenewalHttpTests(RenewalSite site) : IClassFixture<RenewalSite>
{
    private readonly DateTimeOffset now = new(TimeProvider.System.GetUtcNow().UtcTicks / 10 * 10, TimeSpan.Zero);
    private readonly StandIn stripe = site.Stripe;
    private readonly TestDatabase database = site.Database;
    private readonly RunningApp app = site.App;

    [Fact]
    public async Task Renew_RepeatedWithACard_ChargesOnce()
    {
        var license = await AddAsync("pm_card_visa");

        foreach (var key in (string?[])[null, "k1", "k1", null])
        {
            var (status, body) = await RenewAsync(license, key);
            Assert.Equal((200, "renewed", "card"), (status, (string?)body["status"], (string?)body["paid_with"]));
        }

        var state = await site.World.ReadAsync(license);
        Assert.Equal((now.AddDays(31), 0m, 2), (state.ExpiresAt, state.LedgerUsd, state.LedgerRows));
        Assert.Equal(1, Charges(license, "succeeded"));
    }

    [Fact]
    public async Task Renew_TwentyConcurrentRequests_ChargesOnce()
    {
        var license = await AddAsync("pm_card_visa");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RenewAsync(license)));

        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 202, $"{answer.Status} {answer.Body}"));
        Assert.Equal(1, Charges(license, "succeeded"));
        Assert.Equal((200, now.AddDays(31)), ((await RenewAsync(license)).Status, (await site.World.ReadAsync(license)).ExpiresAt));
    }

    // The first step of the payment waits for the lock. Nothing was sent; later the card is charged once.
    [Fact]
    public async Task Renew_WhileTheDatabaseIsLocked_IsAnsweredAsPendingAndGoesOn()
    {
        var license = await AddAsync("pm_card_visa");
        await using var platform = await database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await platform.ExecuteAsync("begin; lock table renewal_attempts in share mode");

        var (status, body) = await RenewAsync(license);

        Assert.Equal((202, "pending", 0), (status, (string?)body["status"], Charges(license, "succeeded")));
        await platform.ExecuteAsync("commit");
        while (status != 200)
        {
            // As after three minutes, if the work has failed meanwhile.
            await database.ExecuteAsync("update renewals set lease_until = null where subscription_id = @license", new { license });
            (status, _) = await RenewAsync(license);
        }

        Assert.Equal(1, Charges(license, "succeeded"));
    }

    [Fact]
    public async Task Renew_ADeclinedCard_Answers402AndTheSameKeyDoesNotRetry()
    {
        var license = await AddAsync("pm_card_visa_chargeDeclinedInsufficientFunds");

        var (status, body) = await RenewAsync(license, "once");
        Assert.Equal((402, "declined", "insufficient_funds"), (status, (string?)body["status"], (string?)body["code"]));
        Assert.Equal(402, (await RenewAsync(license, "once")).Status);
        Assert.Equal(1, Charges(license, "failed"));

        Assert.Equal(402, (await RenewAsync(license)).Status);
        Assert.Equal(2, Charges(license, "failed"));
    }

    [Fact]
    public async Task Renew_TheAnswerIsLostAfterTheCharge_IsPendingThenRenewedByTheReconciler()
    {
        var license = await AddAsync("pm_card_visa");
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, On: "payment_intents.confirm", Times: 1));

        var (status, body) = await RenewAsync(license);
        Assert.Equal((202, "pending"), (status, (string?)body["status"]));
        Assert.Equal(1, Charges(license, "succeeded"));
        Assert.Equal(("unknown", 1), ((string?)(await UnknownAsync(license))["status"], (int?)(await UnknownAsync(license))["attempt"]));

        // A second renewal only looks the charge up: the key returns its stored 500, but the intent is paid.
        Assert.Equal(200, (await RenewAsync(license)).Status);
        Assert.Equal(1, Charges(license, "succeeded"));
    }

    // As after a restore of the database, or a stop of the backend.
    [Fact]
    public async Task Renew_WhileEventsOfTheProviderWereMissed_ChargesNoCard_AndTheWalletPays()
    {
        var (license, rich) = (await AddAsync("pm_card_visa"), await AddAsync("pm_card_visa"));
        await database.ExecuteAsync(
            """
            update user_wallets w set balance_usd = 49.99
            from subscriptions s where s.subscriber_id = w.user_id and s.subscription_id = @rich
            """,
            new { rich });
        await database.ExecuteAsync(
            """
            insert into payment_event_reads (provider, read_until, asked_at)
            values ('stripe', now() - interval '70 minutes', now() - interval '60 minutes'), ('paypal', '2020-01-01', '2020-01-01')
            """);

        using var refused = await RequestRenewalAsync(license, "k1");
        Assert.Equal((503, 300d), ((int)refused.StatusCode, refused.Headers.RetryAfter?.Delta?.TotalSeconds));
        var problem = await refused.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken);
        Assert.Equal("PAYMENTS_NOT_READ", (string?)problem!["code"]);
        Assert.Equal("wallet", (string?)(await RenewAsync(rich)).Body["paid_with"]);
        Assert.Equal((0, 0), (Charges(license), Charges(rich)));

        // PayPal is not configured, so only Stripe's events count.
        await database.ExecuteAsync("update payment_event_reads set asked_at = now() where provider = 'stripe'");
        Assert.Equal((200, 1), ((await RenewAsync(license, "k1")).Status, Charges(license, "succeeded")));
        await database.ExecuteAsync("delete from payment_event_reads");
    }

    [Fact]
    public async Task Renew_WithoutAWayToPay_Answers402()
    {
        var (status, body) = await RenewAsync(await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1) }));

        Assert.Equal((402, "payment_needed"), (status, (string?)body["status"]));
    }

    [Fact]
    public async Task Renew_WithoutAPrice_Answers409() =>
        Assert.Equal(
            409, (await RenewAsync(await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(1), PriceUsd = null }))).Status);

    [Fact]
    public async Task Renew_BeforeTheWindow_IsRefusedAndChargesNothing()
    {
        var license = await AddAsync("pm_card_visa", days: 8);

        var (status, body) = await RenewAsync(license);

        Assert.Equal((409, "NOT_DUE"), (status, (string?)body["code"]));
        Assert.Equal(0, Charges(license));
    }

    [Fact]
    public async Task Renew_OfASuspendedLicense_IsRefusedAndChargesNothing()
    {
        var license = await AddAsync("pm_card_visa");
        await app.SendAsync(HttpMethod.Post, $"/api/v1/licenses/{license}/suspend", Operator, new { reason = "looked odd" });

        var (status, body) = await RenewAsync(license);

        Assert.Equal((409, "LICENSE_SUSPENDED"), (status, (string?)body["code"]));
        Assert.Equal(0, Charges(license));
    }

    [Theory]
    [InlineData("update users u set is_active = false from subscriptions s where s.subscriber_id = u.user_id", "account_closed")]
    [InlineData("update users u set is_active = false from subscriptions s where s.master_id = u.user_id", "master_closed")]
    [InlineData("update subscriptions s set is_active = false where true", "subscription_inactive")]
    [InlineData("update subscriptions s set state = 'PAUSED_TOXIC' where true", "paused_toxic")]
    [InlineData("update subscriptions s set state = 'LOCKED_NO_FUNDS' where true", "locked_no_funds")]
    public async Task Renew_OfALicenseThatIsNotServed_IsRefusedWithTheReasonAndChargesNothing(string change, string reason)
    {
        var (opened, license) = (await AddAsync("pm_card_visa"), await AddAsync("pm_card_visa"));
        await OpenAsync(opened, 49.99m, accepted: false);
        foreach (var changed in (Guid[])[opened, license])
            await database.ExecuteAsync($"{change} and s.subscription_id = @changed", new { changed });

        await RunAsync("RunRenewals");
        await RunAsync("WarnExpiring");
        var (status, body) = await RenewAsync(license);

        Assert.Equal((409, reason.ToUpperInvariant()), (status, (string?)body["code"]));
        Assert.Equal((0, 0), (Charges(opened), Charges(license)));
        var list = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        Assert.Equal((reason, false, null), ((string?)list["obstacle"], (bool?)list["can_renew"], (string?)list["next_renewal_at"]));
        var candidates = "select count(*)::int from v_renewal_candidates where subscription_id = @license";
        Assert.Equal(0, await database.QueryAsync<int>(candidates, new { license }));
        Assert.Equal(reason is "account_closed" ? 0 : 1, await database.QueryAsync<int>(
            """
            select count(*)::int from outbox
            where payload -> 'model' ->> 'subscription_id' = @license::text and payload -> 'model' ->> 'reason' = @reason
            """,
            new { license, reason }));
    }

    [Fact]
    public async Task Renew_ARefusedRequest_IsNotChargedLater_AndMayBeSentAgain()
    {
        var license = await AddAsync("pm_card_visa");
        await database.ExecuteAsync(
            """
            update license_tokens set metadata = '{"auto_renew": false}' where subscription_id = @license;
            update subscriptions set state = 'PAUSED_TOXIC' where subscription_id = @license
            """,
            new { license });

        Assert.Equal((409, 409), ((await RenewAsync(license, "again")).Status, (await RenewAsync(license, "again")).Status));
        await database.ExecuteAsync("update subscriptions set state = 'SYNCED' where subscription_id = @license", new { license });
        await RunAsync("RunRenewals");

        Assert.Equal(0, Charges(license));
        Assert.Equal(200, (await RenewAsync(license, "again")).Status);
        Assert.Equal(1, Charges(license, "succeeded"));
    }

    [Theory]
    [InlineData("PAUSED_TOXIC")]
    [InlineData("LOCKED_NO_FUNDS")]
    public async Task Renew_OfAPausedLicenseThatAlsoExpired_IsRefused(string state)
    {
        var license = await AddAsync("pm_card_visa");
        await database.ExecuteAsync(
            "update subscriptions set state = @state::subscription_state where subscription_id = @license", new { state, license });
        await site.World.MoveExpiryAsync(license, now.AddDays(-4));
        await RunAsync("RunRenewals");
        Assert.False((await site.World.ReadAsync(license)).IsActive);

        var (status, body) = await RenewAsync(license);

        Assert.Equal((409, state), (status, (string?)body["code"]));
        Assert.Equal(0, Charges(license));
        Assert.Equal(
            state.ToLowerInvariant(), (string?)(await OperatorAsync($"/api/v1/licenses/{license}/renewals"))["obstacle"]);
    }

    [Fact]
    public async Task Renew_AnExpiryMovedBackToAPaidStart_ChargesAgainOnRequestOnly()
    {
        var license = await AddAsync("pm_card_visa");
        Assert.Equal(200, (await RenewAsync(license)).Status);
        await site.World.MoveExpiryAsync(license, now.AddDays(1));
        await RunAsync("RunRenewals");
        Assert.Equal(1, Charges(license, "succeeded"));
        Assert.Equal("paid_before", (string?)(await OperatorAsync($"/api/v1/licenses/{license}/renewals"))["obstacle"]);

        Assert.Equal(200, (await RenewAsync(license)).Status);
        Assert.Equal(200, (await RenewAsync(license)).Status);

        Assert.Equal((2, now.AddDays(31)), (Charges(license, "succeeded"), (await site.World.ReadAsync(license)).ExpiresAt));
    }

    [Fact]
    public async Task Renew_WhileAnotherChargeIsUnknown_OnlyLooksItUp()
    {
        var license = await AddAsync("pm_card_visa");
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, On: "payment_intents.confirm", Times: 1));
        Assert.Equal(202, (await RenewAsync(license)).Status);
        await site.World.MoveExpiryAsync(license, now.AddDays(1).AddHours(1));

        await RunAsync("RunRenewals");
        await RenewAsync(license);

        // The charge was paid: it extends the moved expiry, and nothing else is charged.
        Assert.Equal(1, Charges(license));
        Assert.Equal(now.AddDays(31).AddHours(1), (await site.World.ReadAsync(license)).ExpiresAt);
    }

    [Fact]
    public async Task RunRenewals_AfterAFalseSuspensionOverTheEndOfTheGrace_Renews()
    {
        var license = await AddAsync("pm_card_visa", days: -4);
        await OpenAsync(license, 49.99m, accepted: false);
        await database.ExecuteAsync("update renewals set next_action_at = gives_up_at where subscription_id = @license", new { license });
        await app.SendAsync(HttpMethod.Post, $"/api/v1/licenses/{license}/suspend", Operator, new { reason = "a mistake" });
        await RunAsync("RunRenewals");
        Assert.Equal("lapsed", await database.QueryAsync<string>(
            "select status from renewals where subscription_id = @license", new { license }));

        await app.SendAsync(HttpMethod.Post, $"/api/v1/licenses/{license}/reinstate", Operator, new { reason = "it was a mistake" });
        await RunAsync("RunRenewals");

        var state = await site.World.ReadAsync(license);
        Assert.Equal((1, true, 1), (Charges(license, "succeeded"), state.IsActive, state.PaidPeriods));
        Assert.True(state.ExpiresAt >= now.AddDays(30));
    }

    [Theory]
    [InlineData("canceled")]
    [InlineData("lapsed")]
    public async Task Renew_AReopenedRenewal_CostsThePresentPrice(string status)
    {
        var license = await AddAsync("pm_card_visa");
        await OpenAsync(license, 49.99m, accepted: false);
        await database.ExecuteAsync(
            "update renewals set status = @status, next_action_at = null where subscription_id = @license", new { license, status });
        await SetPriceAsync(license, 20m);

        var (answer, renewed) = await RenewAsync(license);

        Assert.Equal((200, 20m), (answer, (decimal?)renewed["amount_usd"]));
    }

    [Fact]
    public async Task Renew_APriceBelowTheMinimumOfCards_IsTakenWithTheNextCharge()
    {
        var license = await AddAsync("pm_card_visa");
        await SetPriceAsync(license, 0.30m);

        var (status, first) = await RenewAsync(license);

        Assert.Equal((200, "renewed", "deferred", 0), (
            status, (string?)first["status"], (string?)first["paid_with"], Charges(license)));
        Assert.Equal(now.AddDays(31), (await site.World.ReadAsync(license)).ExpiresAt);
        await site.World.MoveExpiryAsync(license, now.AddDays(2)); // the next period is due
        var next = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        Assert.Equal((0.30m, 0.30m, "card"), (
            (decimal?)next["amount_usd"], (decimal?)next["debt_usd"], (string?)next["pays_with"]));

        var (again, second) = await RenewAsync(license);

        Assert.Equal((200, "card", 0.30m), (again, (string?)second["paid_with"], (decimal?)second["amount_usd"]));
        lock (stripe.Account.Gate)
        {
            Assert.Equal(60, Assert.Single(stripe.Account.PaymentIntents.Values, intent =>
                (string?)intent["metadata"]!["subscription_id"] == license.ToString())["amount"]!.GetValue<long>());
        }

        Assert.Equal(["DEPOSIT 0.60", "FEE_SUBSCRIPTION 0.30", "FEE_SUBSCRIPTION 0.30"], await database.QueryAllAsync<string>(
            """
            select entry_type || ' ' || round(amount_usd, 2) from billing_ledger
            where reference_id = (@id)::uuid order by entry_type
            """,
            new { id = (string)second["renewal_id"]! }));
        Assert.Equal((string?)second["renewal_id"], await database.QueryAsync<string>(
            "select settled_by::text from renewals where renewal_id = @id::uuid", new { id = (string)first["renewal_id"]! }));
        var payments = (await OperatorAsync($"/api/v1/licenses/{license}/payments"))["payments"]!.AsArray();
        Assert.Equal(0.60m, (decimal?)Assert.Single(payments)!["amount_usd"]);
        Assert.Equal(0m, (decimal?)(await OperatorAsync($"/api/v1/licenses/{license}/renewals"))["debt_usd"]);

        // The charge paid both periods.
        await database.ExecuteAsync(
            """
            update user_payment_methods set brand = 'visa', last_four = '4242'
            where user_id = (select subscriber_id from subscriptions where subscription_id = @license)
            """, new { license });
        var history = (await OperatorAsync($"/api/v1/licenses/{license}/renewals"))["renewals"]!.AsArray();
        Assert.Equal(
            [("card", "visa", "4242"), ("card", "visa", "4242")],
            history.Select(row => ((string?)row!["paid_with"], (string?)row["card_brand"], (string?)row["card_last_four"])));
        var charged = (await OperatorAsync($"/api/v1/licenses/{license}/payments"))["payments"]![0]!;
        Assert.Equal(("visa", "4242"), ((string?)charged["card_brand"], (string?)charged["card_last_four"]));
    }

    [Fact]
    public async Task Renew_AFirstRenewalAboveThePriceAtSubscribing_NeedsConsent()
    {
        var license = await AddAsync("pm_card_visa");
        await SetPriceAsync(license, 59.99m);
        Assert.Equal((402, "consent_needed"), await StatusAsync(license));

        // The price falls again before the customer agrees.
        await SetPriceAsync(license, 49.99m);
        Assert.Equal((200, "renewed"), await StatusAsync(license));

        async Task<(int, string?)> StatusAsync(Guid of)
        {
            var (answer, body) = await RenewAsync(of);
            return (answer, (string?)body["status"]);
        }
    }

    [Fact]
    public async Task Renew_AgreeingToTheIncreasedPrice_ChargesIt_ForTheCustomerOnly()
    {
        var license = await AddAsync("pm_card_visa");
        await SetPriceAsync(license, 59.99m);

        Assert.Equal((409, "PRICE_CHANGED"), await AgreeAsync(49.99m, await OwnerAsync(license)));
        Assert.Equal((409, "PRICE_CHANGED"), await AgreeAsync(-5, await OwnerAsync(license)));
        Assert.Equal(0, Charges(license, "succeeded"));
        Assert.Equal((403, "CONSENT_NOT_ALLOWED"), await AgreeAsync(59.99m, Operator));
        Assert.Equal((200, "renewed"), await AgreeAsync(59.99m, await OwnerAsync(license)));

        Assert.Equal(1, await database.QueryAsync<int>(
            "select count(*)::int from audit_log where action = 'renewal.price_accepted' and subscription_id = @license", new { license }));

        async Task<(int, string?)> AgreeAsync(decimal amount, string caller)
        {
            var (status, body, _) = await app.SendAsync(
                HttpMethod.Post, $"/api/v1/licenses/{license}/renew", caller, new { accept_amount_usd = amount });
            return (status, (string?)(body!["status"] is JsonValue word && word.TryGetValue<string>(out _) ? word : body["code"]));
        }
    }

    [Fact]
    public async Task Renew_WithTooManyAttempts_SaysWhenACardCanBeTriedAgain()
    {
        var license = await AddAsync("pm_card_visa_chargeDeclinedInsufficientFunds");
        await RenewAsync(license);
        await database.ExecuteAsync(
            """
            insert into renewal_attempts
                (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status)
            select gen_random_uuid(), a.renewal_id, n, a.provider, a.payment_method_id, a.request, a.first_sent_at, false, 'soft_declined'
            from renewal_attempts a join renewals r on r.renewal_id = a.renewal_id, generate_series(2, 10) n
            where r.subscription_id = @license
            """,
            new { license });

        var (status, body) = await RenewAsync(license);

        Assert.Equal((409, "TOO_MANY_ATTEMPTS"), (status, (string?)body["code"]));
        var (_, list, _) = await app.GetAsync($"/api/v1/licenses/{license}/renewals", await OwnerAsync(license));
        Assert.Equal(("too_many_attempts", false, null), (
            (string?)list!["obstacle"], (bool?)list["can_renew"], (string?)list["next_attempt_at"]));
        Assert.Contains(
            now.AddDays(30).ToString("MMMM d, yyyy", System.Globalization.CultureInfo.InvariantCulture), (string?)body["detail"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renew_AfterTheGrace_ReactivatesTheLicenseFromThePayment()
    {
        var license = await AddAsync("pm_card_visa", days: -20);
        await RunAsync("RunRenewals");
        Assert.False((await site.World.ReadAsync(license)).IsActive);
        var (_, way, _) = await app.GetAsync($"/api/v1/licenses/{license}/renewals", await OwnerAsync(license));
        Assert.Equal((now.AddDays(-20), 49.99m, "card", null, null), (
            (DateTimeOffset?)way!["expires_at"], (decimal?)way["amount_usd"], (string?)way["pays_with"],
            (string?)way["obstacle"], (string?)way["next_renewal_at"]));
        Assert.Equal("Expired - grace period ended",
            await database.QueryAsync<string>(
                "select revoked_reason from license_tokens where subscription_id = @license", new { license }));

        Assert.Equal(200, (await RenewAsync(license)).Status);

        var state = await site.World.ReadAsync(license);
        Assert.True(state.IsActive);
        Assert.True(state.ExpiresAt >= now.AddDays(30));
        Assert.Equal("SYNCED", await database.QueryAsync<string>(
            "select state::text from subscriptions where subscription_id = @license", new { license }));
    }

    [Theory]
    [InlineData("License expired", "Expired - grace period ended", 200)]
    [InlineData("License expired", "Stolen", 409)]
    [InlineData("Fraud", "Expired - grace period ended", 409)]
    public async Task Renew_OfALicenseThatThePlatformSuspended_IsPossibleIfItExpired(
        string pausedReason, string revokedReason, int expected)
    {
        var license = await AddAsync("pm_card_visa", days: -20);
        await database.ExecuteAsync(
            """
            update license_tokens set is_active = false, revoked_at = now(), revoked_reason = @revokedReason
            where subscription_id = @license;
            update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = now(), paused_reason = @pausedReason
            where subscription_id = @license
            """,
            new { license, revokedReason, pausedReason });

        var (status, body) = await RenewAsync(license);

        Assert.Equal((expected, expected == 200 ? null : "LICENSE_SUSPENDED"), (status, (string?)body["code"]));
        Assert.Equal((expected == 200 ? 1 : 0, expected == 200), (
            Charges(license, "succeeded"), (await site.World.ReadAsync(license)).IsActive));
        Assert.Equal(expected == 200 ? "SYNCED" : "SUSPENDED_ADMIN", await database.QueryAsync<string>(
            "select state::text from subscriptions where subscription_id = @license", new { license }));
    }

    // The mail about the renewal says that the license is valid, so another one about the end of the suspension would say the same.
    [Fact]
    public async Task Renew_OfALicenseThatIsSuspendedForItsExpiry_LiftsItWithOneMail()
    {
        var license = await AddAsync("pm_card_visa", days: -20);
        await database.ExecuteAsync(
            """
            insert into license_suspensions (subscription_id, cause, reason, previous_state, token_ids, suspended_at)
            select subscription_id, 'EXPIRY', 'License expired', 'SYNCED', array[token_id], now()
            from license_tokens where subscription_id = @license;
            update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Expired - grace period ended'
            where subscription_id = @license;
            update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = now(), paused_reason = 'License expired'
            where subscription_id = @license
            """,
            new { license });

        Assert.Equal(200, (await RenewAsync(license)).Status);

        Assert.True((await site.World.ReadAsync(license)).IsActive);
        Assert.Equal("RENEWED", await database.QueryAsync<string>(
            "select closed_how from license_suspensions where subscription_id = @license", new { license }));
        Assert.Equal(["renewed"], await database.QueryAllAsync<string>(
            "select payload ->> 'template' from outbox where payload -> 'model' ->> 'subscription_id' = @license::text", new { license }));
    }

    [Fact]
    public async Task Renew_OfAnothersLicense_LooksLikeAnUnknownOne()
    {
        var license = await AddAsync("pm_card_visa");
        var stranger = "Bearer " + RunningApp.Token("subscriber");

        foreach (var id in (Guid[])[license, Guid.NewGuid()])
        {
            var (status, body, _) = await app.SendAsync(HttpMethod.Post, $"/api/v1/licenses/{id}/renew", stranger);
            Assert.Equal((404, "LICENSE_NOT_FOUND"), (status, (string?)body!["code"]));
        }

        Assert.Equal(0, Charges(license));
    }

    [Fact]
    public async Task Renew_AKeyOfAnotherLicense_IsRefused()
    {
        var (first, second) = (await AddAsync("pm_card_visa"), await AddAsync("pm_card_visa"));
        await RenewAsync(first, "k", Operator);

        Assert.Equal("IDEMPOTENCY_KEY_REUSED", (string?)(await RenewAsync(second, "k", Operator)).Body["code"]);
    }

    [Fact]
    public async Task RunRenewals_ByTimer_RenewsWhatIsDueAndListsIt()
    {
        var license = await AddAsync("pm_card_visa");

        await RunAsync("RunRenewals");

        Assert.Equal(now.AddDays(31), (await site.World.ReadAsync(license)).ExpiresAt);
        var (_, list, _) = await app.GetAsync($"/api/v1/licenses/{license}/renewals", await OwnerAsync(license));
        var row = list!["renewals"]![0]!;
        var (_, payments, _) = await app.GetAsync($"/api/v1/licenses/{license}/payments", Operator);
        Assert.Equal((string)payments!["payments"]![0]!["renewal_id"]!, (string?)row["renewal_id"]);
        Assert.Equal(("success", "auto", 49.99m, "stripe"),
            ((string?)row["status"], (string?)row["renewal_type"], (decimal?)row["amount_usd"], (string?)row["payment_provider"]));
    }

    [Fact]
    public async Task AutoRenew_SwitchedOff_StopsTheTimerAndIsAudited()
    {
        var license = await AddAsync("pm_card_visa");
        var (status, body, _) = await app.SendAsync(
            HttpMethod.Put, $"/api/v1/licenses/{license}/auto-renew", await OwnerAsync(license), new { enabled = false });
        Assert.Equal((200, false), (status, (bool?)body!["auto_renew"]));

        await RunAsync("RunRenewals");

        Assert.Equal(0, Charges(license));
        Assert.Equal(1, await database.QueryAsync<int>(
            """
            select count(*)::int from audit_log
            where action = 'license.auto_renew_switched' and subscription_id = @license
            """,
            new { license }));
    }

    [Fact]
    public async Task Failures_ByReason_AreCountedWithThosePaidSince()
    {
        var (paid, unpaid) = (await AddAsync("pm_card_visa"), await AddAsync("pm_card_visa"));
        await database.ExecuteAsync(
            """
            insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status, failure_reason, attempted_at)
            values (@paid, 'auto', 1, 'failed', 'a_reason_of_this_test', now() - interval '3 days'),
                   (@paid, 'auto', 1, 'failed', 'a_reason_of_this_test', now() - interval '2 days'),
                   (@paid, 'auto', 1, 'success', null, now() - interval '1 day'),
                   (@unpaid, 'auto', 1, 'failed', 'a_reason_of_this_test', now()),
                   (@unpaid, 'auto', 1, 'failed', 'a_reason_of_this_test', now() - interval '8 days')
            """,
            new { paid, unpaid });

        var week = (await OperatorAsync("/api/v1/renewals/failures?days=7"))["failures"]!.AsArray().Single(
            row => (string?)row!["reason"] == "a_reason_of_this_test")!;

        Assert.Equal((3, 2, 1), ((int)week["attempts"]!, (int)week["licenses"]!, (int)week["paid_since"]!));
        Assert.Equal(400, (await app.GetAsync("/api/v1/renewals/failures?days=0", $"Bearer {RunningApp.Token("operator")}")).Status);
    }

    [Fact]
    public async Task Preview_ShowsLikelyFailuresWithTheirReasons()
    {
        var well = await AddAsync("pm_card_visa");
        var poor = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2) });

        var preview = await OperatorAsync("/api/v1/renewals/preview?days=7");

        var obstacles = preview["renewals"]!.AsArray().ToDictionary(
            row => Guid.Parse((string)row!["subscription_id"]!), row => (string?)row!["obstacle"]);
        Assert.Equal((null, "no_payment_method"), (obstacles[well], obstacles[poor]));
        var unplanned = preview["renewals"]!.AsArray().Count(row => !(bool)row!["is_planned"]!);
        Assert.Equal(unplanned, (int?)preview["not_planned"]);
        Assert.Equal(
            preview["renewals"]!.AsArray().Count(row => (bool)row!["likely_fails"]!), (int?)preview["likely_failing"]);
        Assert.Equal(obstacles.Count, (int?)preview["total"]);
        Assert.Equal(
            obstacles.Values.Count(obstacle => obstacle == "no_payment_method"), (int?)preview["obstacles"]!["no_payment_method"]);
    }

    [Theory]
    [InlineData("first", 49.99)]
    [InlineData("fallen", 39.99)]
    [InlineData("accepted rise", 59.99)]
    public async Task Preview_ShowsWhatIsCharged(string price, decimal charged)
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2), AutoRenew = true, WalletUsd = 100 });
        if (price == "fallen")
        {
            await OpenAsync(license, 49.99m, accepted: false);
            await SetPriceAsync(license, 39.99m);
        }
        else if (price == "accepted rise")
        {
            await PayEarlierAsync(license, 49.99m);
            await SetPriceAsync(license, 59.99m);
            await OpenAsync(license, 59.99m, accepted: true);
        }

        var previewed = await PreviewAsync(license);
        var listed = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        var (status, renewed) = await RenewAsync(license);

        Assert.Equal((charged, "wallet", null), (
            (decimal?)previewed["amount_usd"], (string?)previewed["pays_with"], (string?)previewed["obstacle"]));
        Assert.Equal(
            (charged, "wallet", null), ((decimal?)listed["amount_usd"], (string?)listed["pays_with"], (string?)listed["obstacle"]));
        Assert.Equal((200, charged, "wallet"), (status, (decimal?)renewed["amount_usd"], (string?)renewed["paid_with"]));
        Assert.Equal(100 - charged, (await site.World.ReadAsync(license)).WalletUsd);
    }

    [Fact]
    public async Task Preview_WithoutAnActivePrice_ShowsTheRefusalOfTheCharge()
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2), WalletUsd = 100 });
        await OpenAsync(license, 49.99m, accepted: false);
        await database.ExecuteAsync(
            """
            update master_pricing p set is_active = false
            from subscriptions s where s.master_id = p.master_id and s.subscription_id = @license
            """,
            new { license });

        var previewed = await PreviewAsync(license);
        var (status, renewed) = await RenewAsync(license);

        Assert.Equal((null, "no_active_price"), ((decimal?)previewed["amount_usd"], (string?)previewed["obstacle"]));
        Assert.Equal((409, "not_renewable"), (status, (string?)renewed["status"]));
    }

    [Theory]
    [InlineData("unknown", true)]
    [InlineData("needs_authentication", false)]
    public async Task List_SaysWhetherAChargeIsOpen(string status, bool open)
    {
        var license = await AddAsync("pm_card_visa");
        await OpenAsync(license, 49.99m, accepted: false);
        await database.ExecuteAsync(
            "update renewals set status = @status, intent_id = 'pi_' || @license::text where subscription_id = @license",
            new { license, status });

        var list = await OperatorAsync($"/api/v1/licenses/{license}/renewals");

        Assert.Equal((status, open, !open), (
            (string?)list["status"], (bool?)list["charge_open"], (bool?)list["needs_authentication"]));
    }

    [Fact]
    public async Task List_AChargeThatIsNotBooked_IsOpenWithoutAnObstacle_AndTheHealthIsScoredAgain()
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2), AutoRenew = false });
        await database.ExecuteAsync(
            """
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            values ('stripe', 'not_booked', 'pi_' || @license::text, @license, 'a test');
            delete from health_marks
            """,
            new { license });

        var list = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        await RunAsync("RunRenewals");

        Assert.Equal((true, null), ((bool?)list["charge_open"], (string?)list["obstacle"]));
        Assert.Contains(license, await database.QueryAllAsync<Guid>("select subscription_id from health_marks"));
    }

    [Theory]
    [InlineData(6, true)]
    [InlineData(8, false)]
    [InlineData(-1, true)]
    public async Task List_SaysWhetherTheOwnerCanRenewNowAndUntilWhen(int daysUntilExpiry, bool can)
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(daysUntilExpiry), WalletUsd = 100 });

        var list = await OperatorAsync($"/api/v1/licenses/{license}/renewals");

        Assert.Equal((can, !can), ((bool?)list["can_renew"], (bool?)list["is_early"]));
        Assert.Equal(now.AddDays(daysUntilExpiry + 30), (DateTimeOffset)list["renews_until"]!);
    }

    [Fact]
    public async Task List_ALicenseThatNeverExpires_HasNoNextRenewal()
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = null, AutoRenew = true });

        var list = await OperatorAsync($"/api/v1/licenses/{license}/renewals");

        Assert.Equal((false, null, false, false), (
            (bool?)list["auto_renew"], (string?)list["next_renewal_at"], (bool?)list["can_renew"], (bool?)list["is_early"]));
    }

    [Fact]
    public async Task Decision_OnAnUnknownCharge_BooksWhatTheOperatorSaw()
    {
        var license = await AddAsync("pm_card_visa");
        stripe.Faults.Add(new Fault(FaultKind.ErrorAfter, On: "payment_intents.confirm", Times: 1));
        await RenewAsync(license);
        var unknown = await UnknownAsync(license);
        var renewal = (string?)unknown["renewal_id"];
        var intent = (string)unknown["intent_id"]!;
        string charge;
        lock (stripe.Account.Gate)
            charge = (string)stripe.Account.PaymentIntents[intent]["latest_charge"]!;

        foreach (var (wrong, code) in new[]
        {
            ("nonsense", "TRANSACTION_INVALID"), ("pi_another", "TRANSACTION_INVALID"), ("ch_none", "CHARGE_NOT_FOUND"),
        })
            Assert.Equal(code, (string?)(await DecideAsync(wrong)).Body!["code"]);
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, "charges.retrieve", Times: 3));
        Assert.Equal(503, (await DecideAsync(charge)).Status);
        stripe.Faults.Clear();

        var (status, body) = await DecideAsync(charge);

        Assert.Equal(charge, await database.QueryAsync<string>(
            "select transaction_id from renewal_attempts where renewal_id = @renewal::uuid", new { renewal }));

        async Task<(int Status, JsonNode? Body)> DecideAsync(string id)
        {
            var (answered, reply, _) = await app.SendAsync(
                HttpMethod.Post, $"/api/v1/renewals/{renewal}/decision", Operator,
                new { paid = true, transaction_id = id, reason = "seen in the dashboard" });
            return (answered, reply);
        }

        Assert.Equal((200, "renewed"), (status, (string?)body!["status"]));
        Assert.Equal(now.AddDays(31), (await site.World.ReadAsync(license)).ExpiresAt);
        Assert.Equal("operator", await database.QueryAsync<string>(
            "select actor_kind from audit_log where action = 'renewal.decided_paid' and subscription_id = @license", new { license }));
    }

    [Fact]
    public async Task PriceRise_WaitsForTheSignedLink()
    {
        var license = await AddAsync("pm_card_visa", days: 7);
        await RunAsync("RunRenewals");
        await database.ExecuteAsync(
            """
            update license_tokens set expires_at = now() + interval '1 day' where subscription_id = @license;
            update renewals set paid_until = now() + interval '1 day', paid_from = now() - interval '29 days',
                   period_start = now() - interval '29 days'
            where subscription_id = @license;
            update master_pricing p set monthly_fee_usd = 59.99
            from subscriptions s where s.master_id = p.master_id and s.subscription_id = @license
            """,
            new { license });
        await RunAsync("RunRenewals");
        Assert.Equal(1, Charges(license, "succeeded"));
        var link = await database.QueryAsync<string>(
            """
            select payload -> 'model' ->> 'link' from outbox
            where payload ->> 'template' = 'price_consent' and payload -> 'model' ->> 'subscription_id' = @license::text
            """,
            new { license });

        var token = link[(link.IndexOf('#', StringComparison.Ordinal) + 1)..];
        var (bad, _, _) = await app.SendAsync(
            HttpMethod.Post, "/api/v1/renewals/price-consent", null, new { token = token + "x", accept = true });
        var (status, question, _) = await app.SendAsync(HttpMethod.Post, "/api/v1/renewals/price-consent", null, new { token });
        Assert.Equal((403, 200, 59.99m, 49.99m, "card", false), (
            bad, status, (decimal?)question!["amount_usd"], (decimal?)question["old_amount_usd"], (string?)question["pays_with"],
            (bool?)question["accepted"]));

        var waiting = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        Assert.Equal(("price_consent", "card", 49.99m), (
            (string?)waiting["obstacle"], (string?)waiting["pays_with"], (decimal?)waiting["last_paid_usd"]));
        Assert.Equal(["pending", "success"], Statuses(waiting));

        // The price changes again after the mail: the customer sees and agrees to the present one.
        await SetPriceAsync(license, 61m);
        var (_, later, _) = await AcceptAsync(59.99m);
        Assert.Equal((61m, false), ((decimal?)later!["amount_usd"], (bool?)later["accepted"]));
        var (_, agreed, _) = await AcceptAsync(61m);
        Assert.Equal((61m, true), ((decimal?)agreed!["amount_usd"], (bool?)agreed["accepted"]));
        var paying = await OperatorAsync($"/api/v1/licenses/{license}/renewals");
        Assert.Null((string?)paying["obstacle"]);
        Assert.Equal(["success"], Statuses(paying));
        await RunAsync("RunRenewals");
        Assert.Equal(2, Charges(license, "succeeded"));
        Assert.True((await site.World.ReadAsync(license)).ExpiresAt > now.AddDays(30));
        Assert.Equal(["success", "success"], Statuses(await OperatorAsync($"/api/v1/licenses/{license}/renewals")));

        Task<(int Status, JsonNode? Body, HttpResponseMessage Response)> AcceptAsync(decimal amount) => app.SendAsync(
            HttpMethod.Post, "/api/v1/renewals/price-consent", null, new { token, accept = true, amount_usd = amount });

        static IEnumerable<string> Statuses(JsonNode list) => list["renewals"]!.AsArray().Select(row => (string)row!["status"]!);
    }

    [Fact]
    public async Task Renew_AgainAndAgainWithADeclinedCard_MailsOnceADay()
    {
        var license = await AddAsync("pm_card_visa_chargeDeclinedInsufficientFunds");

        await RenewAsync(license);
        await RenewAsync(license);

        Assert.Equal(2, await database.QueryAsync<int>(
            "select count(*)::int from license_renewal_history where subscription_id = @license and status = 'failed'", new { license }));
        Assert.Equal(1, await database.QueryAsync<int>(
            """
            select count(*)::int from outbox
            where payload ->> 'template' = 'renewal_failed' and payload -> 'model' ->> 'subscription_id' = @license::text
            """,
            new { license }));
    }

    [Fact]
    public async Task PriceConsent_WithoutAnAmount_CountsForThePriceOfItsMailOnly()
    {
        var license = await AddAsync("pm_card_visa");
        var links = new List<string>();
        foreach (var price in (decimal[])[59.99m, 69.99m])
        {
            await SetPriceAsync(license, price);
            await database.ExecuteAsync("update renewals set next_action_at = now() where subscription_id = @license", new { license });
            await RunAsync("RunRenewals");
            links.Add(await database.QueryAsync<string>(
                """
                select split_part(payload -> 'model' ->> 'link', '#', 2) from outbox
                where payload ->> 'template' = 'price_consent' and payload -> 'model' ->> 'subscription_id' = @license::text
                  and (payload -> 'model' ->> 'amount_usd')::numeric = @price
                """,
                new { license, price }));
        }

        Assert.Equal((false, 69.99m), await AgreeAsync(links[0]));
        Assert.Equal((true, 69.99m), await AgreeAsync(links[1]));

        // A link of an earlier version states no amount.
        var unstated = new SignedLinks([new byte[32]], TimeProvider.System).Path(
            "price", Guid.Parse(links[1].Split('.')[0]), now.AddDays(1));
        var (status, problem, _) = await app.SendAsync(
            HttpMethod.Post, "/api/v1/renewals/price-consent", null, new { token = unstated!.Split('#')[1], accept = true });
        Assert.Equal((400, "AMOUNT_MISSING"), (status, (string?)problem!["code"]));

        async Task<(bool?, decimal?)> AgreeAsync(string token)
        {
            var (_, reply, _) = await app.SendAsync(
                HttpMethod.Post, "/api/v1/renewals/price-consent", null, new { token, accept = true });
            return ((bool?)reply!["accepted"], (decimal?)reply["amount_usd"]);
        }
    }

    [Fact]
    public async Task Warnings_AreWrittenOnceForWhatWillNotRenew_AndNotWhileAChargeIsOpen()
    {
        var well = await AddAsync("pm_card_visa");
        var doomed = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2), AutoRenew = false });
        var late = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-1) });
        var soonPaid = await AddAsync("pm_card_visa", days: -1);
        var open = await AddAsync("pm_card_visa", days: -1);
        await database.ExecuteAsync(
            """
            insert into renewals (subscription_id, user_id, period_start, renewal_type, status, intent_id, gives_up_at)
            select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', 'unknown', 'pi_warned', now()
            from subscriptions s join license_tokens t on t.subscription_id = s.subscription_id
            where s.subscription_id = @open
            """,
            new { open });
        var unbooked = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(2), AutoRenew = false });
        await database.ExecuteAsync(
            """
            insert into payment_cases (provider, reason, subject, subscription_id, detail)
            values ('stripe', 'not_booked', 'pi_unbooked', @unbooked, 'a test')
            """,
            new { unbooked });

        await RunAsync("WarnExpiring");
        await RunAsync("WarnExpiring");

        var mails = await database.QueryAllAsync<string>(
            """
            select payload -> 'model' ->> 'subscription_id' from outbox
            where payload ->> 'template' in ('expiring', 'in_grace') and payload -> 'model' ->> 'subscription_id' = any(@licenses)
            """,
            new { licenses = new[] { well, doomed, late, open, soonPaid, unbooked }.Select(license => license.ToString()).ToArray() });
        Assert.Equal(new[] { doomed.ToString(), late.ToString() }.Order(), mails.Order());
    }

    /// <summary>Both timers have the same schedule. Two mails in a minute would say the same.</summary>
    [Theory]
    [InlineData("RunRenewals")]
    [InlineData("WarnExpiring")]
    public async Task Warning_BesideTheMailAboutAFailedAttempt_IsWithdrawn(string first)
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(4), PriceUsd = 49 });
        var manual = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(4), PriceUsd = 49, AutoRenew = false });

        await RunAsync(first);
        var waiting = await UnsentAsync(license);
        await RunAsync("RunRenewals");
        await RunAsync("WarnExpiring");
        await RunAsync("WarnExpiring");

        Assert.Equal([first is "RunRenewals" ? "action_needed 00:00:00" : "expiring 00:20:00"], waiting);
        Assert.Equal(["action_needed 00:00:00"], await UnsentAsync(license));
        Assert.Equal(["expiring 00:00:00"], await UnsentAsync(manual));
        Assert.Equal(2, await database.QueryAsync<int>(
            "select count(*)::int from license_events where type = 'license.expiring' and subscription_id = any(@licenses)",
            new { licenses = new[] { license, manual } }));
    }

    private Task<IReadOnlyList<string>> UnsentAsync(Guid license) => database.QueryAllAsync<string>(
        """
        select concat_ws(' ', payload ->> 'template', due_at - created_at) from outbox
        where kind = 'email' and sent_at is null and payload -> 'model' ->> 'subscription_id' = @license::text
        """,
        new { license });

    [Fact]
    public async Task Warnings_ThatAreNotSentYet_AreRemovedWithTheRenewal()
    {
        var license = await AddAsync("pm_card_visa");
        await database.ExecuteAsync(
            """
            insert into outbox (kind, dedup_key, payload, due_at, sent_at, last_error)
            select 'email',
                   format('expiring:%s:%s%s:%s', case w.name when 'another license' then gen_random_uuid() else @license end,
                          floor(extract(epoch from t.expires_at)), case w.name when 'another expiry' then '0' end, w.stage),
                   '{}', '9000-01-01', case w.name when 'sent' then now() end, 'warning: ' || w.name
            from license_tokens t,
                 (values ('last', 0), ('second', 7), ('first', 29), ('sent', 3), ('another license', 7), ('another expiry', 7))
                     as w (name, stage)
            where t.subscription_id = @license
            """,
            new { license });

        await RunAsync("RunRenewals");

        Assert.Equal(
            ["warning: another expiry", "warning: another license", "warning: sent"],
            await database.QueryAllAsync<string>("select last_error from outbox where last_error like 'warning: %' order by 1"));
    }

    [Theory]
    [InlineData(10, true, 3)]
    [InlineData(11, false, 0)]
    [InlineData(1, false, 0)] // it is charged at once, so that only the receipt is sent
    public async Task Notice_OfAnAutomaticCharge_IsSentOnceThreeDaysBeforeItsFirstAttempt(int days, bool sent, int ahead)
    {
        var license = await AddAsync("pm_card_visa", days);
        var free = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(days), PriceUsd = 0 });

        await RunAsync("WarnExpiring");
        await RunAsync("RunRenewals");
        await RunAsync("WarnExpiring");

        var notices = await NoticesAsync(license);
        Assert.Equal(sent ? 1 : 0, notices.Count);
        Assert.Empty(await NoticesAsync(free));
        if (sent) Assert.Equal(now.AddDays(ahead).UtcDateTime, notices[0], TimeSpan.FromMinutes(10));
        Assert.Equal(days == 1 ? 1 : 0, Charges(license, "succeeded"));
    }

    [Fact]
    public async Task Notice_WhoseAmountOrMeansChanges_IsSentAgain()
    {
        var license = await AddAsync("pm_card_visa", days: 9);
        await RunAsync("WarnExpiring");
        await SetPriceAsync(license, 39.99m);

        await RunAsync("WarnExpiring");
        await database.ExecuteAsync(
            """
            insert into user_wallets (user_id, balance_usd) select subscriber_id, 40 from subscriptions where subscription_id = @license
            on conflict (user_id) do update set balance_usd = 40
            """,
            new { license });
        await RunAsync("WarnExpiring");
        await RunAsync("WarnExpiring");

        Assert.Equal(["card 49.99", "card 39.99", "wallet 39.99"], await database.QueryAllAsync<string>(
            """
            select concat_ws(' ', payload -> 'model' ->> 'paid_with', payload -> 'model' ->> 'amount_usd') from outbox
            where payload ->> 'template' = 'upcoming_renewal' and payload -> 'model' ->> 'subscription_id' = @license::text
            order by created_at
            """,
            new { license }));
    }

    [Fact]
    public async Task Notice_WithTheFirstAttempt_WaitsForTheOutcome_AndIsNotSentOnRequest()
    {
        var manual = await AddAsync("pm_card_visa");
        await RenewAsync(manual);
        Assert.Equal(["renewed 00:00:00"], await MailsAsync(manual));

        // Nothing is charged, so that no webhook reports an outcome.
        stripe.Faults.Add(new Fault(FaultKind.ErrorBefore, On: "payment_intents.confirm", Times: null));
        var open = await AddAsync("pm_card_visa");
        await RunAsync("RunRenewals");
        stripe.Faults.Clear();
        Assert.Equal(["upcoming_renewal 00:02:00"], await MailsAsync(open));
    }

    [Theory]
    [InlineData("pm_card_visa", "renewed")]
    [InlineData("pm_card_chargeDeclinedExpiredCard", "action_needed")]
    [InlineData("pm_card_authenticationRequired", "action_needed")]
    public async Task Notice_OfAFirstAttemptWithAnOutcome_IsWithdrawn(string card, string outcome)
    {
        var license = await AddAsync(card);

        await RunAsync("RunRenewals");

        Assert.Equal([$"{outcome} 00:00:00"], await MailsAsync(license));
    }

    private Task<IReadOnlyList<string>> MailsAsync(Guid license) => database.QueryAllAsync<string>(
        """
        select concat_ws(' ', payload ->> 'template', due_at - created_at) from outbox
        where kind = 'email' and payload -> 'model' ->> 'subscription_id' = @license::text order by created_at
        """,
        new { license });

    [Fact]
    public async Task Warnings_ThatAreNotSentYet_AreRemovedWhenTheLicenseIsRenewed()
    {
        var license = await site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(-1), AutoRenew = false, PriceUsd = 0 });
        await RunAsync("WarnExpiring");

        Assert.Equal(200, (await RenewAsync(license)).Status);

        Assert.Equal(["renewed"], await database.QueryAllAsync<string>(
            "select payload ->> 'template' from outbox where payload -> 'model' ->> 'subscription_id' = @license::text", new { license }));
    }

    private Task<IReadOnlyList<DateTime>> NoticesAsync(Guid license) => database.QueryAllAsync<DateTime>(
        """
        select (payload -> 'model' ->> 'charge_at')::timestamptz from outbox
        where payload ->> 'template' = 'upcoming_renewal' and payload -> 'model' ->> 'subscription_id' = @license::text
        """,
        new { license });

    private static string Operator { get; } = "Bearer " + RunningApp.Token("operator");

    private Task<Guid> AddAsync(string card, int days = 1)
    {
        var (customer, method) = stripe.SavedCard(TestCards.ByName[card]);
        return site.World.AddAsync(new LicenseSeed { ExpiresAt = now.AddDays(days), CardId = method, CustomerId = customer });
    }

    private async Task<string> OwnerAsync(Guid license) => "Bearer " + RunningApp.Token(
        "subscriber", await database.QueryAsync<Guid>(
            "select subscriber_id from subscriptions where subscription_id = @license", new { license }));

    private async Task<HttpResponseMessage> RequestRenewalAsync(Guid license, string? key = null, string? caller = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/licenses/{license}/renew");
        request.Headers.TryAddWithoutValidation("Authorization", caller ?? await OwnerAsync(license));
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<(int Status, JsonNode Body)> RenewAsync(Guid license, string? key = null, string? caller = null)
    {
        using var response = await RequestRenewalAsync(license, key, caller);
        Assert.True((int)response.StatusCode < 500, app.Log);
        return ((int)response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!);
    }

    private async Task<JsonNode> PreviewAsync(Guid license) =>
        (await OperatorAsync("/api/v1/renewals/preview?days=7"))["renewals"]!.AsArray()
        .Single(row => (string?)row!["subscription_id"] == license.ToString())!;

    // A renewal as the timer opens it, not due yet. The manual renewal makes it due.
    private Task<int> OpenAsync(Guid license, decimal amountUsd, bool accepted) => database.ExecuteAsync(
        """
        insert into renewals (subscription_id, user_id, period_start, renewal_type, status, amount_usd, price_accepted, gives_up_at)
        select s.subscription_id, s.subscriber_id, t.expires_at, 'auto', 'due', @amountUsd, @accepted, t.expires_at + interval '3 days'
        from subscriptions s
        join license_tokens t on t.subscription_id = s.subscription_id
        where s.subscription_id = @license
        """,
        new { license, amountUsd, accepted });

    private Task<int> PayEarlierAsync(Guid license, decimal amountUsd) => database.ExecuteAsync(
        """
        insert into renewals (
            subscription_id, user_id, period_start, renewal_type, status, amount_usd, paid_with, paid_from, paid_until, gives_up_at)
        select s.subscription_id, s.subscriber_id, t.expires_at - interval '30 days', 'auto', 'applied', @amountUsd, 'wallet',
               t.expires_at - interval '30 days', t.expires_at, t.expires_at
        from subscriptions s
        join license_tokens t on t.subscription_id = s.subscription_id
        where s.subscription_id = @license
        """,
        new { license, amountUsd });

    private Task<int> SetPriceAsync(Guid license, decimal priceUsd) => database.ExecuteAsync(
        """
        update master_pricing p set monthly_fee_usd = @priceUsd
        from subscriptions s where s.master_id = p.master_id and s.subscription_id = @license
        """,
        new { license, priceUsd });

    private async Task<JsonNode> OperatorAsync(string path) => (await app.GetAsync(path, Operator)).Body!;

    private async Task<JsonNode> UnknownAsync(Guid license) => (await OperatorAsync("/api/v1/renewals/unknown"))["charges"]!.AsArray()
        .Single(charge => (string?)charge!["subscription_id"] == license.ToString())!;

    private Task RunAsync(string timer) => app.RunTimerAsync(database, timer);

    private int Charges(Guid license, string? status = null)
    {
        lock (stripe.Account.Gate)
        {
            return stripe.Account.Charges.Values
                .Where(charge => status is null || (string?)charge["status"] == status)
                .Select(charge => stripe.Account.PaymentIntents[(string)charge["payment_intent"]!])
                .Count(intent => (string?)intent["metadata"]!["subscription_id"] == license.ToString());
        }
    }
}
