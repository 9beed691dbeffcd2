using System.Xml.Linq;
using Licensing.Invoices;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>The electronic invoices hold the business rules of EN 16931; tests/invoices checks their structure and codes.</summary>
public sealed class UblRulesTests
{
    private const int Seed = 20261128;

    private static readonly DateTimeOffset Paid = new(2026, 11, 27, 8, 0, 0, TimeSpan.Zero);

    public static TheoryData<string> Names => [.. UblInvoiceTests.Samples.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Write_Sample_HoldsEveryRule(string name) => Assert.Empty(UblRules.ViolatedBy(Xml(UblInvoiceTests.Samples[name])));

    /// <summary>Each rule, and a change of a sample that violates it: the value of an element, or "-" for no such element.</summary>
    public static readonly TheoryData<string, string, string, string> Broken = new()
    {
        { "BR-01", "invoice", "CustomizationID", "-" },
        { "BR-02", "invoice", "ID", "" },
        { "BR-03", "invoice", "IssueDate", "-" },
        { "BR-04", "invoice", "InvoiceTypeCode", "-" },
        { "BR-05", "invoice", "DocumentCurrencyCode", "-" },
        { "BR-06", "invoice", "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName", "-" },
        { "BR-07", "invoice", "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName", " " },
        { "BR-08", "invoice", "AccountingSupplierParty/Party/PostalAddress", "-" },
        { "BR-09", "invoice", "AccountingSupplierParty/Party/PostalAddress/Country", "-" },
        { "BR-10", "no-details", "AccountingCustomerParty/Party/PostalAddress", "-" },
        { "BR-11", "no-details", "AccountingCustomerParty/Party/PostalAddress/Country/IdentificationCode", "" },
        { "BR-12", "invoice", "LegalMonetaryTotal/LineExtensionAmount", "-" },
        { "BR-13", "invoice", "LegalMonetaryTotal/TaxExclusiveAmount", "-" },
        { "BR-14", "invoice", "LegalMonetaryTotal/TaxInclusiveAmount", "-" },
        { "BR-15", "invoice", "LegalMonetaryTotal/PayableAmount", "-" },
        { "BR-16", "credit-note", "CreditNoteLine", "-" },
        { "BR-21", "invoice", "InvoiceLine/ID", "-" },
        { "BR-22", "credit-note", "CreditNoteLine/CreditedQuantity", "-" },
        { "BR-23", "invoice", "InvoiceLine/InvoicedQuantity@unitCode", "-" },
        { "BR-24", "invoice", "InvoiceLine/LineExtensionAmount", "-" },
        { "BR-25", "invoice", "InvoiceLine/Item/Name", "" },
        { "BR-26", "invoice", "InvoiceLine/Price", "-" },
        { "BR-27", "invoice", "InvoiceLine/Price/PriceAmount", "-0.01" },
        { "BR-29", "invoice", "InvoicePeriod/EndDate", "2026-01-01" },
        { "BR-30", "invoice", "InvoiceLine/InvoicePeriod/EndDate", "2026-01-01" },
        { "BR-45", "invoice", "TaxTotal/TaxSubtotal/TaxableAmount", "-" },
        { "BR-46", "invoice", "TaxTotal/TaxSubtotal/TaxAmount", "-" },
        { "BR-47", "invoice", "TaxTotal/TaxSubtotal/TaxCategory/ID", "-" },
        { "BR-48", "zero-rate", "TaxTotal/TaxSubtotal/TaxCategory/Percent", "-" },
        { "BR-49", "invoice", "PaymentMeans/PaymentMeansCode", "-" },
        { "BR-55", "credit-note", "BillingReference", "-" },
        { "BR-55", "credit-note", "BillingReference/InvoiceDocumentReference/ID", "" },
        { "BR-CL-01", "invoice", "InvoiceTypeCode", "381" },
        { "BR-CL-03", "invoice", "LegalMonetaryTotal/PayableAmount@currencyID", "EUR" },
        { "BR-CL-14", "invoice", "AccountingCustomerParty/Party/PostalAddress/Country/IdentificationCode", "XX" },
        { "BR-CL-16", "paypal", "PaymentMeans/PaymentMeansCode", "paypal" },
        { "BR-CL-17", "invoice", "TaxTotal/TaxSubtotal/TaxCategory/ID", "VAT" },
        { "BR-CL-18", "invoice", "InvoiceLine/Item/ClassifiedTaxCategory/ID", "VAT" },
        { "BR-CL-23", "invoice", "InvoiceLine/InvoicedQuantity@unitCode", "PIECE" },
        { "BR-CO-04", "invoice", "InvoiceLine/Item/ClassifiedTaxCategory", "-" },
        { "BR-CO-09", "invoice", "AccountingCustomerParty/Party/PartyTaxScheme/CompanyID", "987654321" },
        { "BR-CO-10", "invoice", "LegalMonetaryTotal/LineExtensionAmount", "25.44" },
        { "BR-CO-13", "invoice", "LegalMonetaryTotal/TaxExclusiveAmount", "25.46" },
        { "BR-CO-14", "invoice", "TaxTotal/TaxAmount", "4.83" },
        { "BR-CO-15", "invoice", "LegalMonetaryTotal/TaxInclusiveAmount", "30.30" },
        { "BR-CO-16", "invoice", "LegalMonetaryTotal/PayableAmount", "0.01" },
        { "BR-CO-17", "invoice", "TaxTotal/TaxSubtotal/TaxAmount", "4.87" },
        { "BR-CO-18", "invoice", "TaxTotal/TaxSubtotal", "-" },
        { "BR-CO-19", "invoice", "InvoicePeriod", "" },
        { "BR-CO-20", "invoice", "InvoiceLine/InvoicePeriod", "" },
        { "BR-CO-25", "invoice", "LegalMonetaryTotal/PayableAmount", "30.29" },
        { "BR-CO-26", "invoice", "AccountingSupplierParty/Party/PartyTaxScheme", "-" },
        { "BR-DEC", "invoice", "LegalMonetaryTotal/PrepaidAmount", "30.290" },
        { "BR-S-01", "invoice", "TaxTotal/TaxSubtotal/TaxCategory/ID", "Z" },
        { "BR-S-02", "invoice", "AccountingSupplierParty/Party/PartyTaxScheme", "-" },
        { "BR-S-05", "invoice", "InvoiceLine/Item/ClassifiedTaxCategory/Percent", "0" },
        { "BR-S-08", "invoice", "TaxTotal/TaxSubtotal/TaxableAmount", "25.44" },
        { "BR-S-09", "credit-note", "TaxTotal/TaxSubtotal/TaxAmount", "1.63" },
        { "BR-S-10", "invoice", "TaxTotal/TaxSubtotal/TaxCategory+TaxExemptionReason", "small business" },
        { "BR-Z-01", "zero-rate", "TaxTotal/TaxSubtotal/TaxCategory/ID", "S" },
        { "BR-Z-02", "zero-rate", "AccountingSupplierParty/Party/PartyTaxScheme", "-" },
        { "BR-Z-05", "zero-rate", "InvoiceLine/Item/ClassifiedTaxCategory/Percent", "19" },
        { "BR-Z-08", "zero-rate", "TaxTotal/TaxSubtotal/TaxableAmount", "49.98" },
        { "BR-Z-09", "zero-rate", "TaxTotal/TaxSubtotal/TaxAmount", "0.01" },
        { "BR-Z-10", "zero-rate", "TaxTotal/TaxSubtotal/TaxCategory+TaxExemptionReasonCode", "VATEX-EU-O" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void Rule_OfABrokenDocument_IsViolated(string rule, string sample, string path, string value)
    {
        var document = Xml(UblInvoiceTests.Samples[sample]);
        var (element, part) = path.Split('@', '+') is [var found, var name] ? (found, name) : (path, null);
        foreach (var one in Ubl.At(document, element).ToList())
        {
            if (part is not null && path.Contains('+'))
                one.Add(new XElement(one.Name.Namespace + part, value));
            else if (part is not null)
                one.SetAttributeValue(part, value == "-" ? null : value);
            else if (value == "-")
                one.Remove();
            else
                one.Value = value;
        }

        Assert.Contains(rule, UblRules.ViolatedBy(document));
    }

    [Fact]
    public void Rules_HaveABrokenDocumentEach() =>
        Assert.Equal(UblRules.All.Keys, Broken.Select(row => (string)((ITheoryDataRow)row).GetData()[0]!).Distinct());

    [Fact]
    public void Write_RandomPaymentsAndReturns_HoldEveryRule()
    {
        var random = new Random(Seed);
        foreach (var document in Enumerable.Range(0, 1_000).SelectMany(_ => RandomDocuments(random)))
        {
            var violated = UblRules.ViolatedBy(Xml(document)).ToList();
            Assert.True(violated.Count == 0, $"Seed {Seed}: {string.Join(' ', violated)}: {document}");
        }
    }

    /// <summary>The invoice of a payment, sometimes with an earlier period, and the credit notes of up to three returns.</summary>
    private static IReadOnlyList<Invoice> RandomDocuments(Random random)
    {
        var price = random.Next(1, random.Next(2) == 0 ? 20 : 20_000) / 100m;
        var earlier = random.Next(3) == 0 ? random.Next(1, 50) / 100m : 0;
        var entries = new List<RenewalEntry> { new(Guid.NewGuid(), Paid, price + earlier) };
        for (var (left, returns) = (price + earlier, random.Next(4)); left > 0 && returns > 0; returns--)
        {
            var part = Math.Min(left, random.Next(1, 5_000) / 100m);
            left -= part;
            entries.Add(new RenewalEntry(Guid.NewGuid(), Paid.AddDays(entries.Count), -part));
        }

        List<PaidPeriod> periods = [new PaidPeriod(Paid, Paid.AddDays(30), price)];
        if (earlier > 0)
            periods.Add(new PaidPeriod(Paid.AddDays(-30), Paid, earlier));
        string[] countries = ["DE", "FR", "FI", "US", "LU", "HU"];
        var rates = new TaxRates(
            countries.Zip([19m, 5.5m, 25.5m, 0m, 2.1m, 50m]).ToDictionary(one => one.First, one => one.Second), "DE");
        var taxId = random.Next(4) switch { 0 => null, 1 => "12/345/67890", 2 => "EL123456789", _ => "FR12345678901" };
        return InvoicePlan.Of(
            [
                new BillableRenewal(
                    Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), random.Next(4) == 0 ? null : "alpine.trend",
                    random.Next(3) switch { 0 => "wallet", 1 => "card", _ => "paypal" },
                    new InvoiceParty(
                        "Ada", random.Next(2) == 0 ? null : "1\n2\n3\n4", random.Next(4) == 0 ? null : countries[random.Next(6)], taxId),
                    periods, 0, entries, []),
            ],
            new InvoiceParty("Example GmbH", "Street 1\n10115 Berlin", "DE", random.Next(2) == 0 ? "DE123456789" : "12/345/67890"), rates,
            new InvoiceNumber("ACME", 2026, 0), Paid.AddDays(5));
    }

    private static XElement Xml(Invoice invoice)
    {
        using var stream = new MemoryStream(UblInvoice.Write(invoice));
        return XElement.Load(stream);
    }
}
