namespace Licensing.Invoices;

/// <summary>The rates of sales tax by the buyer's country.</summary>
/// <param name="PercentByCountry">By ISO 3166-1 alpha-2; contains the seller's country.</param>
public sealed record TaxRates(IReadOnlyDictionary<string, decimal> PercentByCountry, string SellerCountry)
{
    /// <param name="buyerCountry">Null if it isn't known. A country without a rate has the rate of the seller's.</param>
    public (string Country, decimal Percent) For(string? buyerCountry) =>
        buyerCountry is not null && PercentByCountry.TryGetValue(buyerCountry, out var percent)
            ? (buyerCountry, percent)
            : (SellerCountry, PercentByCountry[SellerCountry]);
}

/// <summary>
/// Prices include tax. The net amount is rounded to the cent, half a cent up; the tax is the rest, so net and tax are the price exactly.
/// </summary>
public static class IncludedTax
{
    public static decimal Net(decimal grossUsd, decimal percent) =>
        Math.Round(grossUsd * 100 / (100 + percent), 2, MidpointRounding.AwayFromZero);

    /// <summary>
    /// The net part of an amount that follows others. Parts are rounded together, so the parts of an invoice have its net amount, however
    /// it is divided.
    /// </summary>
    /// <param name="beforeUsd">The sum of the parts before this one.</param>
    public static decimal NetOfPart(decimal beforeUsd, decimal grossUsd, decimal percent) =>
        Net(beforeUsd + grossUsd, percent) - Net(beforeUsd, percent);
}
