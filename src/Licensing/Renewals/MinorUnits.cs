using System.Globalization;

namespace Licensing.Renewals;

/// <summary>Amounts in the smallest unit of their currency, as Stripe reports them. Source: docs.stripe.com/currencies.</summary>
public static class MinorUnits
{
    /// <summary>Currencies (ISO 4217, lower case) without decimals. Stripe's amounts of ISK and UGX have two.</summary>
    public static readonly IReadOnlySet<string> WithoutDecimals = new HashSet<string>
    {
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
    };

    /// <summary>Currencies with three decimals.</summary>
    public static readonly IReadOnlySet<string> WithThreeDecimals = new HashSet<string> { "bhd", "jod", "kwd", "omr", "tnd" };

    /// <summary>The amount with the decimals of its currency, for example 1,049.99 or 5,000.</summary>
    /// <param name="minor">Smallest units of the currency.</param>
    /// <param name="currency">ISO 4217, lower case; any other text has two decimals.</param>
    public static string Text(long minor, string currency) =>
        WithoutDecimals.Contains(currency) ? minor.ToString("N0", CultureInfo.InvariantCulture)
        : WithThreeDecimals.Contains(currency) ? (minor / 1000m).ToString("N3", CultureInfo.InvariantCulture)
        : (minor / 100m).ToString("N2", CultureInfo.InvariantCulture);
}
