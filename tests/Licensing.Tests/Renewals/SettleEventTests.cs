using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

/// <summary>Charges whose attempt this database doesn't know, as after a restore.</summary>
public sealed class SettleEventTests
{
    private static readonly ChargeOutcome.Succeeded Paid = new("capture", 4999, "usd");

    private static readonly RenewalAttempt Declined = Attempt with { Number = 2, Status = AttemptStatus.SoftDeclined };

    public static TheoryData<RenewalStatus, AttemptStatus?, string?> NotPaid => new()
    {
        { RenewalStatus.Due, null, null },
        { RenewalStatus.Due, AttemptStatus.NeverCharged, null },
        { RenewalStatus.SoftDeclined, AttemptStatus.SoftDeclined, "pi_1" },
        { RenewalStatus.HardDeclined, AttemptStatus.HardDeclined, "pi_1" },
        { RenewalStatus.NeedsAuthentication, AttemptStatus.NeedsAuthentication, "pi_1" },
        { RenewalStatus.Lapsed, AttemptStatus.Canceled, null },
        // The intent is not known yet, so it can't be confirmed.
        { RenewalStatus.Charging, AttemptStatus.Sent, null },
    };

    [Theory]
    [MemberData(nameof(NotPaid))]
    public void ASuccessAtAnotherProvider_PaysTheRenewal_WhichIsNotChargedAgain(
        RenewalStatus status, AttemptStatus? attempt, string? intent)
    {
        var renewal = Due with
        {
            Status = status,
            IntentId = intent,
            Attempt = attempt is { } latest ? Declined with { Status = latest } : null,
        };

        var change = Settle(renewal, Paid)!;

        Assert.Equal(
            (RenewalStatus.Applied, "order", 49.99m, null),
            (change.After.Status, change.After.IntentId, change.After.AmountUsd, change.Case));
        var recovered = change.After.Attempt!;
        Assert.Equal(
            (NewAttempt, renewal.Attempts + 1, "paypal", AttemptStatus.Succeeded, "capture"),
            (recovered.AttemptId, recovered.Number, recovered.Provider, recovered.Status, recovered.TransactionId));
    }

    public static TheoryData<Renewal> PaidOrOpen =>
    [
        Charging with { Status = RenewalStatus.Applied, PaidWith = PaidWith.Card },
        Due with { Status = RenewalStatus.Applied, PaidWith = PaidWith.Wallet },
        Charging with { Status = RenewalStatus.Succeeded },
        Charging,
        Charging with { Status = RenewalStatus.Unknown },
        Charging with { Status = RenewalStatus.Undecided },
    ];

    [Theory]
    [MemberData(nameof(PaidOrOpen))]
    public void ASuccessAtAnotherProvider_WhileTheFirstMayBePaid_IsACase(Renewal renewal)
    {
        var change = Settle(renewal, Paid)!;

        Assert.Equal((renewal, PaymentCaseReason.PaidTwice), (change.After, change.Case?.Reason));
        Assert.Equal(("capture", 4999, true), (change.Case!.TransactionId, change.Case.AmountMinor, change.Case.CanBeCredited));
        Assert.Null(change.Payment);
    }

    [Fact]
    public void AnotherAnswerOfAnotherProvider_ChangesNothing()
    {
        Assert.Null(Settle(Due with { Attempt = Declined, Status = RenewalStatus.SoftDeclined }, new ChargeOutcome.SoftDeclined("x", "")));
        Assert.Null(Settle(Charging, new ChargeOutcome.Canceled("x")));
    }

    [Fact]
    public void ARecoveredCharge_InAnotherCurrency_WaitsForAPerson()
    {
        var change = Settle(Due with { Attempt = Declined, Status = RenewalStatus.SoftDeclined }, Paid with { Currency = "eur" })!;

        Assert.Equal(
            (RenewalStatus.Undecided, "order", PaymentCaseReason.OtherCurrency, "paypal"),
            (change.After.Status, change.After.IntentId, change.Case?.Reason, change.After.Attempt?.Provider));
    }

    // A payer at PayPal can write the note of an order.
    [Fact]
    public void ARecoveredCharge_OfLessThanThePrice_WaitsForAPerson()
    {
        var change = Settle(Due with { Attempt = Declined, Status = RenewalStatus.SoftDeclined }, Paid with { AmountMinor = 1 })!;

        Assert.Equal(
            (RenewalStatus.Undecided, PaymentCaseReason.OtherAmount), (change.After.Status, change.Case?.Reason));
        Assert.Null(change.Payment);
    }

