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
            null, new RenewalPrice(49.99m, NeedsConsent: false), 0, Card with { ExpiryMonth = 1, ExpiryYear = 2020 }, null, Policy));

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

    private static RenewalForecast Of(
        SavedCard? card = null, decimal wallet = 0, string? lastDecline = null, bool autoRenew = true, RenewalBlock? block = null,
        RenewalPolicy? policy = null) =>
        RenewalForecast.Of(
            new RenewalLicense(Expiry, autoRenew, block),
            new RenewalPrice(49.99m, NeedsConsent: false),
            wallet,
            card,
            lastDecline,
            policy ?? Policy);
}
