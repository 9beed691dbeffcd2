using System.Collections.Frozen;
using System.Globalization;
using LicenseFunctions.Infrastructure.Mail;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <summary>The texts of an invoice in one language. Numbers and dates don't depend on the server's language.</summary>
internal sealed record InvoiceTexts
{
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

    /// <summary>A date of day, month and year, with a space that doesn't break.</summary>
    public required string DayPattern { get; init; }

    /// <summary>For example de.</summary>
    public string Language { get; private init; } = "";

    private LanguageFormats Formats { get; init; } = null!;

    private static readonly FrozenDictionary<string, Lazy<InvoiceTexts>> ByLanguage = LanguageFile.Languages.ToFrozenDictionary(
        language => language, language => new Lazy<InvoiceTexts>(() => Read(language, LanguageFile.Of(language))));

    public static IReadOnlyList<string> Languages => ByLanguage.Keys;

    public static InvoiceTexts In(string language) => ByLanguage[language].Value;

    private static InvoiceTexts Read(string language, LanguageFile file) =>
        file.Read<InvoiceTexts>("invoice") with { Language = language, Formats = file.Read<LanguageFormats>("formats") };

    public string Title(Invoice invoice) => invoice.Kind is InvoiceKind.CreditNote ? CreditNote : Invoice;

    public string Usd(decimal amount) => Format(amount, "#,##0.00") + " USD";

    public string Percent(decimal percent) => string.Format(CultureInfo.InvariantCulture, Tax, Format(percent, "0.##"));

    public string Day(DateTimeOffset time)
    {
        var day = time.UtcDateTime;
        return string.Format(CultureInfo.InvariantCulture, DayPattern, day.Day, Formats.Months[day.Month - 1], day.Year);
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
        pattern, new NumberFormatInfo { NumberGroupSeparator = Formats.GroupSeparator, NumberDecimalSeparator = Formats.DecimalSeparator });
}
