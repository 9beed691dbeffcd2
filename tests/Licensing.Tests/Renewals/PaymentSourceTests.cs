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
    [InlineData(0.49, 0, null, "amount_too_small")]
    [InlineData(0.50, 0, PaidWith.Card, null)]
    [InlineData(0.30, 0.30, PaidWith.Wallet, null)]
    public void Of_AnAmountBelowTheProvidersMinimum_IsPaidFromTheWalletOnly(
        double price, double wallet, PaidWith? with, string? obstacle)
    {
        var policy = Policy with { MinimumChargesUsd = new Dictionary<string, decimal> { ["stripe"] = 0.50m } };

        Assert.Equal(
            new PaymentSource(with, obstacle),
            PaymentSource.Of(new RenewalPrice((decimal)price, NeedsConsent: false), (decimal)wallet, Card, policy));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Of_PriceWalletAndCard_SaysWhatPays(
        decimal? price, bool needsConsent, decimal wallet, string? provider, PaymentSource expected)
    {
        var card = provider is null ? null : Card with { Provider = provider };

        Assert.Equal(expected, PaymentSource.Of(new RenewalPrice(price, needsConsent), wallet, card, Policy));
    }
}
