using System.Globalization;
using System.Text;
using System.Xml;

namespace Licensing.Invoices;

/// <summary>An invoice or a credit note as an electronic invoice of EN 16931, in its syntax UBL 2.1.</summary>
/// <remarks>The terms of the standard (BT-…) are in the comments. Amounts are in US dollars.</remarks>
public static class UblInvoice
{
    private const string Common = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";
    private const string Aggregate = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";

    private const string Currency = "USD";

    // UNTDID 1001: a commercial invoice, a credit note. UNTDID 4461: a bank card, an online payment service; "mutually defined" for the
    // wallet.
    private const string InvoiceType = "380";
    private const string CreditNoteType = "381";
    private const string BankCard = "48";
    private const string OnlinePaymentService = "68";
    private const string MutuallyDefined = "ZZZ";

    // UN/ECE recommendation 20: one piece.
    private const string Piece = "C62";

    public static byte[] Write(Invoice invoice)
    {
        using var output = new MemoryStream();
        using (var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false) }))
            new Document(xml, invoice).Write();
        return output.ToArray();
    }

    private sealed class Document(XmlWriter xml, Invoice invoice)
    {
        private readonly bool isCredit = invoice.Kind is InvoiceKind.CreditNote;

        public void Write()
        {
            var root = isCredit ? "CreditNote" : "Invoice";
            xml.WriteStartElement("", root, $"urn:oasis:names:specification:ubl:schema:xsd:{root}-2");
            xml.WriteAttributeString("xmlns", "cac", null, Aggregate);
            xml.WriteAttributeString("xmlns", "cbc", null, Common);
            Basic("CustomizationID", "urn:cen.eu:en16931:2017"); // BT-24
            Basic("ID", invoice.Number.ToString()); // BT-1
            Basic("IssueDate", Day(invoice.IssuedAt)); // BT-2
            Basic(isCredit ? "CreditNoteTypeCode" : "InvoiceTypeCode", isCredit ? CreditNoteType : InvoiceType); // BT-3
            Basic("DocumentCurrencyCode", Currency); // BT-5
            Group("InvoicePeriod", () => // BG-14
            {
                Basic("StartDate", Day(invoice.Lines.Min(line => line.From)));
                Basic("EndDate", LastDay(invoice.Lines.Max(line => line.Until)));
            });
            if (invoice.Corrects is { } corrected) // BG-3
                Group("BillingReference", () => Group("InvoiceDocumentReference", () => Basic("ID", corrected.ToString())));
            Group("AccountingSupplierParty", () => Party(invoice.Seller, invoice.TaxCountry)); // BG-4
            Group("AccountingCustomerParty", () => Party(invoice.Buyer, invoice.TaxCountry)); // BG-7
            Group("PaymentMeans", () => Basic("PaymentMeansCode", invoice.PaidWith switch // BT-81
            {
                "card" => BankCard,
                "paypal" => OnlinePaymentService,
                _ => MutuallyDefined,
            }));
            Group("TaxTotal", () =>
            {
                Amount("TaxAmount", invoice.TaxUsd); // BT-110
                Group("TaxSubtotal", () => // BG-23
                {
                    Amount("TaxableAmount", invoice.NetUsd);
                    Amount("TaxAmount", invoice.TaxUsd);
                    TaxCategory("TaxCategory");
                });
            });
            Group("LegalMonetaryTotal", () => // BG-22
            {
                Amount("LineExtensionAmount", invoice.NetUsd);
                Amount("TaxExclusiveAmount", invoice.NetUsd);
                Amount("TaxInclusiveAmount", invoice.GrossUsd);
                Amount("PrepaidAmount", invoice.GrossUsd); // BT-113: it is paid, or paid back
                Amount("PayableAmount", 0);
            });
            foreach (var (index, line) in invoice.Lines.Index())
                Line(index + 1, line);
            xml.WriteEndElement();
        }

        private void Line(int number, InvoiceLine line) => Group(isCredit ? "CreditNoteLine" : "InvoiceLine", () => // BG-25
        {
            Basic("ID", number.ToString(CultureInfo.InvariantCulture));
            xml.WriteStartElement("cbc", isCredit ? "CreditedQuantity" : "InvoicedQuantity", Common);
            xml.WriteAttributeString("unitCode", Piece);
            xml.WriteString("1");
            xml.WriteEndElement();
            Amount("LineExtensionAmount", line.NetUsd);
            Group("InvoicePeriod", () =>
            {
                Basic("StartDate", Day(line.From));
                Basic("EndDate", LastDay(line.Until));
            });
            Group("Item", () =>
            {
                Basic("Name", line.Master is { } master ? $"License for the signals of {master}" : "License for signals"); // BT-153
                TaxCategory("ClassifiedTaxCategory");
            });
            Group("Price", () => Amount("PriceAmount", line.NetUsd)); // BT-146
        });

        private void Party(InvoiceParty party, string taxCountry) => Group("Party", () =>
        {
            Group("PostalAddress", () =>
            {
                foreach (var (element, line) in ((string[])["StreetName", "AdditionalStreetName"]).Zip(Lines(party)))
                    Basic(element, line);
                if (Lines(party).Skip(2).ToList() is { Count: > 0 } others)
                    Group("AddressLine", () => Basic("Line", string.Join(", ", others)));
                Group("Country", () => Basic("IdentificationCode", party.Country ?? taxCountry)); // the standard requires one
            });
            var vat = party.TaxId is { } taxId && Countries.IsVatIdentifier(taxId) ? taxId : null; // BT-31, BT-48
            var isSeller = ReferenceEquals(party, invoice.Seller);
            if (vat is not null || (isSeller && party.TaxId is not null)) // BT-32 for a seller with a national number
            {
                Group("PartyTaxScheme", () =>
                {
                    Basic("CompanyID", party.TaxId!);
                    Group("TaxScheme", () => Basic("ID", vat is not null ? "VAT" : "TAX"));
                });
            }

            Group("PartyLegalEntity", () =>
            {
                Basic("RegistrationName", party.Name); // BT-27, BT-44
                if (vat is null && party.TaxId is { } number)
                    Basic("CompanyID", number); // BT-30, BT-47
            });
        });

        // S is a rate above 0, Z a rate of 0 (UNCL 5305).
        private void TaxCategory(string element) => Group(element, () =>
        {
            Basic("ID", invoice.TaxPercent > 0 ? "S" : "Z");
            Basic("Percent", invoice.TaxPercent.ToString("0.##", CultureInfo.InvariantCulture));
            Group("TaxScheme", () => Basic("ID", "VAT"));
        });

        private void Group(string element, Action content)
        {
            xml.WriteStartElement("cac", element, Aggregate);
            content();
            xml.WriteEndElement();
        }

        // XML has no control characters; the platform's names may contain some.
        private void Basic(string element, string text) => xml.WriteElementString(
            "cbc", element, Common, string.Concat(text.Where(sign => XmlConvert.IsXmlChar(sign) || char.IsSurrogate(sign))));

        private void Amount(string element, decimal amount)
        {
            xml.WriteStartElement("cbc", element, Common);
            xml.WriteAttributeString("currencyID", Currency);
            xml.WriteString(amount.ToString("0.00", CultureInfo.InvariantCulture));
            xml.WriteEndElement();
        }
    }

    private static string[] Lines(InvoiceParty party) => party.Address?.Split('\n') ?? [];

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string LastDay(DateTimeOffset until) => Day(until - TimeSpan.FromTicks(1));
}
