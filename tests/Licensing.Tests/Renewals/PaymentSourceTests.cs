using Licensing.Renewals;
using Xunit;
using static Licensing.Tests.Renewals.Given;

namespace Licensing.Tests.Renewals;

public sealed class PaymentSourceTests
{
    public static TheoryData<decimal?, bool, decimal, string?, PaymentSource> Cases => new()
    {
        { null, false, 100, "stripe", new(null, "no_active_price") },
        { 0, false, 0, null, new(PaidWith.Nothing, null) },
        { 0, true, 0, null, new(PaidWith.Nothing, null) },
        { 49.99m, true, 100, "stripe", new(null, "price_consent") },
        { 49.99m, false, 49.99m, null, new(PaidWith.Wallet, null) },
        { 49.99m, false, 49.99m, "stripe", new(PaidWith.Wallet, null) },
        { 49.99m, false, 49.98m, "stripe", new(PaidWith.Card, null) },
        { 49.99m, false, 49.98m, null, new(null, "no_payment_method") },
        { 49.99m, false, 49.98m, "paypal", new(null, "unknown_payment_provider") },
    };

    [Theory]
    [InlineData(0.49, 0, 0, PaidWith.Deferred, 0)]
    [InlineData(0.50, 0, 0, PaidWith.Card, 0)]
    [InlineData(0.30, 0, 0.30, PaidWith.Wallet, 0)]
    [InlineData(0.30, 0.19, 0, PaidWith.Deferred, 0)]
    [InlineData(0.30, 0.20, 0, PaidWith.Card, 0.20)] // together they reach the minimum
    [InlineData(0.30, 0.20, 0.49, PaidWith.Card, 0.20)] // the wallet can't pay both
    [InlineData(0.30, 0.20, 0.50, PaidWith.Wallet, 0.20)]
    [InlineData(0.30, 0.19, 0.48, PaidWith.Wallet, 0)] // not enough for both; what is open stays open
    [InlineData(0, 0.20, 0, PaidWith.Nothing, 0)]
    [InlineData(49.99, 0.20, 50, PaidWith.Card, 0.20)]
    public void Of_AnAmountBelowTheProvidersMinimum_IsTakenWithTheNextCharge(
        double price, double debt, double wallet, PaidWith with, double debts)
    {
        var policy = Policy with { MinimumChargesUsd = new Dictionary<string, decimal> { ["stripe"] = 0.50m } };

        Assert.Equal(
            new PaymentSource(with, null) { DebtsUsd = (decimal)debts },
            PaymentSource.Of(new RenewalPrice((decimal)price, NeedsConsent: false), (decimal)debt, (decimal)wallet, Card, policy));
    }

    [Theory]
    [InlineData(null, "no_payment_method")]
    [InlineData("paypal", "unknown_payment_provider")]
    public void Of_ASmallAmountWithoutACardThatCanBeCharged_IsNotDeferred(string? provider, string obstacle) => Assert.Equal(
        new PaymentSource(null, obstacle),
        PaymentSource.Of(
            new RenewalPrice(0.30m, NeedsConsent: false), 0.10m, 0, provider is null ? null : Card with { Provider = provider }, Policy));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Of_PriceWalletAndCard_SaysWhatPays(
        decimal? price, bool needsConsent, decimal wallet, string? provider, PaymentSource expected)
    {
        var card = provider is null ? null : Card with { Provider = provider };

        Assert.Equal(expected, PaymentSource.Of(new RenewalPrice(price, needsConsent), 0, wallet, card, Policy));
    }
}