    [Fact]
    public void AnOpenCharge_BesideAnotherReportedOne_IsCanceled()
    {
        var facts = Facts(Charging, Card) with { HasOtherCharge = true };

        Assert.IsType<RenewalStep.CancelIntent>(RenewalPlan.Next(facts, Policy, Expiry, NewAttempt));
    }

    [Theory]
    [InlineData(Trigger.Create, null)]
    [InlineData(Trigger.Confirm, "order_2")]
    public void APaymentThatTheProviderHasBefore_WaitsForAPerson_AndIsNeverCharged(Trigger trigger, string? order)
    {
        var renewal = Charging with { IntentId = order, Attempt = Attempt with { Provider = "paypal" } };
        var policy = Policy with
        {
            IdempotencyKeyLifetimes = new Dictionary<string, TimeSpan> { ["paypal"] = TimeSpan.FromHours(5) },
            OneAttemptProviders = new HashSet<string> { "paypal" },
        };

        var change = RenewalSettlement.Settle(
            Facts(renewal, Card), new IntentSnapshot("invoice", new ChargeOutcome.PaidBefore()), trigger, policy, Expiry)!;

        Assert.Equal(
            (RenewalStatus.Undecided, "invoice", PaymentCaseReason.PaidBefore, false),
            (change.After.Status, change.After.IntentId, change.Case?.Reason, change.Case?.CanBeCredited));
        // Long after the keys' lifetime, and after the end of the grace: it is only looked up.
        foreach (var later in new[] { Expiry.AddHours(6), Expiry.AddDays(30) })
        {
            var due = change.Saved with { NextActionAt = later };
            Assert.IsType<RenewalStep.LookUp>(RenewalPlan.Next(Facts(due, Card), policy, later, NewAttempt));
            var missing = RenewalSettlement.WithoutMissing(due, new IntentSnapshot("invoice", new ChargeOutcome.Missing()), Trigger.LookUp);
            Assert.Equal(
                RenewalStatus.Undecided,
                RenewalSettlement.Settle(Facts(due, Card), missing, Trigger.LookUp, policy, later)!.After.Status);
        }

        var found = RenewalSettlement.Settle(
            Facts(change.Saved, Card), new IntentSnapshot("order_1", Paid), Trigger.LookUp, policy, Expiry.AddHours(4))!;
        Assert.Equal((RenewalStatus.Applied, "order_1"), (found.After.Status, found.After.IntentId));
    }

    [Fact]
    public void Requests_NameTheirAttempt()
    {
        Assert.Equal(1, After(Next(Facts(card: Card))).Attempt!.Request.Attempt);
        var again = Due with { Attempt = Declined with { Status = AttemptStatus.NeverCharged } };
        Assert.Equal(3, After(Next(Facts(again, Card))).Attempt!.Request.Attempt);
    }

    [Theory]
    [InlineData(RenewalStatus.NeedsAuthentication, "pi_1", true)]
    [InlineData(RenewalStatus.SoftDeclined, "pi_1", true)]
    [InlineData(RenewalStatus.NeedsAuthentication, "order", false)] // it is the one that is paid
    [InlineData(RenewalStatus.SoftDeclined, null, false)]
    [InlineData(RenewalStatus.Charging, "pi_1", false)] // its outcome decides
    [InlineData(RenewalStatus.Lapsed, "pi_1", false)]
    public void AttemptToCancel_AnIntentThatIsLeft_IsCanceledFirst(RenewalStatus status, string? intent, bool isCanceled)
    {
        var renewal = Charging with { Status = status, IntentId = intent };

        Assert.Equal(
            isCanceled ? renewal.Attempt : null, RenewalSettlement.AttemptToCancel(renewal, new IntentSnapshot("order", Paid)));
        Assert.Null(RenewalSettlement.AttemptToCancel(renewal, new IntentSnapshot("order", new ChargeOutcome.Processing())));
    }

    private static RenewalChange? Settle(Renewal renewal, ChargeOutcome outcome) => RenewalSettlement.SettleEvent(
        Facts(renewal, Card), "paypal",
        new PaymentFact.IntentChanged(new IntentSnapshot("order", outcome), renewal.RenewalId, renewal.SubscriptionId, renewal.UserId),
        NewAttempt, Policy, Expiry);
}
