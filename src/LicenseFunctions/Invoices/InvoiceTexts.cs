using System.Globalization;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <summary>The texts of an invoice in one language. Numbers and dates don't depend on the server's language.</summary>
internal sealed record InvoiceTexts
{
    public required string Language { get; init; }
    public required string Invoice { get; init; }
    public required string CreditNote { get; init; }
    public required string Number { get; init; }
    public required string Issued { get; init; }
    public required string Paid { get; init; }
    public required string Returned { get; init; }
    public required string Corrects { get; init; }
    public required string BilledTo { get; init; }
    public required string TaxId { get; init; }
    public required string Description { get; init; }
    public required string Amount { get; init; }
    public required string License { get; init; }
    public required string LicenseFor { get; init; }
    public required string Net { get; init; }
    public required string Tax { get; init; }
    public required string Total { get; init; }
    public required string TotalCredit { get; init; }
    public required string PaidWithCard { get; init; }
    public required string PaidWithPayPal { get; init; }
    public required string PaidWithWallet { get; init; }
    public required string PaidOtherwise { get; init; }
    public required string IsReturned { get; init; }
    public required string Included { get; init; }
    public required string Page { get; init; }
    public required string Thousands { get; init; }
    public required string Decimals { get; init; }
    public required string DayPattern { get; init; }
    public required IReadOnlyList<string> Months { get; init; }

    public static readonly IReadOnlyDictionary<string, InvoiceTexts> ByLanguage = new Dictionary<string, InvoiceTexts>
    {
        ["en"] = new()
        {
            Language = "en",
            Invoice = "Invoice",
            CreditNote = "Credit note",
            Number = "Number",
            Issued = "Date of issue",
            Paid = "Date of payment",
            Returned = "Date of refund",
            Corrects = "Corrects invoice",
            BilledTo = "Billed to",
            TaxId = "Tax ID",
            Description = "Description",
            Amount = "Net",
            License = "License for trading signals",
            LicenseFor = "License for the trading signals of {0}",
            Net = "Net amount",
            Tax = "VAT {0}%",
            Total = "Total",
            TotalCredit = "Total credit",
            PaidWithCard = "Paid by card on {0}. Nothing is left to pay.",
            PaidWithPayPal = "Paid with PayPal on {0}. Nothing is left to pay.",
            PaidWithWallet = "Paid from the wallet on {0}. Nothing is left to pay.",
            PaidOtherwise = "Paid on {0}. Nothing is left to pay.",
            IsReturned = "This credit note reduces the amount of invoice {0}. The credit was paid back on {1}.",
            Included = "All amounts are in US dollars (USD). The price includes VAT.",
            Page = "Page {0} of {1}",
            Thousands = ",",
            Decimals = ".",
            DayPattern = "{1}\u00a0{0}, {2}",
            Months =
            [
                "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
            ],
        },
        ["de"] = new()
        {
            Language = "de",
            Invoice = "Rechnung",
            CreditNote = "Rechnungskorrektur",
            Number = "Nummer",
            Issued = "Ausgestellt am",
            Paid = "Bezahlt am",
            Returned = "Erstattet am",
            Corrects = "Zu Rechnung",
            BilledTo = "Rechnung an",
            TaxId = "USt-IdNr./Steuernummer",
            Description = "Leistung",
            Amount = "Netto",
            License = "Lizenz für Handelssignale",
            LicenseFor = "Lizenz für die Handelssignale von {0}",
            Net = "Nettobetrag",
            Tax = "Umsatzsteuer {0} %",
            Total = "Gesamtbetrag",
            TotalCredit = "Korrekturbetrag",
            PaidWithCard = "Am {0} mit Karte bezahlt. Es ist nichts mehr zu zahlen.",
            PaidWithPayPal = "Am {0} mit PayPal bezahlt. Es ist nichts mehr zu zahlen.",
            PaidWithWallet = "Am {0} aus dem Guthaben bezahlt. Es ist nichts mehr zu zahlen.",
            PaidOtherwise = "Am {0} bezahlt. Es ist nichts mehr zu zahlen.",
            IsReturned = "Diese Rechnungskorrektur mindert den Betrag der Rechnung {0}. Der Betrag wurde am {1} erstattet.",
            Included = "Alle Beträge in US-Dollar (USD). Der Preis enthält die Umsatzsteuer.",
            Page = "Seite {0} von {1}",
            Thousands = ".",
            Decimals = ",",
            DayPattern = "{0}.\u00a0{1} {2}",
            Months =
            [
                "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
            ],
        },
    };

    public string Title(Invoice invoice) => invoice.Kind is InvoiceKind.CreditNote ? CreditNote : Invoice;

    public string Usd(decimal amount) => Format(amount, "#,##0.00") + " USD";

    public string Percent(decimal percent) => string.Format(CultureInfo.InvariantCulture, Tax, Format(percent, "0.##"));

    public string Day(DateTimeOffset time)
    {
        var day = time.UtcDateTime;
        return string.Format(CultureInfo.InvariantCulture, DayPattern, day.Day, Months[day.Month - 1], day.Year);
    }

    public string Item(InvoiceLine line) =>
        line.Master is { } master ? string.Format(CultureInfo.InvariantCulture, LicenseFor, master) : License;

    public string Period(InvoiceLine line) => $"{Day(line.From)} – {Day(line.Until - TimeSpan.FromTicks(1))}";

    public string Settlement(Invoice invoice) => invoice.Corrects is { } corrected
        ? string.Format(CultureInfo.InvariantCulture, IsReturned, corrected, Day(invoice.BookedAt))
        : string.Format(
            CultureInfo.InvariantCulture,
            invoice.PaidWith switch
            {
                "card" => PaidWithCard,
                "paypal" => PaidWithPayPal,
                "wallet" => PaidWithWallet,
                _ => PaidOtherwise,
            }, Day(invoice.BookedAt));

    private string Format(decimal amount, string pattern) => amount.ToString(
        pattern, new NumberFormatInfo { NumberGroupSeparator = Thousands, NumberDecimalSeparator = Decimals });
}
