using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class RenewalSettlementTests
{
    [Theory]
    [InlineData(60, 0.40, 0.20, 0.40, 0.20)]
    [InlineData(50, 0.40, 0.20, 0.50, 0)] // another amount than asked pays for this renewal only
    [InlineData(60, 20, 0, 0.40, 0.20)] // the renewal was reopened at another price
    public void Settle_ASuccessWithADebt_BooksBothAmounts(long paid, double price, double open, double amount, double debts)
    {
        var renewal = Charging with
        {
            AmountUsd = (decimal)price,
            DebtsUsd = (decimal)open,
            Attempt = Attempt with { Request = Attempt.Request with { AmountMinor = 60, DebtsMinor = 20 } },
        };

        var payment = Settle(renewal, new ChargeOutcome.Succeeded("ch_1", paid))!.Payment!;

        Assert.Equal(((decimal)amount, (decimal)debts), (payment.AmountUsd, payment.DebtsUsd));
    }

    [Theory]
    [InlineData(20, 0.40, 0.20)]
    [InlineData(0, 0.60, 0)]
    [InlineData(61, 0, 0.60)] // the metadata is wrong
    [InlineData(-1, 0.60, 0)]
    public void Settle_ARecoveredCharge_BooksTheDebtThatItNames(long debtsMinor, double amount, double debts)
    {
        var paid = new ChargeOutcome.Succeeded("ch_1", 60);
        var renewal = Charging with
        {
            Attempt = RenewalAttempt.Recovered(Charging.RenewalId, Charging, "stripe", paid, debtsMinor, Expiry),
        };

        var payment = Settle(renewal, paid)!.Payment!;

        Assert.Equal(((decimal)amount, (decimal)debts), (payment.AmountUsd, payment.DebtsUsd));
    }

    [Fact]
    public void Settle_ARecoveredChargeInAnotherCurrency_IsNotBookedAsDollars()
    {
        var paid = new ChargeOutcome.Succeeded("ch_1", 4999, "eur");
        var renewal = Charging with { Attempt = RenewalAttempt.Recovered(Charging.RenewalId, Charging, "stripe", paid, 0, Expiry) };

        var change = Settle(renewal, paid)!;

        Assert.Equal((null, PaymentCaseReason.OtherCurrency), (change.Payment, change.Case!.Reason));
    }

    [Theory]
    [InlineData(RenewalStatus.SoftDeclined, Trigger.Cancel, typeof(ChargeOutcome.Canceled))]
    [InlineData(RenewalStatus.Unknown, Trigger.Cancel, typeof(ChargeOutcome.Unknown))]
    [InlineData(RenewalStatus.SoftDeclined, Trigger.LookUp, typeof(ChargeOutcome.Unknown))]
    public void WithoutMissing_AMissingIntent_IsCanceledUnlessMoneyMayHaveMoved(RenewalStatus status, Trigger trigger, Type expected) =>
        Assert.IsType(expected, RenewalSettlement.WithoutMissing(
            Charging with { Status = status }, new IntentSnapshot("pi_1", new ChargeOutcome.Missing()), trigger).Outcome);

    private static readonly ChargeOutcome Paid = new ChargeOutcome.Succeeded("ch_1", 4999);
    private static readonly ChargeOutcome Soft = new ChargeOutcome.SoftDeclined("insufficient_funds", "");
    private static readonly ChargeOutcome Hard = new ChargeOutcome.HardDeclined("stolen_card", "");
    private static readonly ChargeOutcome Authentication = new ChargeOutcome.NeedsAuthentication("authentication_required", "");
    private static readonly ChargeOutcome Lost = new ChargeOutcome.Unknown("lost");

    public static readonly TheoryData<RenewalStatus, ChargeOutcome, Trigger, RenewalStatus?> Transitions = new()
    {
        { RenewalStatus.Charging, Paid, Trigger.Confirm, RenewalStatus.Applied },
        { RenewalStatus.Charging, Soft, Trigger.Confirm, RenewalStatus.SoftDeclined },
        { RenewalStatus.Charging, Hard, Trigger.Confirm, RenewalStatus.HardDeclined },
        { RenewalStatus.Charging, Authentication, Trigger.Confirm, RenewalStatus.NeedsAuthentication },
        { RenewalStatus.Charging, Lost, Trigger.Confirm, RenewalStatus.Unknown },
        { RenewalStatus.Charging, new ChargeOutcome.Processing(), Trigger.Confirm, RenewalStatus.Unknown },
        { RenewalStatus.Charging, Lost, Trigger.Cancel, RenewalStatus.Unknown },
        { RenewalStatus.Charging, new ChargeOutcome.Canceled("requested"), Trigger.Cancel, RenewalStatus.Due },
        { RenewalStatus.Charging, new ChargeOutcome.Canceled("dashboard"), Trigger.Event, null },
        { RenewalStatus.Charging, Paid, Trigger.Cancel, RenewalStatus.Applied },
        { RenewalStatus.Charging, Paid, Trigger.Event, RenewalStatus.Applied },
        { RenewalStatus.Charging, Soft, Trigger.Event, RenewalStatus.SoftDeclined },
        { RenewalStatus.Charging, new ChargeOutcome.Processing(), Trigger.Event, null },
        { RenewalStatus.Unknown, Paid, Trigger.LookUp, RenewalStatus.Applied },
        { RenewalStatus.Unknown, Soft, Trigger.LookUp, RenewalStatus.SoftDeclined },
        { RenewalStatus.Unknown, new ChargeOutcome.Unconfirmed(), Trigger.LookUp, RenewalStatus.Unknown },
        { RenewalStatus.Unknown, Lost, Trigger.LookUp, RenewalStatus.Unknown },
        { RenewalStatus.Undecided, Lost, Trigger.LookUp, RenewalStatus.Undecided },
        { RenewalStatus.Undecided, Paid, Trigger.LookUp, RenewalStatus.Applied },
        { RenewalStatus.Undecided, Paid, Trigger.Event, RenewalStatus.Applied },
        { RenewalStatus.NeedsAuthentication, Paid, Trigger.Event, RenewalStatus.Applied },
        { RenewalStatus.NeedsAuthentication, Paid, Trigger.LookUp, RenewalStatus.Applied },
        { RenewalStatus.NeedsAuthentication, Soft, Trigger.Event, RenewalStatus.SoftDeclined },
        { RenewalStatus.NeedsAuthentication, Lost, Trigger.LookUp, RenewalStatus.NeedsAuthentication },
        { RenewalStatus.SoftDeclined, Paid, Trigger.Event, RenewalStatus.Applied },
        { RenewalStatus.SoftDeclined, Soft, Trigger.Event, null },
        { RenewalStatus.SoftDeclined, Lost, Trigger.Cancel, RenewalStatus.SoftDeclined },
        { RenewalStatus.Lapsed, Paid, Trigger.Event, RenewalStatus.Applied },
        { RenewalStatus.Lapsed, Soft, Trigger.Event, null },
        { RenewalStatus.Canceled, Hard, Trigger.Event, null },
        { RenewalStatus.Applied, Soft, Trigger.Event, null },
        { RenewalStatus.Applied, new ChargeOutcome.Canceled("late"), Trigger.Event, null },
    };

    [Theory]
    [MemberData(nameof(Transitions))]
    public void Settle_ByStatusAndAnswer_GoesTo(RenewalStatus from, ChargeOutcome answer, Trigger trigger, RenewalStatus? to)
    {
        var renewal = Charging with { Status = from, PaidWith = from is RenewalStatus.Applied ? PaidWith.Card : null };

        Assert.Equal(to, Settle(renewal, answer, trigger)?.After.Status);
    }

    [Fact]
    public void Settle_ACreation_KeepsTheIntentAndStaysCharging()
    {
        var after = Settle(Charging with { IntentId = null }, new ChargeOutcome.Unconfirmed(), Trigger.Create)!.After;

        Assert.Equal((RenewalStatus.Charging, "pi_1"), (after.Status, after.IntentId));
    }

    [Fact]
    public void Settle_ALostCreation_IsNotAnUnknownCharge()
    {
        var after = Settle(Charging with { IntentId = null }, Lost, Trigger.Create, intent: null)!.After;

        Assert.Equal((RenewalStatus.Charging, null, Expiry.AddMinutes(5)), (after.Status, after.IntentId, after.NextActionAt));
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 60)]
    [InlineData(2, 24 * 60)]
    [InlineData(9, 24 * 60)]
    public void Settle_Unknown_IsLookedUpAfterFiveMinutesAnHourThenDaily(int lookups, int minutes)
    {
        var after = Settle(Charging with { Lookups = lookups }, Lost)!.After;

        Assert.Equal((lookups + 1, Expiry.AddMinutes(minutes)), (after.Lookups, after.NextActionAt));
        Assert.True(after.IsChargeOpen);
    }

    [Fact]
    public void Settle_TheGatewayStatesAPause_LooksItUpAfterIt() =>
        Assert.Equal(
            Expiry.AddMinutes(20), Settle(Charging, new ChargeOutcome.Unknown("429", TimeSpan.FromMinutes(20)))!.After.NextActionAt);

    [Theory]
    [InlineData(-1, RenewalStatus.Unknown)]
    [InlineData(0, RenewalStatus.Undecided)]
    public void Settle_UnknownForThreeDays_NeedsADecision(int seconds, RenewalStatus status)
    {
        var since = Expiry - RenewalPolicy.UndecidedAfter;
        var unknown = Charging with { Status = RenewalStatus.Unknown, UnknownSince = since.AddSeconds(-seconds) };

        Assert.Equal(status, Settle(unknown, Lost, Trigger.LookUp)!.After.Status);
    }

    [Theory]
    [InlineData(-1, RenewalStatus.Unknown)]
    [InlineData(0, RenewalStatus.Due)]
    public void Settle_NeverConfirmed_IsCertainOnlyAfterTheKeysLifetime(int seconds, RenewalStatus status)
    {
        var now = Expiry + IdempotencyKeyLifetime + TimeSpan.FromSeconds(seconds);

        var after = Settle(Charging with { Status = RenewalStatus.Unknown, UnknownSince = Expiry }, new ChargeOutcome.Unconfirmed(),
            Trigger.LookUp, now)!.After;

        Assert.Equal(status, after.Status);
    }

    [Fact]
    public void Settle_DeclineOfThePreviousAttempt_IsIgnored()
    {
        var second = Charging with { Status = RenewalStatus.Unknown, Attempt = Attempt with { Number = 2, OpensIntent = false } };

        Assert.Equal(RenewalStatus.Unknown, Settle(second, Soft, Trigger.LookUp)!.After.Status);
        var woken = Settle(second with { NextActionAt = Expiry.AddDays(1) }, Soft, Trigger.Event)!.After;
        Assert.Equal((RenewalStatus.Unknown, Expiry), (woken.Status, woken.NextActionAt));
    }

    [Fact]
    public void Settle_ADeclineOfThePreviousAttemptThatComesAfterTheKeysLifetime_EndsNoOpenCharge()
    {
        var second = Charging with { Status = RenewalStatus.Unknown, Attempt = Attempt with { Number = 2, OpensIntent = false } };
        var late = Expiry + IdempotencyKeyLifetime;

        Assert.Null(Settle(second, Soft, Trigger.Event, late));
        Assert.Equal(RenewalStatus.SoftDeclined, Settle(second, Soft, Trigger.LookUp, late)!.After.Status);
    }

    // Saving the row would make the answer of the worker stale that waits for it, and nobody else would look before the next timer.
    [Fact]
    public void Settle_ADeclineThatOvertakesTheAnswerOfALaterAttempt_LeavesTheRowToTheWorker()
    {
        var second = Charging with { Attempt = Attempt with { Number = 2, OpensIntent = false } };

        Assert.Null(Settle(second, Soft, Trigger.Event));
        Assert.Equal(RenewalStatus.SoftDeclined, Settle(second, Soft, Trigger.Confirm)!.After.Status);
    }

    [Fact]
    public void Settle_ASuccess_BooksTheChargeForThePeriod()
    {
        var change = Settle(Charging, Paid)!;

        Assert.Equal(new RenewalPayment(PaidWith.Card, 49.99m, Expiry, Expiry.AddDays(30), Expiry), change.Payment);
        Assert.Equal(("ch_1", AttemptStatus.Succeeded), (change.After.Attempt!.TransactionId, change.After.Attempt.Status));
        Assert.Equal(new RenewalHistory(Attempt.AttemptId, "success"), change.History);
        Assert.False(change.After.IsChargeOpen);
    }

    [Fact]
    public void Settle_ASuccessReportedLongAfterAPaymentInGrace_ExtendsFromTheOldExpiry() =>
        Assert.Equal(
            Expiry, Settle(Charging with { Status = RenewalStatus.Unknown }, Paid, Trigger.LookUp, Expiry.AddDays(20))!.Payment!.PaidFrom);

    [Fact]
    public void Settle_AnotherAmountThanAsked_IsBookedAsItWasPaid()
    {
        var change = Settle(Charging, new ChargeOutcome.Succeeded("ch_1", 4000, "usd"))!;

        Assert.Equal((RenewalStatus.Applied, 40m, 40m), (change.After.Status, change.After.AmountUsd, change.Payment!.AmountUsd));
        Assert.Null(change.Case);
        var locked = RenewalSettlement.NotYetApplied(change, Expiry).After;
        Assert.Equal(40m, Assert.IsType<RenewalStep.Save>(Next(Facts(locked, Card), Expiry.AddHours(1))).Change.Payment!.AmountUsd);
    }

    [Theory]
    [InlineData(RenewalStatus.Charging, 4999, "eur", PaymentCaseReason.OtherCurrency, RenewalStatus.Undecided)]
    [InlineData(RenewalStatus.Charging, 0, "usd", PaymentCaseReason.OtherAmount, RenewalStatus.Undecided)]
    [InlineData(RenewalStatus.SoftDeclined, 10_000_000_000, "usd", PaymentCaseReason.OtherAmount, RenewalStatus.Undecided)]
    [InlineData(RenewalStatus.Canceled, 4998, "usd", PaymentCaseReason.OtherAmount, RenewalStatus.Canceled)]
    [InlineData(RenewalStatus.Lapsed, 4999, "eur", PaymentCaseReason.OtherCurrency, RenewalStatus.Lapsed)]
    [InlineData(RenewalStatus.Canceled, 4999, "usd", null, RenewalStatus.Applied)]
    [InlineData(RenewalStatus.Lapsed, 4999, null, null, RenewalStatus.Applied)]
    public void Settle_ASuccessThatCannotBeBooked_IsForAPerson(
        RenewalStatus status, long minor, string? currency, PaymentCaseReason? reason, RenewalStatus after)
    {
        var change = Settle(Charging with { Status = status }, new ChargeOutcome.Succeeded("ch_1", minor, currency), Trigger.Event)!;

        Assert.Equal((reason, after), (change.Case?.Reason, change.After.Status));
        Assert.Equal(reason is null, change.Payment is not null);
    }

    [Theory]
    [InlineData(RenewalStatus.Charging, RenewalStatus.Undecided)]
    [InlineData(RenewalStatus.Lapsed, RenewalStatus.Lapsed)]
    public void Settle_ASuccessOfALicenseWithoutAToken_IsForAPerson(RenewalStatus status, RenewalStatus after)
    {
        var facts = Facts(Charging with { Status = status }) with { License = new RenewalLicense(null, false) { IsGone = true } };

        var change = RenewalSettlement.Settle(facts, new IntentSnapshot("pi_1", Paid), Trigger.Event, Policy, Expiry)!;

        Assert.Equal((PaymentCaseReason.LicenseGone, after), (change.Case!.Reason, change.After.Status));
        Assert.Null(change.Payment);
    }

    [Fact]
    public void Next_WhileAChargeIsDisputed_NoCardIsChargedUnasked()
    {
        RenewalFacts Disputed(Renewal renewal, decimal wallet = 0) =>
            Facts(renewal, Card, wallet) with { License = new RenewalLicense(Expiry, true) { IsDisputed = true } };

        var waiting = Assert.IsType<RenewalStep.Save>(Next(Disputed(Due))).Change;
        Assert.Equal((RenewalStatus.PaymentNeeded, "payment_disputed"), (waiting.After.Status, waiting.Notice!.Reason));
        Assert.IsType<RenewalStep.CancelIntent>(Next(Disputed(Charging)));
        Assert.Equal(RenewalStatus.Due, After(Next(Disputed(Charging with { IntentId = null }))).Status);
        Assert.Equal(RenewalStatus.Charging, After(Next(Disputed(Due with { Type = RenewalType.Manual }))).Status);
        Assert.Equal(RenewalStatus.Applied, After(Next(Disputed(Due, wallet: 100))).Status);
    }

    [Fact]
    public void Settle_PaidFromTheWalletAndByCard_IsReported()
    {
        var change = Settle(Charging with { Status = RenewalStatus.Applied, PaidWith = PaidWith.Wallet }, Paid, Trigger.Event)!;

        Assert.Equal(("renewal.paid_twice", PaymentCaseReason.PaidTwice), (change.Audit, change.Case!.Reason));
        Assert.Null(change.Payment);
    }

    // After a restore, the renewal's earlier intent may succeed as well.
    [Theory]
    [InlineData("pi_2", "ch_2", "renewal.paid_twice", RenewalStatus.Succeeded)]
    [InlineData("pi_2", "ch_1", null, null)] // an operator named the charge of the other intent
    [InlineData("pi_1", "ch_1", "renewal.applied", RenewalStatus.Applied)]
    public void Settle_ASuccessWhileAnotherChargeWaitsForItsBooking_DoesNotReplaceThatCharge(
        string intent, string charge, string? audit, RenewalStatus? status)
    {
        var waiting = Charging with
        {
            Status = RenewalStatus.Succeeded,
            AmountUsd = 49.99m,
            Attempt = Attempt with { Status = AttemptStatus.Succeeded, TransactionId = "ch_1" },
        };

        var change = Settle(waiting, new ChargeOutcome.Succeeded(charge, 4999), Trigger.Event, intent: intent);

        Assert.Equal((audit, status), (change?.Audit, change?.After.Status));
        if (change is not null) Assert.Equal("pi_1", change.After.IntentId);
    }

    [Theory]
    [InlineData("pi_1", "pi_1", "ch_1", null)]
    [InlineData("ch_1", "pi_1", "ch_1", null)]
    [InlineData("ch_9", "pi_1", "pi_1", null)] // the provider names no charge
    [InlineData("ch_2", "pi_2", "ch_2", null)] // the charge that paid
    [InlineData("ch_9", "pi_1", "ch_1", null, "renewal.paid_twice")]
    [InlineData("pi_1", "pi_2", "ch_2", "pi_1", "renewal.paid_twice")]
    public void Settle_ASuccessAfterAnOperatorsDecision_IsASecondChargeIfTheDecisionNamedAnother(
        string entered, string intent, string charge, string? keptIntent, string? audit = null)
    {
        var decided = RenewalRequests.ResolveUnknownCharge(Facts(Charging with { Status = RenewalStatus.Undecided }), entered, "seen",
            Policy, Expiry).Value.After;

        var change = Settle(decided, new ChargeOutcome.Succeeded(charge, 4999), Trigger.Event, intent: intent);

        Assert.Equal((audit, keptIntent), (change?.Audit, change?.After.IntentId));
    }

    // The refund of that charge must not be counted against the charge that pays the renewal later.
    [Theory]
    [InlineData(AttemptStatus.Sent)]
    [InlineData(AttemptStatus.SoftDeclined)]
    [InlineData(AttemptStatus.HardDeclined)]
    [InlineData(AttemptStatus.NeedsAuthentication)]
    [InlineData(AttemptStatus.NeverCharged)]
    public void WithoutCharge_WhateverWasAnsweredFirst_TheAttemptIsOver(AttemptStatus status)
    {
        var waiting = Charging with { Status = RenewalStatus.Undecided, Attempt = Attempt with { Status = status } };

        var after = RenewalSettlement.WithoutCharge(waiting, isRefunded: true).After;

        Assert.Equal((RenewalStatus.Lapsed, null, AttemptStatus.Canceled), (after.Status, after.IntentId, after.Attempt!.Status));
    }

    [Theory]
    [InlineData(RenewalStatus.NeedsAuthentication, true, RenewalStatus.Lapsed)]
    [InlineData(RenewalStatus.SoftDeclined, true, RenewalStatus.Lapsed)]
    [InlineData(RenewalStatus.Canceled, true, RenewalStatus.Lapsed)] // a canceled one would be opened again
    [InlineData(RenewalStatus.Lapsed, true, RenewalStatus.Lapsed)]
    [InlineData(RenewalStatus.Canceled, false, RenewalStatus.Canceled)]
    [InlineData(RenewalStatus.SoftDeclined, false, RenewalStatus.SoftDeclined)]
    [InlineData(RenewalStatus.Undecided, false, RenewalStatus.Canceled)]
    public void WithoutCharge_AfterARefund_ChargesNothingAgainWithoutARequest(
        RenewalStatus status, bool isRefunded, RenewalStatus expected)
    {
        var after = RenewalSettlement.WithoutCharge(Charging with { Status = status, LapsedBlocked = true }, isRefunded).After;

        Assert.Equal((expected, !isRefunded), (after.Status, after.LapsedBlocked));
    }

    [Fact]
    public void Settle_AGatewayThatStatesYears_IsLookedUpTomorrow() =>
        Assert.Equal(Expiry.AddDays(1), Settle(Charging, new ChargeOutcome.Unknown("429", TimeSpan.FromDays(9_000)))!.After.NextActionAt);

    [Fact]
    public void Settle_TheSameSuccessAgain_ChangesNothing()
    {
        var applied = Settle(Charging, Paid)!.After;

        Assert.Null(Settle(applied, Paid, Trigger.Event));
        Assert.Null(Settle(applied, Paid, Trigger.Confirm));
    }

    [Theory]
    [InlineData(1, 7.0 - 4.5)]
    [InlineData(2, 4.5 - 2.0)]
    public void NextAttempt_FromTheFirstDay_SpreadsOverTheWindow(int declines, double days)
    {
        var now = declines == 1 ? Expiry.AddDays(-7) : Expiry.AddDays(-4.5);

        Assert.Equal(now.AddDays(days), RenewalPolicy.NextAttempt(declines, now, Due.GivesUpAt));
    }

    [Fact]
    public void NextAttempt_OfFour_HasOneInTheGraceAndNoneAfter()
    {
        var third = RenewalPolicy.NextAttempt(3, Expiry.AddDays(-2), Due.GivesUpAt);

        Assert.InRange(third, Expiry, Due.GivesUpAt.AddSeconds(-1));
        Assert.Equal(Due.GivesUpAt, RenewalPolicy.NextAttempt(4, third, Due.GivesUpAt));
        Assert.Equal(Due.GivesUpAt, RenewalPolicy.NextAttempt(1, Due.GivesUpAt.AddMinutes(-30), Due.GivesUpAt));
    }

    [Fact]
    public void RenewNow_OfAnOpenCharge_OnlyAsksAgain()
    {
        var change = RenewalRequests.RenewNow(
            Charging with { Status = RenewalStatus.Unknown, NextActionAt = Expiry.AddDays(1) }, Policy, Expiry)!;

        Assert.Equal(
            (RenewalStatus.Unknown, Expiry, RenewalType.Auto), (change.After.Status, change.After.NextActionAt, change.After.Type));
        Assert.Null(RenewalRequests.RenewNow(Charging with { Status = RenewalStatus.Applied }, Policy, Expiry));
        Assert.Null(RenewalRequests.RenewNow(Charging with { Status = RenewalStatus.Undecided }, Policy, Expiry));
    }

    [Fact]
    public void RenewNow_WithinADayThatAnOutageOfOursLeft_DoesNotShortenIt()
    {
        var late = Due with { GivesUpAt = Expiry.AddDays(10) };

        Assert.Equal(late.GivesUpAt, RenewalRequests.RenewNow(late, Policy, Expiry.AddDays(9))!.After.GivesUpAt);
    }

    [Fact]
    public void RenewNow_AfterTheGrace_OpensAWindowOfItsOwn()
    {
        var now = Expiry.AddDays(10);

        var after = RenewalRequests.RenewNow(Due with { Status = RenewalStatus.Lapsed, NextActionAt = null }, Policy, now)!.After;

        Assert.Equal((RenewalStatus.Due, RenewalType.Manual, now.AddHours(1)), (after.Status, after.Type, after.GivesUpAt));
    }

    [Fact]
    public void Decide_OnlyWhatIsUnknown_AndPaidNeedsItsTransaction()
    {
        var unknown = Charging with { Status = RenewalStatus.Undecided };

        Assert.Equal("NOT_UNKNOWN", RenewalRequests.ResolveUnknownCharge(Facts(Due), "ch_1", "seen", Policy, Expiry).Refusal!.Code);
        Assert.Equal(
            RenewalStatus.Applied, RenewalRequests.ResolveUnknownCharge(Facts(unknown), "ch_1", "seen", Policy, Expiry).Value.After.Status);
        Assert.Equal(RenewalStatus.SoftDeclined,
            RenewalRequests.ResolveUnknownCharge(Facts(unknown), null, "not there", Policy, Expiry).Value.After.Status);
    }

    [Theory]
    [InlineData("ch_1", null)]
    [InlineData("py_1", null)]
    [InlineData("pi_1", null)]
    [InlineData("pi_2", "TRANSACTION_INVALID")] // the intent of another renewal
    [InlineData("ch_", "TRANSACTION_INVALID")]
    [InlineData("ch_…", "TRANSACTION_INVALID")]
    [InlineData("nonsense", "TRANSACTION_INVALID")]
    public void Decide_WithAnIdThatIsNoCharge_IsRefused(string id, string? code) =>
        Assert.Equal(code, RenewalRequests.RefuseChargeId(Charging, id)?.Code);

    private static readonly ChargeLookup.Found Other = new("ch_2", "pi_2", IsPaid: true, 4999, "usd", null, null);

    public static readonly TheoryData<string, ChargeLookup, string?> LookedUp = new()
    {
        { "of the intent", Other with { IntentId = "pi_1" }, null },
        { "that names the renewal", Other with { RenewalId = Due.RenewalId }, null },
        { "that names the license", Other with { SubscriptionId = Due.SubscriptionId }, null },
        { "of another license", Other with { RenewalId = Guid.NewGuid(), SubscriptionId = Guid.NewGuid() }, "CHARGE_OF_ANOTHER" },
        { "of another system", Other with { IntentId = null }, "CHARGE_OF_ANOTHER" },
        { "whose unsigned note names the renewal", Other with { UnprovenRenewalId = Due.RenewalId }, null },
        { "whose unsigned note names it, of less", Other with { UnprovenRenewalId = Due.RenewalId, AmountMinor = 4998 },
            "CHARGE_OF_ANOTHER" },
        { "whose unsigned note names another", Other with { UnprovenRenewalId = Guid.NewGuid() }, "CHARGE_OF_ANOTHER" },
        { "in another currency", Other with { IntentId = "pi_1", Currency = "eur" }, "CHARGE_OF_ANOTHER" },
        { "that failed", Other with { IntentId = "pi_1", IsPaid = false }, "CHARGE_NOT_PAID" },
        { "that the provider doesn't have", new ChargeLookup.Missing(), "CHARGE_NOT_FOUND" },
        { "about which it doesn't answer", new ChargeLookup.Unknown("time_out"), "PAYMENT_PROVIDER_UNAVAILABLE" },
    };

    [Theory]
    [MemberData(nameof(LookedUp))]
    public void Decide_WithACharge_NeedsThatItPaidTheRenewal(string why, ChargeLookup charge, string? code) =>
        Assert.Equal((why, code), (why, RenewalRequests.RefuseCharge(Charging, charge)?.Code));

    [Fact]
    public void Decide_NotPaid_AfterTheGrace_IsTriedOnceMore()
    {
        var now = Expiry.AddDays(6);
        var unknown = Charging with { Status = RenewalStatus.Undecided };

        var decided = RenewalRequests.ResolveUnknownCharge(Facts(unknown), null, "not there", Policy, now).Value.After;

        Assert.Equal(RenewalStatus.Charging, After(Next(Facts(decided, Card), now)).Status);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, RenewalStatus.SoftDeclined)]
    public void Settle_TheEventOfACanceledIntent_IsLeftToTheWorkerWithTheLease(int hoursUntilDue, RenewalStatus? expected)
    {
        var declined = Charging with { Status = RenewalStatus.SoftDeclined, NextActionAt = Expiry.AddHours(hoursUntilDue) };

        Assert.Equal(expected, Settle(declined, new ChargeOutcome.Canceled("abandoned"), Trigger.Event)?.After.Status);
    }

    [Fact]
    public void Apply_ToALicenseWhoseExpiryWasRemoved_StartsFromNoExpiry()
    {
        var facts = Facts(Charging) with { License = new RenewalLicense(null, AutoRenew: true) };

        Assert.Null(RenewalSettlement.Apply(facts, Attempt, Policy, Expiry).Payment!.Expiry);
    }

    public static readonly TheoryData<RenewalStatus, string, int?, bool> Wakings = new()
    {
        { RenewalStatus.PaymentNeeded, "pm_1", null, true },
        { RenewalStatus.HardDeclined, "pm_1", null, false },
        { RenewalStatus.HardDeclined, "pm_2", null, true },
        { RenewalStatus.HardDeclined, "pm_1", 0, false }, // the attempt already used these details
        { RenewalStatus.HardDeclined, "pm_1", 1, true },
        { RenewalStatus.NeedsAuthentication, "pm_1", null, false },
        { RenewalStatus.NeedsAuthentication, "pm_2", null, true },
        { RenewalStatus.SoftDeclined, "pm_1", null, false },
        { RenewalStatus.SoftDeclined, "pm_2", null, true },
        { RenewalStatus.Unknown, "pm_2", null, false },
        { RenewalStatus.Charging, "pm_2", null, false },
        { RenewalStatus.AwaitingConsent, "pm_2", null, false },
        { RenewalStatus.Lapsed, "pm_2", null, false },
    };

    [Theory]
    [MemberData(nameof(Wakings))]
    public void IsDueAfterCardChange_WhatWaitsForAnotherCard_Is(RenewalStatus status, string card, int? changedAfterSeconds, bool woken)
    {
        var waiting = Charging with { Status = status, NextActionAt = Expiry.AddHours(1) };
        var saved = Card with { PaymentId = card, ChangedAt = Expiry.AddSeconds(changedAfterSeconds ?? -1) };

        Assert.Equal(woken, RenewalRequests.IsDueAfterCardChange(Facts(waiting, saved), Expiry));
        Assert.False(RenewalRequests.IsDueAfterCardChange(Facts(waiting), Expiry));
        Assert.False(RenewalRequests.IsDueAfterCardChange(Facts(waiting with { NextActionAt = null }, saved), Expiry));
        Assert.False(RenewalRequests.IsDueAfterCardChange(Facts(waiting with { GivesUpAt = Expiry }, saved), Expiry));
    }

    [Theory]
    [InlineData(RenewalType.Manual, true)]
    [InlineData(RenewalType.Auto, false)]
    public void Settle_DeclinesOfOneDay_AreOneMailIfTheCustomerAskedForThem(RenewalType type, bool isOneMail)
    {
        var (first, second) = (Key(Attempt, Expiry), Key(Attempt with { AttemptId = NewAttempt }, Expiry.AddHours(23)));

        Assert.Equal(isOneMail, first == second);
        Assert.NotEqual(first, Key(Attempt with { AttemptId = NewAttempt }, Expiry.AddHours(24)));

        string Key(RenewalAttempt attempt, DateTimeOffset now) => Settle(
            Charging with { Type = type, Attempt = attempt }, new ChargeOutcome.SoftDeclined("insufficient_funds", ""), now: now)!
            .Notice!.DedupKey;
    }
}
