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
    public async Task Read_RefundsAndDisputes_ContainIntentAmountAndState()
    {
        await using var account = await StripeAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        await account.RefundAsync(paid.IntentId!, 1000);
        Assert.Equal((ReversalKind.RefundTotal, ReversalState.Succeeded, 1000), await ReversalAsync("charge.refunded"));
        await account.RefundAsync(paid.IntentId!, 2000);
        Assert.Equal((ReversalKind.RefundTotal, ReversalState.Succeeded, 3000), await ReversalAsync("charge.refunded"));
        Assert.Equal((ReversalKind.Refund, ReversalState.Succeeded, 2000), await ReversalAsync("refund.created"));

        var dispute = account.StandIn.Dispute(paid.IntentId!, "product_not_received");
        Assert.Equal((ReversalKind.Dispute, ReversalState.Open, 3000), await ReversalAsync("charge.dispute.created"));
        account.StandIn.CloseDispute(dispute, won: false);
        Assert.Equal((ReversalKind.Dispute, ReversalState.Lost, 3000), await ReversalAsync("charge.dispute.closed"));

        async Task<(ReversalKind, ReversalState, long)> ReversalAsync(string type)
        {
            var reversal = Assert.IsType<PaymentFact.Reversed>((await account.LatestAsync(type)).Fact).Reversal;
            Assert.Equal(paid.IntentId, reversal.IntentId);
            return (reversal.Kind, reversal.State, reversal.AmountMinor);
        }
    }

    [Fact]
    public async Task Read_TwoEventsOfADisputeInOneSecond_TheLaterKindCounts_InAnyOrder()
    {
        var created = await DisputeAsync("charge.dispute.created", 1767225600);
        var updated = await DisputeAsync("charge.dispute.updated", 1767312000);

        Assert.Equal((true, false), (updated.IsNewerThan(created), created.IsNewerThan(updated)));

        async Task<PaymentReversal> DisputeAsync(string type, long due) => Assert.IsType<PaymentFact.Reversed>(await ReadAsync(type, $$$"""
            {"id":"du_1","amount":1000,"currency":"usd","status":"needs_response","charge":"ch_1","evidence_details":{"due_by":{{{due}}}}}
            """)).Reversal;
    }

    [Theory]
    [InlineData("refund.updated", "pending", ReversalState.Pending)]
    [InlineData("refund.updated", "requires_action", ReversalState.Pending)]
    [InlineData("refund.updated", "canceled", ReversalState.Failed)]
    [InlineData("charge.refund.updated", "failed", ReversalState.Failed)]
    [InlineData("refund.failed", "failed", ReversalState.Failed)]
    [InlineData("charge.dispute.updated", "warning_needs_response", ReversalState.Open)]
    [InlineData("charge.dispute.updated", "under_review", ReversalState.Open)]
    [InlineData("charge.dispute.closed", "warning_closed", ReversalState.Won)]
    [InlineData("charge.dispute.closed", "won", ReversalState.Won)]
    [InlineData("charge.dispute.funds_withdrawn", "lost", ReversalState.Lost)]
    [InlineData("charge.dispute.funds_withdrawn", "needs_response", ReversalState.Open)]
    [InlineData("charge.dispute.funds_reinstated", "lost", ReversalState.Won)]
    public async Task Read_TheStatesOfRefundsAndDisputes(string type, string status, ReversalState state)
    {
        var fact = await ReadAsync(type, $$"""
            {"id":"x_1","amount":1000.0,"currency":"usd","status":"{{status}}","charge":{"id":"ch_1"},
             "evidence_details":{"due_by":1767225600},"payment_intent":"pi_1"}
            """);

        var reversal = Assert.IsType<PaymentFact.Reversed>(fact).Reversal;
        Assert.Equal((state, 1000, "ch_1"), (reversal.State, reversal.AmountMinor, reversal.ChargeId));
    }

    [Theory]
    [InlineData("payment_intent.succeeded", """{"id":"pi_1","status":"succeeded","amount_received":4999.5}""")]
    [InlineData("payment_intent.succeeded", """{"id":"pi_1","status":"of tomorrow","amount_received":4999}""")]
    [InlineData("payment_intent.succeeded", "null")]
    [InlineData("charge.refunded", """{"id":"ch_1","amount_refunded":-1}""")]
    [InlineData("charge.refunded", """{"id":"ch_1","amount_refunded":1e14}""")]
    [InlineData("refund.created", """{"id":"re_1","amount":1000}""")]
    [InlineData("charge.dispute.closed", """{"id":"du_1","amount":1000,"charge":"ch_1"}""")]
    public async Task Read_MoneyThatCannotBeRead_IsForAPerson(string type, string subject) =>
        Assert.IsType<PaymentFact.Unreadable>(await ReadAsync(type, subject));

    private static async Task<PaymentFact> ReadAsync(string type, string subject)
    {
        await using var account = await StripeAccount.OpenAsync();
        var body = $$$"""{"id":"evt_1","object":"event","created":1767225600,"type":"{{{type}}}","data":{"object":{{{subject}}}}}""";
        var signature = StripeStandIn.Webhooks.Sign(
            body, account.StandIn.Options.WebhookSecret, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        return (await account.Webhooks.ReadAsync(body, signature, Cancel)).Value.Fact;
    }

    [Theory]
    [InlineData("customer.created")]
    [InlineData("charge.succeeded")]
    [InlineData("payment_intent.created")]
    public async Task Read_AnUnusedEventType_IsIgnored(string type)
    {
        await using var account = await StripeAccount.OpenAsync();
        await account.Cards.CreateCustomerAsync(Guid.NewGuid(), null, Cancel);
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
