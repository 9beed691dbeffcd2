using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Invoices;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

public sealed class InvoiceSettingsTests
{
    private static readonly Dictionary<string, string?> Complete = new()
    {
        ["INVOICE_SELLER_NAME"] = "Example GmbH",
        ["INVOICE_SELLER_ADDRESS"] = "Street 1, rear building | 10115 Berlin",
        ["INVOICE_SELLER_COUNTRY"] = "DE",
        ["INVOICE_SELLER_TAX_ID"] = "DE123456789",
        ["INVOICE_PREFIX"] = "ACME",
        ["INVOICE_TAX_RATES"] = "DE=19, FR=20,FI=25.5",
    };

    [Fact]
    public void Read_CompleteSettings_HaveTheIssuer()
    {
        var issuer = Read(Complete).Issuer!;

        Assert.Equal(
            ("Example GmbH", "Street 1, rear building\n10115 Berlin", "DE", "DE123456789", "ACME"),
            (issuer.Seller.Name, issuer.Seller.Address, issuer.Seller.Country, issuer.Seller.TaxId, issuer.Series));
        Assert.Equal([("FR", 20m), ("FI", 25.5m), ("DE", 19m)], new[] { "FR", "FI", "US" }.Select(issuer.Rates.For));
    }

    [Fact]
    public void Read_NoSetting_MakesNoInvoices() => Assert.Null(Read([]).Issuer);

    [Theory]
    [InlineData("INVOICE_SELLER_NAME", "")] // the others are set
    [InlineData("INVOICE_SELLER_ADDRESS", "")]
    [InlineData("INVOICE_SELLER_COUNTRY", "")]
    [InlineData("INVOICE_SELLER_COUNTRY", "Germany")]
    [InlineData("INVOICE_SELLER_COUNTRY", "FI")] // has a rate in the next case only
    [InlineData("INVOICE_SELLER_TAX_ID", "")]
    [InlineData("INVOICE_PREFIX", "")]
    [InlineData("INVOICE_PREFIX", "ACME-DE")]
    [InlineData("INVOICE_PREFIX", "ABCDEFGHIJKLM")]
    [InlineData("INVOICE_TAX_RATES", "")]
    [InlineData("INVOICE_TAX_RATES", "FR=20")]
    [InlineData("INVOICE_TAX_RATES", "DE=19%")]
    [InlineData("INVOICE_TAX_RATES", "DE=-1")]
    [InlineData("INVOICE_TAX_RATES", "DE=50.01")]
    [InlineData("INVOICE_TAX_RATES", "DE=19.123")]
    [InlineData("INVOICE_TAX_RATES", "DE=19,DE=7")]
    [InlineData("INVOICE_TAX_RATES", "EU=19,DE=19")]
    public void Read_AWrongValue_NamesTheSettingAndAnExample(string name, string value)
    {
        var settings = new Dictionary<string, string?>(Complete) { [name] = value };
        if (value == "FI") settings["INVOICE_TAX_RATES"] = "DE=19";

        var wrong = Assert.Throws<SettingsException>(() => Read(settings));

        Assert.All(wrong.Faults, fault => Assert.Contains("Example: INVOICE_", fault, StringComparison.Ordinal));
        Assert.Contains(wrong.Faults, fault => fault.Contains(value == "FI" ? "INVOICE_TAX_RATES" : name, StringComparison.Ordinal));
    }

    private static InvoiceSettings Read(Dictionary<string, string?> values)
    {
        var reader = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        var settings = InvoiceSettings.Read(reader);
        reader.ThrowIfFaulty();
        return settings;
    }
}
