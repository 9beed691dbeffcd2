using System.Globalization;
using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class RenewalForecastTests
{
    [Theory]
    [InlineData(5, 2026, "card_expires")]
    [InlineData(6, 2026, null)]
    [InlineData(null, null, null)]
    public void Of_ACard_MustOutliveTheExpiry(int? month, int? year, string? obstacle)
    {
        // A card that expires in May is invalid from June 1, 00:00, which is the license's expiry.
        var card = Card with { ExpiryMonth = month, ExpiryYear = year };

        Assert.Equal(new RenewalForecast(PaidWith.Card, obstacle), Of(card: card));
    }

    [Theory]
    [InlineData(true, null, null, null)]
    [InlineData(false, null, null, "auto_renew_off")]
    [InlineData(true, RenewalBlock.LicenseSuspended, null, "license_suspended")]
    [InlineData(false, RenewalBlock.LicenseSuspended, null, "license_suspended")]
    [InlineData(true, RenewalBlock.PausedToxic, "insufficient_funds", "paused_toxic")]
    [InlineData(true, null, "insufficient_funds", "insufficient_funds")]
    public void Of_ALicense_MustRenewAutomaticallyAndItsCardMustNotBeDeclined(
        bool autoRenew, RenewalBlock? block, string? lastDecline, string? obstacle)
    {
        var forecast = Of(card: Card, lastDecline: lastDecline, autoRenew: autoRenew, block: block);

        Assert.Equal(obstacle, forecast.Obstacle);
        Assert.Equal((PaidWith.Card, block is not null || !autoRenew), (forecast.With, forecast.IsHeld));
    }

    [Theory]
    [InlineData(0, true, PaidWith.Card)]
    [InlineData(49.99, true, PaidWith.Wallet)]
    [InlineData(0, false, null)]
    public void Of_APriceThatNeedsConsent_NamesWhatPaysAfterIt(double wallet, bool hasCard, PaidWith? with) => Assert.Equal(
        new RenewalForecast(with, "price_consent") { IsHeld = true },
        Of(card: hasCard ? Card : null, wallet: (decimal)wallet, needsConsent: true));

    // As RenewalPlan decides: a request needs no auto-renewal, but a declined card is charged again only automatically.
    [Theory]
    [InlineData(null, 0, false, "auto_renew_off")]
    [InlineData(RenewalStatus.Due, 0, false, null)]
    [InlineData(RenewalStatus.PaymentNeeded, 49.99, false, null)]
    [InlineData(RenewalStatus.SoftDeclined, 0, false, "auto_renew_off")]
    [InlineData(RenewalStatus.SoftDeclined, 49.99, false, null)]
    [InlineData(RenewalStatus.Due, 0, true, null)]
    [InlineData(RenewalStatus.PaymentNeeded, 0, true, "payment_disputed")]
    public void Of_ARequestedRenewal_NeedsNoAutoRenewal(RenewalStatus? requested, double wallet, bool isDisputed, string? obstacle) =>
        Assert.Equal(
            obstacle,
            Of(card: Card, wallet: (decimal)wallet, autoRenew: false, isDisputed: isDisputed, requested: requested).Obstacle);

    [Fact]
    public void Of_ADisputedLicense_IsHeldUnlessTheWalletPays()
    {
        Assert.Equal(new RenewalForecast(PaidWith.Card, "payment_disputed") { IsHeld = true }, Of(card: Card, isDisputed: true));
        Assert.Equal(new RenewalForecast(PaidWith.Wallet, null), Of(card: Card, wallet: 49.99m, isDisputed: true));
    }

    [Theory]
    [InlineData(null, true, null, null)]
    [InlineData(RenewalStatus.Due, true, null, null)]
    [InlineData(RenewalStatus.Lapsed, true, null, "lapsed")]
    [InlineData(RenewalStatus.Lapsed, false, null, "auto_renew_off")]
    [InlineData(RenewalStatus.Lapsed, true, "insufficient_funds", "insufficient_funds")]
    public void WithStatus_ALapsedRenewalThatCouldBePaid_IsHeld(
        RenewalStatus? status, bool autoRenew, string? lastDecline, string? obstacle)
    {
        var forecast = Of(card: Card, lastDecline: lastDecline, autoRenew: autoRenew).WithStatus(status);

        Assert.Equal(obstacle, forecast.Obstacle);
        Assert.Equal((PaidWith.Card, obstacle is "lapsed" || !autoRenew), (forecast.With, forecast.IsHeld));
    }

    [Fact]
    public void Of_AWalletThatPays_IgnoresTheCard() => Assert.Equal(
        new RenewalForecast(PaidWith.Wallet, null),
        Of(card: Card with { ExpiryMonth = 1, ExpiryYear = 2020 }, wallet: 49.99m, lastDecline: "insufficient_funds"));

    [Fact]
    public void Of_AutoRenewalSwitchedOffForAll_IsAutoRenewOff() =>
        Assert.Equal("auto_renew_off", Of(card: Card, policy: Policy with { AutoRenewal = false }).Obstacle);

    [Fact]
    public void OfPayment_ALicenseThatNeverExpires_NeedsNoCardForLonger() => Assert.Equal(
        new RenewalForecast(PaidWith.Card, null),
        RenewalForecast.OfPayment(
            null, new RenewalPrice(49.99m, NeedsConsent: false), 0, 0, Card with { ExpiryMonth = 1, ExpiryYear = 2020 }, null, Policy));

    [Theory]
    [InlineData(-7 * 86400 - 1, null)]
    [InlineData(-7 * 86400, 7)]
    [InlineData(-3 * 86400 - 1, 7)]
    [InlineData(-3 * 86400, 3)]
    [InlineData(-86400 - 1, 3)]
    [InlineData(-86400, 1)]
    [InlineData(-1, 1)]
    [InlineData(0, 0)]
    [InlineData(3 * 86400 - 1, 0)]
    [InlineData(3 * 86400, null)]
    public void WarningDays_BySecondsFromExpiry_AreSevenThreeOneAndTheGrace(int seconds, int? days) =>
        Assert.Equal(days, RenewalForecast.WarningDays(Expiry, Expiry.AddSeconds(seconds), Policy));

    [Theory]
    [InlineData(-10 * 86400 - 1, PaidWith.Card, null, false)]
    [InlineData(-10 * 86400, PaidWith.Card, null, true)]
    [InlineData(-8 * 86400, PaidWith.Wallet, null, true)]
    [InlineData(-8 * 86400, PaidWith.Nothing, null, false)]
    [InlineData(-8 * 86400, null, null, false)]
    [InlineData(-8 * 86400, PaidWith.Card, RenewalStatus.Due, false)]
    [InlineData(-7 * 86400 - 1, PaidWith.Card, null, true)]
    [InlineData(-7 * 86400, PaidWith.Card, null, false)]
    public void IsNoticeDue_BySecondsFromExpiry_IsDueFromThreeDaysBeforeTheFirstAttemptUntilThen(
        int seconds, PaidWith? with, RenewalStatus? status, bool due) => Assert.Equal(
        due, RenewalWarnings.IsNoticeDue(Expiry, new RenewalForecast(with, null), status, Expiry.AddSeconds(seconds), Policy));

    [Fact]
    public void IsNoticeDue_AHeldRenewal_NeedsNone() => Assert.False(RenewalWarnings.IsNoticeDue(
        Expiry, new RenewalForecast(PaidWith.Card, "auto_renew_off") { IsHeld = true }, null, Expiry.AddDays(-8), Policy));

    [Theory]
    [InlineData(null, null, false, false)]
    [InlineData("auto_renew_off", null, false, true)]
    [InlineData("auto_renew_off", null, true, true)]
    [InlineData(null, null, true, false)]
    [InlineData(null, RenewalStatus.Due, true, false)]
    [InlineData(null, RenewalStatus.SoftDeclined, true, true)]
    [InlineData("insufficient_funds", RenewalStatus.Unknown, true, false)]
    public void IsWarningDue_WhatIsAboutToBePaid_NeedsNone(string? obstacle, RenewalStatus? status, bool inGrace, bool due) =>
        Assert.Equal(due, RenewalWarnings.IsWarningDue(obstacle, status, inGrace));

    [Theory]
    [InlineData("2026-06-05T00:00Z", "2026-06-01T00:00Z", 4)]
    [InlineData("2026-06-05T00:00Z", "2026-06-04T23:59Z", 1)]
    [InlineData("2026-06-05T23:00Z", "2026-06-05T00:00Z", 0)]
    public void DaysLeft_IsCountedByTheCalendar(string expiresAt, string now, int days) => Assert.Equal(
        days, RenewalWarnings.DaysLeft(
            DateTimeOffset.Parse(expiresAt, CultureInfo.InvariantCulture), DateTimeOffset.Parse(now, CultureInfo.InvariantCulture)));

    [Theory]
    [InlineData(PaidWith.Card, null, null, 2.0)] // the first attempt, 7 days before the expiry
    [InlineData(PaidWith.Wallet, RenewalStatus.Due, 3.0, 3.0)]
    [InlineData(PaidWith.Wallet, RenewalStatus.Due, -1.0, 0.0)]
    [InlineData(PaidWith.Card, RenewalStatus.SoftDeclined, 4.0, 4.0)]
    [InlineData(PaidWith.Card, RenewalStatus.SoftDeclined, null, null)]
    [InlineData(PaidWith.Wallet, RenewalStatus.PaymentNeeded, 0.5, 0.5)]
    [InlineData(PaidWith.Card, RenewalStatus.HardDeclined, 0.5, 0.5)]
    [InlineData(PaidWith.Wallet, RenewalStatus.HardDeclined, 0.5, 0.5)]
    [InlineData(PaidWith.Card, RenewalStatus.NeedsAuthentication, 0.5, null)]
    [InlineData(PaidWith.Card, RenewalStatus.Unknown, 0.5, null)]
    [InlineData(null, null, null, null)]
    public void AttemptAt_ByStatus_IsTheNextAttemptWithoutHelp(PaidWith? with, RenewalStatus? status, double? actionIn, double? attemptIn)
    {
        var now = Expiry.AddDays(-9);
        var action = actionIn is { } days ? now.AddDays(days) : (DateTimeOffset?)null;

        Assert.Equal(
            attemptIn is { } later ? now.AddDays(later) : null,
            new RenewalForecast(with, null).AttemptAt(Expiry, status, action, now, Policy));
        Assert.Null(new RenewalForecast(with, "auto_renew_off") { IsHeld = true }.AttemptAt(Expiry, status, action, now, Policy));
    }

    [Theory]
    [InlineData(RenewalStatus.HardDeclined, false)]
    [InlineData(RenewalStatus.SoftDeclined, true)]
    public void AttemptAt_WithTheCardThatWasDeclined_IsPlannedOnlyAfterASoftDecline(RenewalStatus status, bool isPlanned)
    {
        var at = Expiry.AddDays(-8);

        Assert.Equal(
            isPlanned ? at : null,
            new RenewalForecast(PaidWith.Card, "do_not_honor").AttemptAt(Expiry, status, at, Expiry.AddDays(-9), Policy));
    }

    private static RenewalForecast Of(
        SavedCard? card = null, decimal wallet = 0, string? lastDecline = null, bool autoRenew = true, RenewalBlock? block = null,
        RenewalPolicy? policy = null, bool needsConsent = false, bool isDisputed = false, RenewalStatus? requested = null) =>
        RenewalForecast.Of(
            new RenewalLicense(Expiry, autoRenew, block) { IsDisputed = isDisputed },
            new RenewalPrice(49.99m, needsConsent),
            debtUsd: 0,
            wallet,
            card,
            lastDecline,
            policy ?? Policy,
            requested);
}
