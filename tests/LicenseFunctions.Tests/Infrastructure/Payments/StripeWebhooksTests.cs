using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>The check of signatures, and the payment fact of each event.</summary>
public sealed class StripeWebhooksTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_ASignedEvent_IsAccepted_UnderTheOldAndTheNewSecret()
    {
        await using var account = await StripeAccount.OpenAsync(
            settings => settings with { WebhookSecrets = ["whsec_next", .. settings.WebhookSecrets] });
        var paid = await account.PayAsync(account.Charge());

        var read = await account.LatestAsync("payment_intent.succeeded");

        Assert.Equal(("stripe", "payment_intent.succeeded"), (read.Provider, read.EventType));
        Assert.Equal(paid.Outcome, Assert.IsType<PaymentFact.IntentChanged>(read.Fact).Intent.Outcome);
    }

    [Theory]
    [InlineData("the body changed")]
    [InlineData("another secret")]
    [InlineData("no header")]
    [InlineData("an empty header")]
    [InlineData("no time")]
    [InlineData("a time that is no number")]
    [InlineData("another scheme")]
    [InlineData("nonsense")]
    public async Task Read_ASignatureThatDoesNotFit_IsRefused(string fault)
    {
        await using var account = await StripeAccount.OpenAsync();
        await account.PayAsync(account.Charge());
        var (body, good) = account.Webhook(account.StandIn.EventsOf("payment_intent.succeeded")[0]);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

        var read = await account.Webhooks.ReadAsync(fault == "the body changed" ? body + " " : body, fault switch
        {
            "another secret" => StripeStandIn.Webhooks.Sign(body, "whsec_other", now),
            "no header" => null,
            "an empty header" => "",
            "no time" => good[(good.IndexOf(',', StringComparison.Ordinal) + 1)..],
            "a time that is no number" => "t=now" + good[good.IndexOf(',', StringComparison.Ordinal)..],
            "another scheme" => good.Replace("v1=", "v0=", StringComparison.Ordinal),
            "nonsense" => "nonsense",
            _ => good,
        }, Cancel);

        Assert.Equal("BAD_SIGNATURE", read.Refusal?.Code);
    }

    [Theory]
    [InlineData(299, true)]
    [InlineData(301, false)]
    [InlineData(-299, true)]
    [InlineData(-301, false)]
    public async Task Read_ASignatureOutsideOfFiveMinutes_IsRefused(int secondsLater, bool accepted)
    {
        var start = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        var clock = new FakeTimeProvider(start.AddSeconds(secondsLater));
        await using var account = await StripeAccount.OpenAsync(clock: clock);
        const string body = """
            {"id":"evt_1","object":"event","created":1,"type":"plan.created","data":{"object":{"id":"plan_1","object":"plan"}}}
            """;
        var signature = StripeStandIn.Webhooks.Sign(body, account.StandIn.Options.WebhookSecret, start.ToUnixTimeSeconds());

        Assert.Equal(accepted, (await account.Webhooks.ReadAsync(body, signature, Cancel)).Refusal is null);
    }

    [Fact]
    public async Task Read_WithoutASecret_RefusesEveryEvent()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { WebhookSecrets = [] });
        var signature = StripeStandIn.Webhooks.Sign("{}", "", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

        Assert.Equal("BAD_SIGNATURE", (await account.Webhooks.ReadAsync("{}", signature, Cancel)).Refusal?.Code);
    }

    [Theory]
    [InlineData("payment_intent.payment_failed", FaultKind.Decline, typeof(ChargeOutcome.SoftDeclined))]
    [InlineData("payment_intent.requires_action", FaultKind.Authenticate, typeof(ChargeOutcome.NeedsAuthentication))]
    [InlineData("payment_intent.processing", FaultKind.Process, typeof(ChargeOutcome.Processing))]
    public async Task Read_AnIntentsEvent_HasItsOutcomeAndItsRenewal(string type, FaultKind fault, Type outcome)
    {
        await using var account = await StripeAccount.OpenAsync();
        // On session, because off session Stripe declines a payment that needs authentication.
        account.StandIn.Faults.Add(new Fault(fault, "payment_intents.confirm"));
        var charge = account.Charge();
        var created = await account.Gateway.CreateIntentAsync(charge, "create", Cancel);
        await account.ConfirmPaymentInBrowserAsync(created, charge);

        var fact = Assert.IsType<PaymentFact.IntentChanged>((await account.LatestAsync(type)).Fact);

        Assert.IsType(outcome, fact.Intent.Outcome);
        Assert.Equal((created.IntentId, charge.RenewalId), (fact.Intent.IntentId, fact.RenewalId));
    }

    [Fact]
    public async Task Read_ACancellation_IsACanceledOutcome()
    {
        await using var account = await StripeAccount.OpenAsync();
        var created = await account.Gateway.CreateIntentAsync(account.Charge(), "create", Cancel);
        await account.Gateway.CancelIntentAsync(created.IntentId!, "cancel", Cancel);

        var fact = Assert.IsType<PaymentFact.IntentChanged>((await account.LatestAsync("payment_intent.canceled")).Fact);

        Assert.Equal(new ChargeOutcome.Canceled("abandoned"), fact.Intent.Outcome);
    }

    [Fact]
    public async Task Read_RefundsAndDisputes_ContainIntentAndAmount()
    {
        await using var account = await StripeAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        await account.RefundAsync(paid.IntentId!, 1000);
        Assert.Equal(new PaymentFact.Refunded(paid.IntentId!, 3000, 1000), (await account.LatestAsync("charge.refunded")).Fact);
        await account.RefundAsync(paid.IntentId!, 2000);
        Assert.Equal(new PaymentFact.Refunded(paid.IntentId!, 3000, 3000), (await account.LatestAsync("charge.refunded")).Fact);

        var dispute = account.StandIn.Dispute(paid.IntentId!, "product_not_received");
        Assert.Equal(new PaymentFact.DisputeOpened(paid.IntentId!, "product_not_received"),
            (await account.LatestAsync("charge.dispute.created")).Fact);
        account.StandIn.CloseDispute(dispute, won: false);
        Assert.Equal(new PaymentFact.DisputeClosed(paid.IntentId!, Won: false), (await account.LatestAsync("charge.dispute.closed")).Fact);
    }

    [Theory]
    [InlineData("customer.created")]
    [InlineData("charge.succeeded")]
    [InlineData("payment_intent.created")]
    public async Task Read_AnUnusedEventType_IsIgnored(string type)
    {
        await using var account = await StripeAccount.OpenAsync();
        await account.Cards.CreateCustomerAsync(Guid.NewGuid(), Cancel);
        await account.PayAsync(account.Charge());

        Assert.IsType<PaymentFact.Ignored>((await account.LatestAsync(type)).Fact);
    }

    [Fact]
    public async Task Read_AnEventOfAnotherApiVersion_IsStillRead()
    {
        await using var account = await StripeAccount.OpenAsync();
        const string body = """
            {"id":"evt_1","object":"event","api_version":"2020-08-27","created":1767225600,"type":"payment_intent.succeeded",
             "data":{"object":{"id":"pi_1","object":"payment_intent","status":"succeeded","amount_received":3000,"latest_charge":"ch_1",
             "metadata":{}}}}
            """;
        var signature = StripeStandIn.Webhooks.Sign(
            body, account.StandIn.Options.WebhookSecret, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

        var read = (await account.Webhooks.ReadAsync(body, signature, Cancel)).Value;

        Assert.Equal(new ChargeOutcome.Succeeded("ch_1", 3000), Assert.IsType<PaymentFact.IntentChanged>(read.Fact).Intent.Outcome);
        Assert.Equal(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), read.CreatedAt);
    }
}
