using System.Globalization;
using LicenseFunctions.Infrastructure.Settings;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <summary>Who issues invoices.</summary>
/// <param name="Series">INVOICE_PREFIX: the first part of each number.</param>
public sealed record InvoiceIssuer(InvoiceParty Seller, string Series, TaxRates Rates);

/// <summary>The settings of invoices. INVOICE_SELLER_NAME switches them on.</summary>
/// <param name="Issuer">Null: no invoices are made.</param>
public sealed record InvoiceSettings(InvoiceIssuer? Issuer)
{
    /// <summary>INVOICE_MAILS: whether each document is mailed to the customer.</summary>
    public bool AreMailed { get; init; } = true;

    private const string Name = SharedSettings.InvoiceSellerName;
    private const string Address = "INVOICE_SELLER_ADDRESS";
    private const string TaxId = "INVOICE_SELLER_TAX_ID";
    private const string Country = "INVOICE_SELLER_COUNTRY";
    private const string Prefix = "INVOICE_PREFIX";
    private const string Rates = "INVOICE_TAX_RATES";

    private const string NameExample = "Example Signals GmbH";
    private const string RatesExample = "DE=19,FR=20";
    private const int LongestPrefix = 12;
    private const decimal HighestRate = 50;

    public static InvoiceSettings Read(SettingReader reader)
    {
        if (!reader.HasInvoices())
        {
            foreach (var other in ((string[])[Address, TaxId, Country, Prefix, Rates]).Where(name => reader.Optional(name) is not null))
                reader.Fault(Name, $"is missing, and {other} is set", NameExample, 0);
            return new InvoiceSettings(Issuer: null);
        }

        var country = reader.Text(Country, "DE");
        if (country.Length > 0 && !Countries.Codes.Contains(country))
            reader.Fault(Country, "is not a code of ISO 3166-1 in capital letters", "DE", 0);
        return new InvoiceSettings(new InvoiceIssuer(
            new InvoiceParty(
                Line(reader, Name, NameExample, BillingDetails.LongestName),
                // Lines are separated by "|", because addresses contain commas.
                string.Join('\n', Line(reader, Address, "Example Street 1|10115 Berlin", BillingDetails.LongestAddress)
                    .Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)),
                country,
                Line(reader, TaxId, "DE123456789", 30)),
            ReadPrefix(reader),
            new TaxRates(ReadRates(reader, country), country)))
        {
            AreMailed = reader.AreInvoicesMailed(),
        };
    }

    private static string Line(SettingReader reader, string name, string example, int longest)
    {
        var text = reader.Text(name, example).Trim();
        return text.Length > longest || text.Any(char.IsControl)
            ? reader.Fault(name, $"is not a text of at most {longest} characters in one line", example, text)
            : text;
    }

    private static string ReadPrefix(SettingReader reader)
    {
        var prefix = reader.Text(Prefix, "ACME");
        return prefix.Length > LongestPrefix || prefix.Any(sign => !char.IsAsciiLetterUpper(sign) && !char.IsAsciiDigit(sign))
            ? reader.Fault(Prefix, $"is not 1 to {LongestPrefix} capital letters and digits", "ACME", prefix)
            : prefix;
    }

    private static Dictionary<string, decimal> ReadRates(SettingReader reader, string sellerCountry)
    {
        // The seller's country has a rate even if the setting is wrong, so that the other settings are checked, too.
        var rates = new Dictionary<string, decimal>();
        reader.Text(Rates, RatesExample);
        foreach (var pair in reader.Words(Rates))
        {
            if (pair.Split('=') is not [var country, var percent] || !Countries.Codes.Contains(country)
                || !decimal.TryParse(percent, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var rate)
                || rate > HighestRate || decimal.Round(rate, 2) != rate || !rates.TryAdd(country, rate))
            {
                reader.Fault(
                    Rates, $"is not a list of COUNTRY=PERCENT, each country once, from 0 to {HighestRate} with at most two decimals",
                    RatesExample, 0);
            }
        }

        if (!rates.ContainsKey(sellerCountry))
        {
            if (reader.Optional(Rates) is not null)
                reader.Fault(Rates, $"has no rate for {Country}", RatesExample, 0);
            rates[sellerCountry] = 0;
        }

        return rates;
    }
}
