using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;
using Microsoft.Extensions.Time.Testing;
using StripeStandIn;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Payments;

/// <summary>Every answer that Stripe can give, over HTTP, and the outcome that the gateway returns.</summary>
public sealed class StripeGatewayTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_LeavesTheIntentUnconfirmed_AndChargesNothing()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();

        var created = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);

        Assert.IsType<ChargeOutcome.Unconfirmed>(created.Outcome);
        Assert.Equal(0, account.SucceededCharges);
        Assert.Equal(created, await account.Gateway.GetIntentAsync(created.IntentId!, Cancel));
        lock (account.StandIn.Account.Gate)
            Assert.Equal(charge.RenewalId.ToString(),
                account.StandIn.Account.PaymentIntents[created.IntentId!]["metadata"]!["renewal_id"]!.GetValue<string>());
    }

    [Fact]
    public async Task Confirm_AGoodCard_Succeeds()
    {
        await using var account = await StripeAccount.OpenAsync();

        var paid = await account.PayAsync(account.Charge());

        var success = Assert.IsType<ChargeOutcome.Succeeded>(paid.Outcome);
        Assert.StartsWith("ch_", success.TransactionId, StringComparison.Ordinal);
        Assert.Equal(3000, success.AmountMinor);
        Assert.Equal(success, (await account.Gateway.GetIntentAsync(paid.IntentId!, Cancel)).Outcome);
    }

    [Fact]
    public async Task Confirm_ASecondTimeWithAnotherKey_ReturnsTheFirstSuccess_AndChargesOnce()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        var first = await account.PayAsync(charge);

        var second = await account.Gateway.ConfirmIntentAsync(first.IntentId!, charge, "another key", Cancel);

        Assert.Equal(first.Outcome, second.Outcome);
        Assert.Equal(1, account.SucceededCharges);
    }

    [Theory]
    [InlineData("pm_card_chargeDeclinedInsufficientFunds", typeof(ChargeOutcome.SoftDeclined), "insufficient_funds")]
    [InlineData("pm_card_chargeDeclined", typeof(ChargeOutcome.SoftDeclined), "generic_decline")]
    [InlineData("pm_card_chargeDeclinedProcessingError", typeof(ChargeOutcome.SoftDeclined), "processing_error")]
    [InlineData("pm_card_chargeDeclinedLostCard", typeof(ChargeOutcome.HardDeclined), "lost_card")]
    [InlineData("pm_card_chargeDeclinedExpiredCard", typeof(ChargeOutcome.HardDeclined), "expired_card")]
    [InlineData("pm_card_authenticationRequired", typeof(ChargeOutcome.NeedsAuthentication), "authentication_required")]
    public async Task Confirm_ATestCardThatDeclines_IsClassifiedByStripesCode_AlsoInALookup(string card, Type outcome, string code)
    {
        await using var account = await StripeAccount.OpenAsync();

        var declined = await account.PayAsync(account.Charge(card));

        Assert.IsType(outcome, declined.Outcome);
        Assert.Contains(code, declined.Outcome.ToString(), StringComparison.Ordinal);
        Assert.Equal(declined.Outcome, (await account.Gateway.GetIntentAsync(declined.IntentId!, Cancel)).Outcome);
        Assert.Equal(0, account.SucceededCharges);
    }

    [Fact]
    public async Task Get_ForUsers_LeavesConnectionsToCharges()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { Concurrency = 4 });
        var charge = account.Charge();
        var intent = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);
        account.StandIn.Faults.Add(new Fault(FaultKind.Delay, "payment_intents.retrieve", DelayMs: 600_000, Times: 20));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);

        var reads = Enumerable.Range(0, 20).Select(_ => ReadForAUserAsync(account, intent.IntentId!, stop.Token)).ToList();
        var paid = await account.Gateway.ConfirmIntentAsync(intent.IntentId!, charge, "another key", Cancel);

        Assert.IsType<ChargeOutcome.Succeeded>(paid.Outcome);
        await stop.CancelAsync();
        foreach (var read in reads)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
    }

    private static async Task<IntentSnapshot> ReadForAUserAsync(StripeAccount account, string intentId, CancellationToken cancellationToken)
    {
        DatabaseScope.Enter(DatabasePool.Requests);
        return await account.Gateway.GetIntentAsync(intentId, cancellationToken);
    }

    [Fact]
    public async Task Confirm_AfterADecline_PaysTheSameIntentWithANewKey()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        account.StandIn.Faults.Add(new Fault(FaultKind.Decline, "payment_intents.confirm", DeclineCode: "do_not_honor"));

        var declined = await account.PayAsync(charge, "attempt 1");
        var repeated = await account.Gateway.ConfirmIntentAsync(declined.IntentId!, charge, "attempt 1", Cancel);
        var paid = await account.Gateway.ConfirmIntentAsync(declined.IntentId!, charge, "attempt 2", Cancel);

        Assert.IsType<ChargeOutcome.SoftDeclined>(declined.Outcome);
        Assert.Equal(declined.Outcome, repeated.Outcome);
        Assert.IsType<ChargeOutcome.Succeeded>(paid.Outcome);
    }

    [Theory]
    [InlineData(FaultKind.DropAfter)]
    [InlineData(FaultKind.DropBefore)]
    public async Task Confirm_WhoseAnswerIsLostOnce_IsFoundAgainByTheSameKey(FaultKind fault)
    {
        await using var account = await StripeAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(fault, "payment_intents.confirm"));

        var paid = await account.PayAsync(account.Charge());

        Assert.IsType<ChargeOutcome.Succeeded>(paid.Outcome);
        Assert.Equal(1, account.SucceededCharges);
    }

    [Fact]
    public async Task Confirm_WhoseAnswerIsLostTwice_IsUnknown_AndSettledByLookup()
    {
        await using var account = await StripeAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(FaultKind.DropAfter, "payment_intents.confirm", Times: 1));
        account.StandIn.Faults.Add(new Fault(FaultKind.DropBefore, "payment_intents.confirm", Times: 1));

        var lost = await account.PayAsync(account.Charge());

        Assert.IsType<ChargeOutcome.Unknown>(lost.Outcome);
        Assert.IsType<ChargeOutcome.Succeeded>((await account.Gateway.GetIntentAsync(lost.IntentId!, Cancel)).Outcome);
        Assert.Equal(1, account.SucceededCharges);
    }

    [Fact]
    public async Task Confirm_AnsweredWith500AfterCharging_IsUnknown_AndTheSameKeyRepeatsItForADay()
    {
        var stripesClock = new FakeTimeProvider(TimeProvider.System.GetUtcNow()) { AutoAdvanceAmount = TimeSpan.Zero };
        await using var account = await StripeAccount.OpenAsync(standInClock: stripesClock);
        var charge = account.Charge();
        account.StandIn.Faults.Add(new Fault(FaultKind.ErrorAfter, "payment_intents.confirm"));

        var failed = await account.PayAsync(charge, "attempt 1");
        stripesClock.Advance(TimeSpan.FromHours(23));
        var repeated = await account.Gateway.ConfirmIntentAsync(failed.IntentId!, charge, "attempt 1", Cancel);
        stripesClock.Advance(TimeSpan.FromHours(2));
        var pruned = await account.Gateway.ConfirmIntentAsync(failed.IntentId!, charge, "attempt 1", Cancel);

        Assert.IsType<ChargeOutcome.Unknown>(failed.Outcome);
        Assert.Equal(failed.Outcome, repeated.Outcome);
        Assert.IsType<ChargeOutcome.Succeeded>(pruned.Outcome);
        Assert.Equal(1, account.SucceededCharges);
    }

    [Theory]
    [InlineData(FaultKind.ErrorBefore, "500_api_error")]
    [InlineData(FaultKind.RateLimit, "429_rate_limit")]
    [InlineData(FaultKind.LockTimeout, "429_lock_timeout")]
    public async Task Confirm_RefusedByStripeItself_IsUnknown_NeverADecline(FaultKind fault, string reason)
    {
        await using var account = await StripeAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(fault, "payment_intents.confirm", Times: 2));

        var answer = await account.PayAsync(account.Charge());

        Assert.Equal(reason, Assert.IsType<ChargeOutcome.Unknown>(answer.Outcome).Reason);
    }

    [Fact]
    public async Task Confirm_SlowerThanTheTimeout_IsUnknown()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { SendTimeout = TimeSpan.FromMilliseconds(100) });
        account.StandIn.Faults.Add(new Fault(FaultKind.Delay, "payment_intents.confirm", Times: null, DelayMs: 60_000));

        var answer = await account.Gateway.ConfirmIntentAsync("pi_1", account.Charge(), "confirm", Cancel);

        Assert.IsType<ChargeOutcome.Unknown>(answer.Outcome);
    }

    [Fact]
    public async Task Confirm_CanceledByTheCaller_IsNoOutcome()
    {
        await using var account = await StripeAccount.OpenAsync();
        using var stopping = new CancellationTokenSource();
        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => account.Gateway.ConfirmIntentAsync("pi_1", account.Charge(), "key", stopping.Token));
    }

    [Fact]
    public async Task Create_WithTheSameKeyAndOtherParameters_IsUnknown()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        await account.Gateway.CreateIntentAsync(charge, "key", Cancel);

        var other = await account.Gateway.CreateIntentAsync(charge with { AmountMinor = 3001 }, "key", Cancel);

        Assert.Equal("400_idempotency_error", Assert.IsType<ChargeOutcome.Unknown>(other.Outcome).Reason);
    }

    [Fact]
    public async Task Create_WithTheSameKeyAtOnce_MakesOneIntent()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        account.StandIn.Faults.Add(new Fault(FaultKind.Delay, "payment_intents.create", Times: 1, DelayMs: 300));

        var both = await Task.WhenAll(
            account.Gateway.CreateIntentAsync(charge, "key", Cancel), account.Gateway.CreateIntentAsync(charge, "key", Cancel));

        Assert.Contains(both, created => created.Outcome is ChargeOutcome.Unconfirmed);
        Assert.All(both, created => Assert.True(
            created.Outcome is ChargeOutcome.Unconfirmed or ChargeOutcome.Unknown { Reason: "409_idempotency_key_in_use" }));
        Assert.Equal(1, account.StandIn.Stats()["payment_intents"]!.GetValue<int>());
    }

    [Theory]
    [InlineData(FaultKind.Process, typeof(ChargeOutcome.Processing))]
    [InlineData(FaultKind.Authenticate, typeof(ChargeOutcome.NeedsAuthentication))]
    public async Task Confirm_WhatTheBankLeavesOpen_IsReturnedAsOpen(FaultKind fault, Type outcome)
    {
        await using var account = await StripeAccount.OpenAsync();
        account.StandIn.Faults.Add(new Fault(fault, "payment_intents.confirm"));

        Assert.IsType(outcome, (await account.PayAsync(account.Charge())).Outcome);
    }

    [Fact]
    public async Task Keys_AreNeverSentAgainAfterStripeMayHaveDeletedThem()
    {
        await using var account = await StripeAccount.OpenAsync();

        // Stripe deletes a key after 24 hours at the earliest.
        Assert.InRange(account.Gateway.IdempotencyKeyLifetime, TimeSpan.FromHours(1), TimeSpan.FromHours(23.5));
    }

    [Fact]
    public async Task Confirm_WithACardThatStripeDoesNotKnow_NeedsAnotherCard()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        var created = await account.Gateway.CreateIntentAsync(charge, "key", Cancel);

        var answer = await account.Gateway.ConfirmIntentAsync(created.IntentId!, charge with { PaymentId = "pm_unknown" }, "other", Cancel);

        Assert.Equal("payment_method_unusable", Assert.IsType<ChargeOutcome.HardDeclined>(answer.Outcome).Code);
    }

    [Fact]
    public async Task Create_ForACustomerThatStripeDoesNotKnow_NeedsAnotherCard()
    {
        await using var account = await StripeAccount.OpenAsync();

        var answer = await account.Gateway.CreateIntentAsync(account.Charge() with { CustomerId = "cus_unknown" }, "key", Cancel);

        Assert.Equal("payment_method_unusable", Assert.IsType<ChargeOutcome.HardDeclined>(answer.Outcome).Code);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(20, "20")]
    public async Task Create_ForDeferredRenewals_NamesTheirPartInTheMetadata(long debtsMinor, string? named)
    {
        await using var account = await StripeAccount.OpenAsync();

        var created = await account.Gateway.CreateIntentAsync(account.Charge() with { DebtsMinor = debtsMinor }, "key", Cancel);

        lock (account.StandIn.Account.Gate)
            Assert.Equal(named, (string?)account.StandIn.Account.PaymentIntents[created.IntentId!]["metadata"]!["debts_minor"]);
    }

    [Fact]
    public async Task Confirm_WithACardThatWasDetached_NeedsAnotherCard()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        Assert.True((await account.Cards.DetachAsync(charge.PaymentId, Cancel)).Match(_ => true, _ => false));

        var answer = await account.PayAsync(charge);

        Assert.Equal("payment_method_unusable", Assert.IsType<ChargeOutcome.HardDeclined>(answer.Outcome).Code);
    }

    [Fact]
    public async Task Create_BelowStripesSmallestAmount_CanNotBePaidByCard()
    {
        await using var account = await StripeAccount.OpenAsync();

        var answer = await account.Gateway.CreateIntentAsync(account.Charge() with { AmountMinor = 49 }, "key", Cancel);

        Assert.Equal("amount_too_small", Assert.IsType<ChargeOutcome.HardDeclined>(answer.Outcome).Code);
    }

    [Fact]
    public async Task AnyCall_RefusedForGood_IsADeclineOnlyIfNothingCanHaveBeenCharged()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        var created = await account.Gateway.CreateIntentAsync(charge, "create", Cancel);
        account.StandIn.Faults.Add(new Fault(FaultKind.Refuse, Times: null));

        var creation = await account.Gateway.CreateIntentAsync(charge, "another", Cancel);
        var confirmation = await account.Gateway.ConfirmIntentAsync(created.IntentId!, charge, "confirm", Cancel);

        Assert.Equal("provider_refused", Assert.IsType<ChargeOutcome.SoftDeclined>(creation.Outcome).Code);
        Assert.Equal("400_parameter_unknown", Assert.IsType<ChargeOutcome.Unknown>(confirmation.Outcome).Reason);
    }

    [Fact]
    public async Task AnyCall_WithAWrongKey_IsUnknown()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { SecretKey = "sk_test_another" });

        var answer = await account.Gateway.CreateIntentAsync(account.Charge(), "key", Cancel);

        Assert.Equal("401_invalid_request_error", Assert.IsType<ChargeOutcome.Unknown>(answer.Outcome).Reason);
    }

    [Fact]
    public async Task Get_OfAnIntentThatStripeDoesNotKnow_IsMissing()
    {
        await using var account = await StripeAccount.OpenAsync();

        var answer = await account.Gateway.GetIntentAsync("pi_of_another_account", Cancel);

        Assert.IsType<ChargeOutcome.Missing>(answer.Outcome);
    }

    [Fact]
    public async Task Cancel_AnOpenIntent_EndsIt_AndAPaidOneReturnsItsSuccess()
    {
        await using var account = await StripeAccount.OpenAsync();
        var open = await account.Gateway.CreateIntentAsync(account.Charge(), "a", Cancel);
        var paid = await account.PayAsync(account.Charge());

        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.CancelIntentAsync(open.IntentId!, "b", Cancel)).Outcome);
        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.CancelIntentAsync(open.IntentId!, "c", Cancel)).Outcome);
        Assert.Equal(paid.Outcome, (await account.Gateway.CancelIntentAsync(paid.IntentId!, "d", Cancel)).Outcome);
    }

    [Fact]
    public async Task Confirm_OfACanceledIntent_IsCanceled()
    {
        await using var account = await StripeAccount.OpenAsync();
        var charge = account.Charge();
        var open = await account.Gateway.CreateIntentAsync(charge, "a", Cancel);
        await account.Gateway.CancelIntentAsync(open.IntentId!, "b", Cancel);

        Assert.IsType<ChargeOutcome.Canceled>((await account.Gateway.ConfirmIntentAsync(open.IntentId!, charge, "c", Cancel)).Outcome);
    }

    [Fact]
    public async Task Client_WithoutASecretKey_IsStillCreated()
    {
        await using var account = await StripeAccount.OpenAsync(settings => settings with { SecretKey = null });

        var setup = await account.Cards.StartSetupAsync("cus_1", Guid.NewGuid(), Cancel);

        Assert.Equal("CARDS_NOT_OFFERED", setup.Match(_ => "", refusal => refusal.Code));
    }
}
