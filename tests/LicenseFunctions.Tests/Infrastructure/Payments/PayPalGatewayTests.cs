using System.Text.Json.Nodes;
using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using PayPalStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>Every answer that PayPal can give, over HTTP, and the outcome that the gateway returns.</summary>
public sealed class PayPalGatewayTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnOrder_ChargesNothing_UntilItIsCaptured_AndThenOnce()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();

        var created = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);
        Assert.IsType<ChargeOutcome.Unconfirmed>(created.Outcome);
        Assert.Equal((created, 0), (await account.Gateway.GetIntentAsync(created.IntentId!, Cancel), account.StandIn.Paid));
        Assert.Equal(created.IntentId, (await account.Gateway.CreateIntentAsync(charge, "key", Cancel)).IntentId);

        var paid = await account.Gateway.ConfirmIntentAsync(created.IntentId!, charge, "first", Cancel);
        var success = Assert.IsType<ChargeOutcome.Succeeded>(paid.Outcome);
        Assert.Equal((3000, "usd"), (success.AmountMinor, success.Currency));
        // The key of the first attempt, another one, and a look-up.
        Assert.Equal(paid, await account.Gateway.ConfirmIntentAsync(created.IntentId!, charge, "first", Cancel));
        Assert.Equal(paid, await account.Gateway.ConfirmIntentAsync(created.IntentId!, charge, "second", Cancel));
        Assert.Equal(paid, await account.Gateway.GetIntentAsync(created.IntentId!, Cancel));
        Assert.Equal(1, account.StandIn.Paid);

        Assert.Equal(
            new ChargeLookup.Found(success.TransactionId, paid.IntentId, true, 3000, "usd", charge.RenewalId, charge.SubscriptionId)
            {
                UnprovenRenewalId = charge.RenewalId,
            },
            await account.Gateway.FindChargeAsync(success.TransactionId, Cancel));
        Assert.Equal(
            success.TransactionId, ((ChargeLookup.Found)(await account.Gateway.FindChargeAsync(paid.IntentId!, Cancel))!).ChargeId);
        Assert.IsType<ChargeLookup.Missing>(await account.Gateway.FindChargeAsync("NOTHING", Cancel));
    }

    [Theory]
    [InlineData(FaultKind.DropBefore, 0)]
    [InlineData(FaultKind.DropAfter, 1)]
    [InlineData(FaultKind.ErrorBefore, 0)]
    [InlineData(FaultKind.ErrorAfter, 1)]
    [InlineData(FaultKind.RateLimit, 0)]
    [InlineData(FaultKind.InProgress, 0)]
    public async Task ACaptureWithoutAnAnswer_IsUnknown_AndTheSameKeySettlesItWithoutASecondCharge(FaultKind fault, int paidAtOnce)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        account.StandIn.Faults.Add(new Fault(fault, "orders.capture"));

        var lost = await account.PayAsync(charge);

        var unknown = Assert.IsType<ChargeOutcome.Unknown>(lost.Outcome);
        Assert.Equal(fault is FaultKind.RateLimit ? TimeSpan.FromSeconds(7) : null, unknown.RetryAfter);
        Assert.Equal(paidAtOnce, account.StandIn.Paid);
        var again = await account.Gateway.ConfirmIntentAsync(lost.IntentId!, charge, $"attempt 1 {charge.RenewalId}", Cancel);
        Assert.IsType<ChargeOutcome.Succeeded>(again.Outcome);
        Assert.Equal(1, account.StandIn.Paid);
    }

    [Fact]
    public async Task ACaptureThatTakesTooLong_IsUnknown()
    {
        await using var account = await PayPalAccount.OpenAsync(settings => settings with { SendTimeout = TimeSpan.FromSeconds(5) });
        var charge = account.Charge();
        var order = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);
        account.StandIn.Faults.Add(new Fault(FaultKind.Delay, "orders.capture", DelayMs: 600_000));

        var slow = await account.Gateway.ConfirmIntentAsync(order.IntentId!, charge, "attempt", Cancel);

        Assert.Equal("time_out", Assert.IsType<ChargeOutcome.Unknown>(slow.Outcome).Reason);
    }

    [Theory]
    [InlineData("INSTRUMENT_DECLINED", typeof(ChargeOutcome.SoftDeclined), "instrument_declined")]
    [InlineData("PAYER_ACTION_REQUIRED", typeof(ChargeOutcome.HardDeclined), "payer_action_required")]
    [InlineData("PAYER_ACCOUNT_RESTRICTED", typeof(ChargeOutcome.HardDeclined), "payer_account_restricted")]
    [InlineData("DECLINED:5120", typeof(ChargeOutcome.SoftDeclined), "insufficient_funds")]
    [InlineData("DECLINED:9520", typeof(ChargeOutcome.HardDeclined), "lost_card")]
    public async Task ADeclinedPayment_IsClassified_AndItsOrderCanBeCanceled(string behavior, Type outcome, string code)
    {
        await using var account = await PayPalAccount.OpenAsync();

        var declined = await account.PayAsync(account.Charge(behavior));

        Assert.IsType(outcome, declined.Outcome);
        Assert.Contains(code, declined.Outcome.ToString(), StringComparison.Ordinal);
        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.CancelIntentAsync(declined.IntentId!, "cancel", Cancel)).Outcome);
        Assert.Equal(0, account.StandIn.Paid);
    }

    [Fact]
    public async Task APaymentUnderReview_IsProcessing_UntilPayPalDecides()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var waiting = await account.PayAsync(account.Charge("PENDING"));
        Assert.IsType<ChargeOutcome.Processing>(waiting.Outcome);
        Assert.IsType<ChargeOutcome.Processing>((await account.Gateway.CancelIntentAsync(waiting.IntentId!, "cancel", Cancel)).Outcome);

        var capture = Account.CaptureOf(account.StandIn.Account.Order(waiting.IntentId!))!;
        account.StandIn.Account.Settle((string)capture["id"]!, paid: true);

        Assert.IsType<ChargeOutcome.Succeeded>((await account.Gateway.GetIntentAsync(waiting.IntentId!, Cancel)).Outcome);
    }

    [Fact]
    public async Task ACanceledOrder_CannotBeCaptured_AlsoByARequestThatWasSentBefore()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        var order = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);

        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.CancelIntentAsync(order.IntentId!, "cancel", Cancel)).Outcome);

        var late = await account.Gateway.ConfirmIntentAsync(order.IntentId!, charge, "sent before", Cancel);
        Assert.IsType<ChargeOutcome.Canceled>(late.Outcome);
        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.GetIntentAsync(order.IntentId!, Cancel)).Outcome);
        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.CancelIntentAsync(order.IntentId!, "again", Cancel)).Outcome);
        Assert.Equal(0, account.StandIn.Paid);
    }

    [Fact]
    public async Task APaidOrder_CannotBeCanceled()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        var paid = await account.PayAsync(charge);

        Assert.Equal(paid.Outcome, (await account.Gateway.CancelIntentAsync(paid.IntentId!, "cancel", Cancel)).Outcome);
    }

    [Fact]
    public async Task AnOrderThatExpired_IsMissing_NotDeclined()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow()) { AutoAdvanceAmount = TimeSpan.Zero };
        await using var account = await PayPalAccount.OpenAsync(standInClock: clock);
        var charge = account.Charge();
        var order = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);
        clock.Advance(TimeSpan.FromHours(4));

        Assert.IsType<ChargeOutcome.Missing>((await account.Gateway.GetIntentAsync(order.IntentId!, Cancel)).Outcome);
        Assert.IsType<ChargeOutcome.Missing>((await account.Gateway.ConfirmIntentAsync(order.IntentId!, charge, "late", Cancel)).Outcome);
        Assert.IsType<ChargeOutcome.Missing>((await account.Gateway.CancelIntentAsync(order.IntentId!, "cancel", Cancel)).Outcome);
    }

    [Fact]
    public async Task ACreationThatIsRefused_IsCertain_AndOneWithoutAnAnswerIsNot()
    {
        await using var account = await PayPalAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(FaultKind.Refuse, "orders.create"));
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorBefore, "orders.create"));

        Assert.IsType<ChargeOutcome.SoftDeclined>((await account.Gateway.CreateIntentAsync(account.Charge(), "one", Cancel)).Outcome);
        Assert.IsType<ChargeOutcome.Unknown>((await account.Gateway.CreateIntentAsync(account.Charge(), "two", Cancel)).Outcome);
    }

    // The database was restored: the attempt has the number of one that was paid. Another attempt of the renewal is not affected.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnAttemptThatWasPaidBefore_IsNotChargedAgain_AndItsPaymentIsFound(bool isRefusedAtOnce)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        var early = isRefusedAtOnce ? null : await account.Gateway.CreateIntentAsync(charge, "early", Cancel);
        var paid = await account.PayAsync(charge);

        var refused = early is null
            ? await account.Gateway.CreateIntentAsync(charge, "another key", Cancel)
            : await account.Gateway.ConfirmIntentAsync(early.IntentId!, charge, "another attempt", Cancel);

        Assert.IsType<ChargeOutcome.PaidBefore>(refused.Outcome);
        Assert.NotEqual(early?.IntentId, refused.IntentId);
        Assert.IsType<ChargeOutcome.Missing>((await account.Gateway.GetIntentAsync(refused.IntentId!, Cancel)).Outcome);
        Assert.Equal(paid, await account.Gateway.FindPaymentAsync(charge, TimeProvider.System.GetUtcNow(), Cancel));
        Assert.Null(await account.Gateway.FindPaymentAsync(charge with { Attempt = 3 }, TimeProvider.System.GetUtcNow(), Cancel));
        account.StandIn.Faults.Add(new Fault(FaultKind.Refuse, "transactions.list", Times: null));
        Assert.Null(await account.Gateway.FindPaymentAsync(charge, TimeProvider.System.GetUtcNow(), Cancel));
        Assert.Equal(1, account.StandIn.Paid);

        var next = charge with { Attempt = 2 };
        var order = await account.Gateway.CreateIntentAsync(next, "next", Cancel);
        Assert.IsType<ChargeOutcome.Succeeded>((await account.Gateway.ConfirmIntentAsync(order.IntentId!, next, "last", Cancel)).Outcome);
    }

    // A payer can make orders of their own with any invoice_id, and may guess those of renewals.
    [Theory]
    [InlineData("-1")]
    [InlineData("-1-AAAAAAAAAAAAAAAA")]
    [InlineData("")]
    public async Task AnOrderThatAPayerMadeWithAGuessedInvoice_DoesNotStopTheAttempt(string guessed)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        lock (account.StandIn.Account.Gate)
        {
            var order = account.StandIn.Account.CreateOrder(new JsonObject
            {
                ["intent"] = "CAPTURE",
                ["purchase_units"] = new JsonArray(new JsonObject
                {
                    ["invoice_id"] = charge.RenewalId + guessed,
                    ["amount"] = new JsonObject { ["currency_code"] = "USD", ["value"] = "0.01" },
                }),
            });
            var source = new JsonObject { ["paypal"] = new JsonObject { ["vault_id"] = charge.PaymentId } };
            account.StandIn.Account.Capture((string)order["id"]!, new JsonObject { ["payment_source"] = source }, fault: null);
        }

        Assert.IsType<ChargeOutcome.Succeeded>((await account.PayAsync(charge)).Outcome);
    }

    [Fact]
    public async Task TheInvoiceOfAnAttempt_IsTheSameForEachRequest_AndThatOfEarlierVersionsIsKept()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var (charge, old) = (account.Charge(), account.Charge() with { IsNameSigned = false });

        var one = await account.Gateway.CreateIntentAsync(charge, "one", Cancel);
        var two = await account.Gateway.CreateIntentAsync(charge, "two", Cancel);
        var frozen = await account.Gateway.CreateIntentAsync(old, "three", Cancel);

        Assert.NotEqual(one.IntentId, two.IntentId);
        Assert.Equal(account.InvoiceOf(one.IntentId!), account.InvoiceOf(two.IntentId!));
        Assert.Equal(account.InvoiceOf(one.IntentId!), account.Gateway.NameOf(charge));
        Assert.Matches($@"^{charge.RenewalId}-1-[A-Za-z0-9_-]{{16}}\z", account.Gateway.NameOf(charge));
        Assert.Equal((account.InvoiceOf(frozen.IntentId!), $"{old.RenewalId}-1"), ($"{old.RenewalId}-1", account.Gateway.NameOf(old)));
        Assert.Equal($"{old.RenewalId}", account.Gateway.NameOf(old with { Attempt = 0 }));
        Assert.NotEqual(account.Gateway.NameOf(charge), account.GatewayThatSigns("another").NameOf(charge));
    }

    // The client secret was rotated, or the version changed, between the payment and a restore.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task APaymentOfAnotherSecretOrVersion_IsFound(bool isNameSigned)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        var paying = account.GatewayThatSigns("earlier");
        var order = await paying.CreateIntentAsync(charge with { IsNameSigned = isNameSigned }, "key", Cancel);
        var paid = await paying.ConfirmIntentAsync(order.IntentId!, charge, "attempt", Cancel);
        var capture = ((ChargeOutcome.Succeeded)paid.Outcome).TransactionId;

        var found = await account.GatewayThatSigns("present", "older", "earlier")
            .FindPaymentAsync(charge, TimeProvider.System.GetUtcNow(), Cancel);

        Assert.Equal(paid, found);
        // Without the earlier secret, only an operator may say that the payment is for the renewal.
        Assert.Null(await account.Gateway.FindPaymentAsync(charge, TimeProvider.System.GetUtcNow(), Cancel));
        var unproven = Assert.IsType<ChargeLookup.Found>(await account.Gateway.FindChargeAsync(capture, Cancel));
        Assert.Equal((null, charge.RenewalId), (unproven.RenewalId, unproven.UnprovenRenewalId));
    }

    [Fact]
    public async Task ACreationThatIsRepeatedWithAnotherSecret_IsUnknown_NotDeclined()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var charge = account.Charge();
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorAfter, "orders.create"));
        await account.GatewayThatSigns("earlier").CreateIntentAsync(charge, "key", Cancel);

        var repeated = await account.GatewayThatSigns("present", "earlier").CreateIntentAsync(charge, "key", Cancel);

        Assert.Equal("422_DUPLICATE_REQUEST_ID", Assert.IsType<ChargeOutcome.Unknown>(repeated.Outcome).Reason);
    }

    [Fact]
    public async Task ATokenThatTakesTooLong_IsUnknown_AlsoForTheRequestsThatWaitForIt()
    {
        using var handler = new NeverAnswers();
        await using var account = await PayPalAccount.OpenAsync(
            settings => settings with { SendTimeout = TimeSpan.FromSeconds(1), ApiUrl = new Uri("http://127.0.0.1:1/") }, handler: handler);
        var charge = account.Charge();
        Task<IntentSnapshot> create(int number) => account.Gateway.CreateIntentAsync(charge, $"{number}", Cancel);

        var first = create(0);
        await handler.IsAsked;
        // The first request is not ended by its limit yet, so each of these ends by its own.
        var waiting = await Task.WhenAll(Enumerable.Range(1, 7).Select(create)).WaitAsync(TimeSpan.FromMinutes(1), Cancel);
        handler.ObeyLimits();

        Assert.All(
            [await first, .. waiting],
            answer => Assert.Equal("time_out", Assert.IsType<ChargeOutcome.Unknown>(answer.Outcome).Reason));
        Assert.Equal(1, handler.Requests);
    }

    /// <summary>It ignores the limit of a request until <see cref="ObeyLimits"/>.</summary>
    private sealed class NeverAnswers : HttpMessageHandler
    {
        private readonly TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource obeys = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int requests;

        public Task IsAsked => asked.Task;

        public int Requests => requests;

        public void ObeyLimits() => obeys.SetResult();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref requests);
            asked.TrySetResult();
            await obeys.Task;
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException();
        }
    }

    [Fact]
    public async Task APaymentTokenThatPayPalRefusesToDelete_IsNotRemoved()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var token = account.Charge().PaymentId;
        account.StandIn.Faults.Add(new Fault(FaultKind.Refuse, "payment_tokens.delete"));

        Assert.Equal("PAYMENT_PROVIDER_REFUSED", (await account.Vault.DeleteAsync(token, Cancel)).Refusal?.Code);
        Assert.Null((await account.Vault.DeleteAsync(token, Cancel)).Refusal);
        Assert.Null((await account.Vault.DeleteAsync(token, Cancel)).Refusal);
    }

    [Fact]
    public async Task ARevokedToken_IsRequestedAgain_AndWrongCredentialsAreNoRefusal()
    {
        await using var account = await PayPalAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(FaultKind.Unauthorized, "orders.create"));
        Assert.IsType<ChargeOutcome.Unconfirmed>((await account.Gateway.CreateIntentAsync(account.Charge(), "key", Cancel)).Outcome);

        await using var wrong = await PayPalAccount.OpenAsync(settings => settings with { ClientSecret = "another" });
        Assert.IsType<ChargeOutcome.Unknown>((await wrong.Gateway.CreateIntentAsync(wrong.Charge(), "key", Cancel)).Outcome);
        Assert.Equal("PAYMENT_PROVIDER_KEY_REJECTED", (await wrong.Vault.DeleteAsync("token", Cancel)).Refusal?.Code);
    }

    [Theory]
    [InlineData(FaultKind.DropAfter)]
    [InlineData(FaultKind.ErrorAfter)]
    public async Task ARefundWhoseAnswerIsLost_IsFound_AndAnotherKeyDoesNotRefundTwice(FaultKind fault)
    {
        await using var account = await PayPalAccount.OpenAsync();
        var paid = await account.PayAsync(account.Charge());
        var request = new RefundRequest(
            Guid.NewGuid(), paid.IntentId!, 1000, ((ChargeOutcome.Succeeded)paid.Outcome).TransactionId);
        Assert.Null(await account.Gateway.FindRefundAsync(request, Cancel));
        account.StandIn.Faults.Add(new Fault(fault, "captures.refund"));

        Assert.IsType<RefundOutcome.Unknown>(await account.Gateway.RefundAsync(request, "key", Cancel));

        var found = Assert.IsType<RefundOutcome.Made>(await account.Gateway.FindRefundAsync(request, Cancel));
        Assert.Equal(
            (ReversalState.Succeeded, 1000, "usd", paid.IntentId, request.ChargeId, request.RefundId),
            (found.Refund.State, found.Refund.AmountMinor, found.Refund.Currency, found.Refund.IntentId, found.Refund.ChargeId,
                found.Refund.RefundId));
        var again = Assert.IsType<RefundOutcome.Made>(await account.Gateway.RefundAsync(request, "another key", Cancel));
        Assert.Equal(found.Refund.ProviderId, again.Refund.ProviderId);
        var tooMuch = await account.Gateway.RefundAsync(request with { RefundId = Guid.NewGuid(), AmountMinor = 2001 }, "more", Cancel);
        Assert.Equal("refund_amount_exceeded", Assert.IsType<RefundOutcome.Refused>(tooMuch).Code);
    }

    [Fact]
    public async Task EvidenceForADispute_IsSentAndFound()
    {
        await using var account = await PayPalAccount.OpenAsync();
        var paid = (ChargeOutcome.Succeeded)(await account.PayAsync(account.Charge())).Outcome;
        var dispute = account.StandIn.Account.Dispute(paid.TransactionId, "UNAUTHORISED");
        Assert.Null(await account.Gateway.FindEvidenceAsync(dispute, Cancel));

        Assert.IsType<EvidenceOutcome.Refused>(await account.Gateway.SendEvidenceAsync(dispute, new string('x', 2001), "key", Cancel));
        Assert.IsType<EvidenceOutcome.Sent>(await account.Gateway.SendEvidenceAsync(dispute, "It was used daily: {yes}.", "key", Cancel));

        Assert.IsType<EvidenceOutcome.Sent>(await account.Gateway.FindEvidenceAsync(dispute, Cancel));
        Assert.Equal("It was used daily: {yes}.", (string?)account.StandIn.Account.DisputeById(dispute)["evidences"]![0]!["notes"]);
        Assert.IsType<EvidenceOutcome.Refused>(await account.Gateway.SendEvidenceAsync(dispute, "Again.", "key", Cancel));
        Assert.IsType<EvidenceOutcome.Unknown>(await account.Gateway.FindEvidenceAsync("PP-D-0", Cancel));
        Assert.Equal("charge_disputed", Assert.IsType<RefundOutcome.Refused>(await account.Gateway.RefundAsync(
            new RefundRequest(Guid.NewGuid(), "ORDER", 100, paid.TransactionId), "refund", Cancel)).Code);
    }
}
