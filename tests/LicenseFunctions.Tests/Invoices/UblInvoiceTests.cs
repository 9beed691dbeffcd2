using System.Text;
using LicenseFunctions.Tests.Support;
using Licensing.Invoices;
using Xunit;

namespace LicenseFunctions.Tests.Invoices;

/// <summary>
/// tests/invoices/samples/ has an electronic invoice of each kind; tests/invoices validates them. REWRITE_INVOICES=1 ./dev test Ubl
/// regenerates them.
/// </summary>
public sealed class UblInvoiceTests
{
    private static readonly DateTimeOffset Paid = new(2026, 11, 27, 8, 0, 0, TimeSpan.Zero);

    private static readonly Invoice Domestic = new(
        new InvoiceNumber("ACME", 2026, 123), InvoiceKind.Invoice, Guid.Empty, Guid.Empty, Guid.Empty, Paid, Paid.AddMinutes(5),
        new InvoiceParty("Example Signals GmbH", "Beispielstraße 1\n10115 Berlin", "DE", "DE123456789"),
        new InvoiceParty("Ada & Söhne <KG>", "Hinterhaus\nWeg 2\n3. Stock\n80331 München", "DE", "DE987654321"), "DE", 19, "card",
        [
            new InvoiceLine("alpine.trend", Paid, Paid.AddDays(30), 29.99m, 25.20m),
            new InvoiceLine("alpine.trend", Paid.AddDays(-30), Paid, 0.30m, 0.25m),
        ]);

    public static readonly Dictionary<string, Invoice> Samples = new()
    {
        ["invoice"] = Domestic,
        ["credit-note"] = Domestic with
        {
            Number = new InvoiceNumber("ACME", 2026, 124),
            Kind = InvoiceKind.CreditNote,
            Corrects = Domestic.Number,
            Lines = [Domestic.Lines[0] with { GrossUsd = 10, NetUsd = 8.40m }],
        },
        ["no-details"] = Domestic with
        {
            Buyer = new InvoiceParty("ada@example.com", null, null, null),
            PaidWith = "wallet",
            Lines = [new InvoiceLine(null, Paid, Paid.AddDays(30), 0.01m, 0.01m)],
        },
        ["paypal"] = Domestic with { PaidWith = "paypal", Lines = [Domestic.Lines[0]] },
        ["paypal-credit-note"] = Domestic with
        {
            Number = new InvoiceNumber("ACME", 2026, 125),
            Kind = InvoiceKind.CreditNote,
            Corrects = Domestic.Number,
            Buyer = new InvoiceParty("ada@example.com", null, null, null),
            PaidWith = "paypal",
            Lines = [Domestic.Lines[0]],
        },
        ["reduced-rate"] = Domestic with
        {
            Buyer = new InvoiceParty("Zoé Exemple", "1 rue de Rivoli\n75001 Paris", "FR", "FR12345678901"),
            TaxCountry = "FR",
            TaxPercent = 5.5m,
            PaidWith = "wallet",
            Lines = [Domestic.Lines[0] with { GrossUsd = 10.55m, NetUsd = 10 }],
        },
        ["zero-rate-credit-note"] = Domestic with
        {
            Number = new InvoiceNumber("ACME", 2026, 126),
            Kind = InvoiceKind.CreditNote,
            Corrects = Domestic.Number,
            Buyer = new InvoiceParty("Bob Example", "1 Main Street", "US", "12-3456789"),
            TaxCountry = "US",
            TaxPercent = 0,
            PaidWith = "wallet",
            Lines = [new InvoiceLine("alpine.trend", Paid, Paid.AddDays(30), 0.01m, 0.01m)],
        },
        ["zero-rate"] = Domestic with
        {
            Seller = Domestic.Seller with { TaxId = "12/345/67890", Address = "Berlin" },
            Buyer = new InvoiceParty("Bob Example", "1 Main Street", "US", "12-3456789"),
            TaxCountry = "US",
            TaxPercent = 0,
            Lines = [new InvoiceLine("alpine.trend\u0001", Paid, Paid.AddDays(30), 49.99m, 49.99m)],
        },
    };

    public static TheoryData<string> Names => [.. Samples.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Write_Sample_IsTheValidatedFile(string name)
    {
        var xml = Encoding.UTF8.GetString(UblInvoice.Write(Samples[name])) + "\n";
        var file = Path.Combine(Repository.Root, $"tests/invoices/samples/{name}.xml");
        if (Environment.GetEnvironmentVariable("REWRITE_INVOICES") == "1") File.WriteAllText(file, xml);

        Assert.Equal(File.ReadAllText(file), xml);
    }
}
