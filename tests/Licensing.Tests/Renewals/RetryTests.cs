using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class RetryTests
{
    private static readonly Renewal Declined = Due with
    {
        Status = RenewalStatus.SoftDeclined,
        Attempt = Attempt with { Status = AttemptStatus.SoftDeclined, Code = "insufficient_funds" },
        SoftDeclines = 1,
        NextActionAt = Expiry.AddDays(1),
    };

    [Theory]
    [InlineData(RenewalStatus.Charging, "CHARGE_OPEN")]
    [InlineData(RenewalStatus.Unknown, "CHARGE_OPEN")]
    [InlineData(RenewalStatus.Undecided, "CHARGE_OPEN")]
    [InlineData(RenewalStatus.Succeeded, "CHARGE_OPEN")]
    [InlineData(RenewalStatus.Applied, "ALREADY_RENEWED")]
    [InlineData(RenewalStatus.Canceled, "RENEWAL_CLOSED")]
    [InlineData(RenewalStatus.Lapsed, "RENEWAL_CLOSED")]
    [InlineData(RenewalStatus.NeedsAuthentication, "WAITS_FOR_CUSTOMER")]
    [InlineData(RenewalStatus.AwaitingConsent, "WAITS_FOR_CUSTOMER")]
    [InlineData(RenewalStatus.NotRenewable, "NOT_RENEWABLE")]
    [InlineData(RenewalStatus.Due, null)]
    [InlineData(RenewalStatus.SoftDeclined, null)]
    [InlineData(RenewalStatus.HardDeclined, null)]
    [InlineData(RenewalStatus.PaymentNeeded, null)]
    public void Retry_OfEachStatus_IsAllowedOnlyWithoutAnOpenCharge(RenewalStatus status, string? code)
    {
        var outcome = RenewalRequests.Retry(Facts(Due with { Status = status }, Card), Policy, Expiry);

        Assert.Equal(code, outcome.Refusal?.Code);
        // The list of renewals offers the same.
        Assert.Equal(code is null, RenewalRequests.CanRetry(status, isRefunded: false));
    }

    // Only the customer may request it.
    [Theory]
    [InlineData(RenewalStatus.SoftDeclined)]
    [InlineData(RenewalStatus.Due)]
    [InlineData(RenewalStatus.NeedsAuthentication)]
    public void Retry_OfARefundedPeriod_IsRefused(RenewalStatus status)
    {
        var refunded = Declined with { Status = status, IntentId = "pi_2", IsRefunded = true };

        Assert.Equal("RENEWAL_CLOSED", RenewalRequests.Retry(Facts(refunded, Card), Policy, Expiry).Refusal?.Code);
        Assert.False(RenewalRequests.CanRetry(status, isRefunded: true));
    }

    [Fact]
    public void Retry_OfADeclinedRenewal_IsDueNowAndCharged()
    {
        var facts = Facts(Declined, Card);

        var change = RenewalRequests.Retry(facts, Policy, Expiry.AddHours(1)).Value;

        Assert.Equal((RenewalStatus.Due, RenewalType.Auto, Expiry.AddHours(1), "renewal.retried"),
            (change.After.Status, change.After.Type, change.After.NextActionAt, change.Audit));
        Assert.Equal(RenewalStatus.Charging, After(Next(facts with { Renewal = change.After }, Expiry.AddHours(1))).Status);
    }

    [Fact]
    public void Retry_AfterAPermanentRejection_NeedsAnotherCard()
    {
        var rejected = Declined with
        {
            Status = RenewalStatus.HardDeclined,
            Attempt = Attempt with { Status = AttemptStatus.HardDeclined, Code = "stolen_card" },
        };

        Assert.Equal("NEEDS_ANOTHER_CARD", RenewalRequests.Retry(Facts(rejected, Card), Policy, Expiry).Refusal?.Code);
        Assert.Null(RenewalRequests.Retry(
            Facts(rejected, Card with { PaymentMethodId = Guid.NewGuid(), PaymentId = "pm_2" }), Policy, Expiry).Refusal);
        // The wallet can pay, so the card doesn't matter.
        Assert.Null(RenewalRequests.Retry(Facts(rejected, Card, wallet: 60), Policy, Expiry).Refusal);
    }

    [Fact]
    public void Retry_IfNothingCanPay_OrTheLicenseIsNotServed_IsRefused()
    {
        Assert.Equal("NOTHING_CAN_PAY", RenewalRequests.Retry(Facts(Declined), Policy, Expiry).Refusal?.Code);
        Assert.Equal("NOTHING_CAN_PAY", RenewalRequests.Retry(Facts(Declined, Card, price: null), Policy, Expiry).Refusal?.Code);
        var disputed = Facts(Declined, Card) with { License = new RenewalLicense(Expiry, AutoRenew: true) { IsDisputed = true } };
        Assert.Equal("PAYMENT_DISPUTED", RenewalRequests.Retry(disputed, Policy, Expiry).Refusal?.Code);
        Assert.Null(RenewalRequests.Retry(disputed with { WalletUsd = 60 }, Policy, Expiry).Refusal);
        var moved = Facts(Declined, Card) with { License = new RenewalLicense(Expiry.AddDays(30), AutoRenew: true) };
        Assert.Equal("LICENSE_NOT_RENEWABLE", RenewalRequests.Retry(moved, Policy, Expiry).Refusal?.Code);
    }

    [Fact]
    public void Retry_WithoutAutoRenewal_IsNoRequestOfTheCustomer()
    {
        var off = Facts(Declined, Card, wallet: 60) with { License = new RenewalLicense(Expiry, AutoRenew: false) };

        Assert.Equal("AUTO_RENEW_OFF", RenewalRequests.Retry(off, Policy, Expiry).Refusal?.Code);
    }

    [Theory]
    [InlineData(RenewalType.Auto, "TOO_MANY_ATTEMPTS")]
    [InlineData(RenewalType.Manual, null)]
    public void Retry_AfterTheSoftAttempts_IsForTheCustomer(RenewalType type, string? code)
    {
        var declined = Declined with { Type = type, SoftDeclines = RenewalPolicy.SoftAttempts };

        var retry = RenewalRequests.Retry(Facts(declined, Card), Policy, Expiry);

        Assert.Equal(code, retry.Refusal?.Code);
        if (code is null) Assert.Equal(type, retry.Value.After.Type);
    }

    [Fact]
    public void Retry_AfterAllAttempts_WaitsForTheWindow()
    {
        var tried = Facts(Declined, Card) with
        {
            AttemptsAt = [.. Enumerable.Range(0, RenewalPolicy.AllAttempts).Select(hour => Expiry.AddHours(hour))],
        };

        Assert.Equal("TOO_MANY_ATTEMPTS", RenewalRequests.Retry(tried, Policy, Expiry.AddDays(2)).Refusal?.Code);
        Assert.Null(RenewalRequests.Retry(tried, Policy, Expiry.AddDays(1) + RenewalPolicy.AttemptWindow).Refusal);
    }
}
