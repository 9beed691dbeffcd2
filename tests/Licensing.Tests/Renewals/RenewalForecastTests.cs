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

    [Fact]
    public void Of_WhatPays_IsAsTheMachineDoes()
    {
        Assert.Equal(new RenewalForecast(PaidWith.Nothing, null), Of(price: 0));
        Assert.Equal(new RenewalForecast(PaidWith.Wallet, null), Of(card: Card, wallet: 49.99m));
        Assert.Equal(new RenewalForecast(PaidWith.Card, null), Of(card: Card, wallet: 49.98m));
        Assert.Equal(new RenewalForecast(PaidWith.Card, "insufficient_funds"), Of(card: Card, lastDecline: "insufficient_funds"));
    }

    [Fact]
    public void Of_WhatCannotSucceed_SaysWhy()
    {
        Assert.Equal("no_payment_method", Of().Obstacle);
        Assert.Equal("no_active_price", Of(price: null, card: Card).Obstacle);
        Assert.Equal("price_consent", Of(card: Card, lastPaid: 40).Obstacle);
        Assert.Equal("unknown_payment_provider", Of(card: Card with { Provider = "paypal" }).Obstacle);
        Assert.Equal("auto_renew_off", Of(card: Card, autoRenew: false).Obstacle);
        Assert.Equal("license_suspended", Of(card: Card, isRenewable: false).Obstacle);
    }

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
        SavedCard? card = null, decimal wallet = 0, decimal? price = 49.99m, decimal? lastPaid = 49.99m, string? lastDecline = null,
        bool autoRenew = true, bool isRenewable = true) =>
        RenewalForecast.Of(
            Expiry,
            new RenewalLicense(Expiry, autoRenew, isRenewable),
            RenewalPrice.Of(frozenUsd: null, price, lastPaid, isAccepted: false, Policy),
            wallet,
            card,
            lastDecline,
            Policy);
}
