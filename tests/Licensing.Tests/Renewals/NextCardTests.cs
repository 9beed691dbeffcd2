using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

/// <summary>After a permanent decline of the default method, the next one is tried once, if the customer allowed it.</summary>
public sealed class NextCardTests
{
    private static readonly SavedCard Next = new(Guid.Parse("00000000-0000-0000-0000-00000000ca2e"), "paypal", "payer_1", "token_1");

    private static readonly RenewalPolicy BothProviders = Policy with
    {
        IdempotencyKeyLifetimes = new Dictionary<string, TimeSpan>
        {
            ["stripe"] = IdempotencyKeyLifetime,
            ["paypal"] = TimeSpan.FromHours(5),
        },
        OneAttemptProviders = new HashSet<string> { "paypal" },
    };

    private static readonly Renewal Declined = Charging with
    {
        Status = RenewalStatus.HardDeclined,
        Attempt = Attempt with { Status = AttemptStatus.HardDeclined, Code = "stolen_card" },
    };

    private static RenewalFacts With(Renewal renewal, SavedCard? next = null) => Facts(renewal, Card) with { NextCard = next };

    private static RenewalAttempt OfNext(AttemptStatus status) => Attempt with
    {
        AttemptId = NewAttempt,
        Number = 2,
        Provider = Next.Provider,
        PaymentMethodId = Next.PaymentMethodId,
        Request = Attempt.Request with { CustomerId = Next.CustomerId, PaymentId = Next.PaymentId },
        Status = status,
    };

    [Fact]
    public void AHardDecline_WithANextMethod_IsDueAtOnce_AndTellsTheCustomerNothingYet()
    {
        var change = RenewalSettlement.Settle(
            With(Charging, Next), new IntentSnapshot("pi_1", new ChargeOutcome.HardDeclined("stolen_card", "")), Trigger.Confirm,
            BothProviders, Expiry)!;

        Assert.Equal((RenewalStatus.HardDeclined, Expiry), (change.After.Status, change.After.NextActionAt!.Value));
        Assert.Null(change.Notice);
        Assert.Equal("failed", change.History?.Status);
    }

    [Fact]
    public void AHardDecline_WithoutANextMethod_WaitsAndTellsTheCustomer()
    {
        var change = Settle(Charging, new ChargeOutcome.HardDeclined("stolen_card", ""))!;

        Assert.Equal("action_needed", change.Notice?.Template);
        Assert.True(change.After.NextActionAt > Expiry);
    }

    [Fact]
    public void ASoftDecline_IsRetriedWithTheSameMethod()
    {
        var change = RenewalSettlement.Settle(
            With(Charging, Next), new IntentSnapshot("pi_1", new ChargeOutcome.SoftDeclined("insufficient_funds", "")), Trigger.Confirm,
            BothProviders, Expiry)!;

        Assert.Equal(RenewalStatus.SoftDeclined, change.After.Status);
        Assert.Equal(Card, With(change.After, Next).ChargedCard);
    }

    [Fact]
    public void TheNextMethodOfAnotherProvider_IsChargedOnlyAfterTheIntentIsCanceled()
    {
        var cancel = Assert.IsType<RenewalStep.CancelIntent>(Step(With(Declined with { NextActionAt = Expiry }, Next)));
        Assert.Equal("pi_1", cancel.IntentId);

        var after = After(Step(With(Declined with { NextActionAt = Expiry, IntentId = null }, Next)));

        Assert.Equal((RenewalStatus.Charging, "paypal", "token_1", 2), (
            after.Status, after.Attempt!.Provider, after.Attempt.Request.PaymentId, after.Attempt.Number));
    }

    [Theory]
    [InlineData(AttemptStatus.HardDeclined, RenewalStatus.HardDeclined)]
    [InlineData(AttemptStatus.SoftDeclined, RenewalStatus.SoftDeclined)]
    [InlineData(AttemptStatus.SoftDeclined, RenewalStatus.HardDeclined)]
    [InlineData(AttemptStatus.Canceled, RenewalStatus.SoftDeclined)]
    public void TheNextMethod_IsTriedOnce(AttemptStatus attempt, RenewalStatus status)
    {
        var tried = Declined with { Status = status, IntentId = null, Attempt = OfNext(attempt), NextActionAt = Expiry };

        var after = After(Step(With(tried, Next) with { IsCardDeclined = true }));

        Assert.Equal((RenewalStatus.HardDeclined, 2), (after.Status, after.Attempts));
    }

    [Fact]
    public void ARequestOfTheCustomer_TriesTheNextMethodAgain_AfterASoftDecline()
    {
        var asked = Due with { Type = RenewalType.Manual, Attempt = OfNext(AttemptStatus.SoftDeclined) };

        var after = After(Step(With(asked, Next) with { IsCardDeclined = true }));

        Assert.Equal((RenewalStatus.Charging, "token_1"), (after.Status, after.Attempt!.Request.PaymentId));
    }

    [Fact]
    public void ADefaultThatWasNotDeclined_IsCharged_WhateverElseIsSaved()
    {
        Assert.Equal(Card, With(Due, Next).ChargedCard);
        Assert.Equal(Next, (With(Due, Next) with { IsCardDeclined = true }).ChargedCard);
        Assert.Equal(Card, (With(Due) with { IsCardDeclined = true }).ChargedCard);
    }

    [Fact]
    public void ADeclinedIntent_OfAProviderWithOneAttemptAnIntent_IsCanceledBeforeTheNextAttempt()
    {
        var retried = Charging with
        {
            Status = RenewalStatus.SoftDeclined,
            IntentId = "order_1",
            Attempt = OfNext(AttemptStatus.SoftDeclined),
            SoftDeclines = 1,
            NextActionAt = Expiry,
        };

        Assert.IsType<RenewalStep.CancelIntent>(RenewalPlan.Next(Facts(retried, Next), BothProviders, Expiry, NewAttempt));
        Assert.IsType<RenewalStep.Save>(RenewalPlan.Next(
            Facts(retried, Next), BothProviders with { OneAttemptProviders = new HashSet<string>() }, Expiry, NewAttempt));
    }

    private static RenewalStep Step(RenewalFacts facts) => RenewalPlan.Next(facts, BothProviders, Expiry, NewAttempt);
}
