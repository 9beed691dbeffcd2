using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>Stripe's answers about refunds and about evidence for disputes, over HTTP.</summary>
public sealed class StripeRefundsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Refund_APart_IsMade_AndItsWebhookReportsTheSameRefund()
    {
        await using var account = await StripeAccount.OpenAsync();
        var request = await PaidAsync(account, 1200);

        var made = Assert.IsType<RefundOutcome.Made>(await account.Gateway.RefundAsync(request, "refund", Cancel));

        Assert.Equal(
            (ReversalKind.Refund, ReversalState.Succeeded, 1200L, "usd", request.IntentId, request.RefundId),
            (made.Refund.Kind, made.Refund.State, made.Refund.AmountMinor, made.Refund.Currency, made.Refund.IntentId,
                made.Refund.RefundId));
        var reported = Assert.IsType<PaymentFact.Reversed>((await account.LatestAsync("refund.created")).Fact);
        Assert.Equal(made.Refund, reported.Reversal);
        Assert.Equal(made, await account.Gateway.FindRefundAsync(request, Cancel));
    }

    [Fact]
    public async Task Refund_ARepeatWithTheSameKey_RefundsOnce()
    {
        await using var account = await StripeAccount.OpenAsync();
        var request = await PaidAsync(account, 1200);

        var first = await account.Gateway.RefundAsync(request, "refund", Cancel);

        Assert.Equal(first, await account.Gateway.RefundAsync(request, "refund", Cancel));
        Assert.Single(account.StandIn.EventsOf("refund.created"));
    }

    [Fact]
    public async Task Refund_WhoseAnswerIsLost_IsUnknown_AndFoundByItsMetadata()
    {
        await using var account = await StripeAccount.OpenAsync();
        var request = await PaidAsync(account, 1200);
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorAfter, "refunds.create"));

        Assert.IsType<RefundOutcome.Unknown>(await account.Gateway.RefundAsync(request, "refund", Cancel));

        Assert.IsType<RefundOutcome.Made>(await account.Gateway.FindRefundAsync(request, Cancel));
        Assert.Null(await account.Gateway.FindRefundAsync(request with { RefundId = Guid.NewGuid() }, Cancel));
        account.StandIn.Faults.Add(new Fault(FaultKind.RateLimit, "refunds.list", Times: 2));
        Assert.IsType<RefundOutcome.Unknown>(await account.Gateway.FindRefundAsync(request, Cancel));
    }

    [Theory]
    [InlineData(FaultKind.RateLimit)]
    [InlineData(FaultKind.LockTimeout)]
    [InlineData(FaultKind.DropBefore)]
    [InlineData(FaultKind.ErrorBefore)]
    public async Task Refund_WithoutACertainAnswer_IsUnknown(FaultKind fault)
    {
        await using var account = await StripeAccount.OpenAsync();
        var request = await PaidAsync(account, 1200);
        account.StandIn.Faults.Add(new Fault(fault, "refunds.create", Times: 3));

        Assert.IsType<RefundOutcome.Unknown>(await account.Gateway.RefundAsync(request, "refund", Cancel));
    }

    [Fact]
    public async Task Refund_ThatStripeRefuses_HasItsCode()
    {
        await using var account = await StripeAccount.OpenAsync();
        var request = await PaidAsync(account, 3000);
        await account.Gateway.RefundAsync(request, "first", Cancel);
        var disputed = await PaidAsync(account, 3000);
        account.StandIn.Dispute(disputed.IntentId);

        Assert.Equal("charge_already_refunded", await CodeAsync(request with { RefundId = Guid.NewGuid() }));
        Assert.Equal("charge_disputed", await CodeAsync(disputed));
        Assert.Equal("resource_missing", await CodeAsync(request with { IntentId = "pi_none" }));

        async Task<string> CodeAsync(RefundRequest refused) => Assert.IsType<RefundOutcome.Refused>(
            await account.Gateway.RefundAsync(refused, Guid.NewGuid().ToString(), Cancel)).Code;
    }

    [Fact]
    public async Task Refund_WithARejectedKeyOfThisBackend_IsUnknown()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { SecretKey = "sk_test_another" });

        var answer = await account.Gateway.RefundAsync(new RefundRequest(Guid.NewGuid(), "pi_1", 100), "refund", Cancel);

        Assert.IsType<RefundOutcome.Unknown>(answer);
    }

    [Fact]
    public async Task Evidence_IsSentOnce_AndASecondTimeIsRefused()
    {
        await using var account = await StripeAccount.OpenAsync();
        var dispute = await DisputeAsync(account);
        Assert.Null(await account.Gateway.FindEvidenceAsync(dispute, Cancel));

        Assert.IsType<EvidenceOutcome.Sent>(await account.Gateway.SendEvidenceAsync(dispute, "Used on 9 days.", "evidence", Cancel));

        Assert.IsType<EvidenceOutcome.Sent>(await account.Gateway.FindEvidenceAsync(dispute, Cancel));
        Assert.IsType<EvidenceOutcome.Refused>(await account.Gateway.SendEvidenceAsync(dispute, "More.", "another", Cancel));
        lock (account.StandIn.Account.Gate)
            Assert.Equal("Used on 9 days.", account.StandIn.Account.Disputes[dispute]["evidence"]!.AsObject().Text("uncategorized_text"));
    }

    [Fact]
    public async Task Evidence_WhoseAnswerIsLost_IsUnknown_AndFound()
    {
        await using var account = await StripeAccount.OpenAsync();
        var dispute = await DisputeAsync(account);
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorAfter, "disputes.update"));

        Assert.IsType<EvidenceOutcome.Unknown>(await account.Gateway.SendEvidenceAsync(dispute, "Text", "evidence", Cancel));

        Assert.IsType<EvidenceOutcome.Sent>(await account.Gateway.FindEvidenceAsync(dispute, Cancel));
    }

    [Fact]
    public async Task Evidence_AfterTheDeadlineOrForAnUnknownDispute_IsRefused()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var account = await StripeAccount.OpenAsync(standInClock: clock);
        var dispute = await DisputeAsync(account);
        account.StandIn.Account.Disputes[dispute]["evidence_details"]!["due_by"] = account.StandIn.Account.Now;

        Assert.IsType<EvidenceOutcome.Refused>(await account.Gateway.SendEvidenceAsync(dispute, "Text", "late", Cancel));
        Assert.IsType<EvidenceOutcome.Refused>(await account.Gateway.SendEvidenceAsync("du_none", "Text", "none", Cancel));
    }

    private static async Task<RefundRequest> PaidAsync(StripeAccount account, long amount) =>
        new(Guid.NewGuid(), (await account.PayAsync(account.Charge())).IntentId!, amount);

    private static async Task<string> DisputeAsync(StripeAccount account) =>
        account.StandIn.Dispute((await account.PayAsync(account.Charge())).IntentId!);
}
