using System.Runtime.CompilerServices;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using Licensing;
using Licensing.Invoices;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Invoices;

/// <summary>An invoice or credit note in a list.</summary>
public sealed record ListedInvoice
{
    public string Number { get; init; } = "";

    /// <summary>invoice or credit_note.</summary>
    public string Kind { get; init; } = "";

    public DateTime IssuedAt { get; init; }
    public DateTime BookedAt { get; init; }

    /// <summary>The invoice that a credit note corrects.</summary>
    public string? Corrects { get; init; }

    public decimal GrossUsd { get; init; }
    public decimal TaxUsd { get; init; }
    public decimal TaxPercent { get; init; }
    public string PaidWith { get; init; } = "";
    public Guid SubscriptionId { get; init; }
    public string? Master { get; init; }

    /// <summary>For a file: amounts of credit notes are below 0, so a column has the right sum.</summary>
    public ListedInvoice ForSum() =>
        Kind == EnumWords.Of(InvoiceKind.CreditNote) ? this with { GrossUsd = -GrossUsd, TaxUsd = -TaxUsd } : this;
}

/// <summary>An invoice or credit note for the bookkeeper. Amounts of credit notes are below 0, so a column has the right sum.</summary>
public sealed record BookkeepingLine(
    string Number, string Kind, DateTime IssuedAt, DateTime BookedAt, string? Corrects, string BuyerName, string? BuyerCountry,
    string? BuyerTaxId, string TaxCountry, decimal TaxPercent, decimal NetUsd, decimal TaxUsd, decimal GrossUsd, string PaidWith,
    Guid RenewalId, Guid UserId);

/// <summary>A row of <see cref="BookkeepingLine"/> with its place in the order.</summary>
internal sealed record BookkeepingRow
{
    public string Number { get; init; } = "";
    public string Kind { get; init; } = "";
    public DateTime IssuedAt { get; init; }
    public DateTime BookedAt { get; init; }
    public string? Corrects { get; init; }
    public string BuyerName { get; init; } = "";
    public string? BuyerCountry { get; init; }
    public string? BuyerTaxId { get; init; }
    public string TaxCountry { get; init; } = "";
    public decimal TaxPercent { get; init; }
    public decimal NetUsd { get; init; }
    public decimal TaxUsd { get; init; }
    public decimal GrossUsd { get; init; }
    public string PaidWith { get; init; } = "";
    public Guid RenewalId { get; init; }
    public Guid UserId { get; init; }
    public string Series { get; init; } = "";
    public int Sequence { get; init; }

    public BookkeepingLine ToLine()
    {
        var sign = Kind == EnumWords.Of(InvoiceKind.CreditNote) ? -1 : 1;
        return new BookkeepingLine(
            Number, Kind, IssuedAt, BookedAt, Corrects, BuyerName, BuyerCountry, BuyerTaxId, TaxCountry, TaxPercent, sign * NetUsd,
            sign * TaxUsd, sign * GrossUsd, PaidWith, RenewalId, UserId);
    }
}

/// <param name="IsOn">Whether invoices are made: INVOICE_SELLER_NAME is set.</param>
/// <param name="Invoices">Invoices and credit notes, the newest first.</param>
/// <param name="Next">The after of the next page; null on the last page.</param>
public sealed record InvoiceList(bool IsOn, IReadOnlyList<ListedInvoice> Invoices, string? Next);

/// <param name="Name">The name of the file.</param>
public sealed record InvoiceFile(byte[] Content, string MediaType, string Name);

/// <summary>Lists and finds invoices: the caller's own, or a customer's for operators.</summary>
public sealed class ListInvoices(InvoiceSettings settings, LicenseDatabase database, InvoiceStore store, MailSettings mail)
{
    private const int MaxPage = 100;
    private const int CsvPage = 1_000;

    private static readonly string[] Formats = ["pdf", "xml"];

    /// <summary>The longest period of a file.</summary>
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromDays(400);

    private static readonly Refusal NoCustomer = new(RefusalKind.NotFound, "CUSTOMER_NOT_FOUND", "There is no such customer.", "user_id");

    private static readonly Refusal NotFound = new(RefusalKind.NotFound, "INVOICE_NOT_FOUND", "There is no such invoice.", "number");

    /// <param name="asCsv">For a file, which has more rows than a page.</param>
    public async Task<Outcome<InvoiceList>> RunAsync(
        IQueryCollection query, Caller caller, bool asCsv, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var limit = asCsv
            ? parameters.Number("limit", 1, ListQuery.MostCsvRows, ListQuery.MostCsvRows)
            : parameters.Number("limit", 1, MaxPage, 25);
        var after = parameters.Text("after");
        var asked = parameters.Id("user_id", "the id of a customer");
        if (parameters.Refusal is { } wrong)
            return wrong;
        // The parameter is refused rather than ignored, so that nobody takes the list for another customer's.
        if (!caller.IsOperator && asked is not null && asked != caller.UserId)
            return NoCustomer;
        if ((caller.IsOperator ? asked : caller.UserId) is not { } owner)
            return new Refusal(RefusalKind.Invalid, "INVALID_QUERY", "user_id must be the id of a customer.", "user_id");

        var invoices = await database.ReadLatestAsync(token => store.ListAsync(owner, after, limit + 1, token), cancellationToken);
        return new InvoiceList(
            settings.Issuer is not null, [.. invoices.Take(limit)], invoices.Count > limit ? invoices[limit - 1].Number : null);
    }

    /// <summary>The invoice as a PDF or as an electronic invoice. It is written from the stored document.</summary>
    public async Task<Outcome<InvoiceFile>> FileAsync(
        string number, IQueryCollection query, Caller caller, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var (format, language) = (parameters.OneOf("format", Formats), parameters.OneOf("language", [.. InvoiceTexts.Languages.Order()]));
        if (parameters.Refusal is { } wrong)
            return wrong;
        if (await database.ReadLatestAsync(token => store.FindAsync(number, caller.SubscriberScope, token), cancellationToken)
            is not { } invoice)
            return NotFound;
        return format == "xml"
            ? new InvoiceFile(UblInvoice.Write(invoice), "application/xml", $"{number}.xml")
            : new InvoiceFile(InvoicePdf.Write(invoice, language ?? "en", mail.Brand.Color), "application/pdf", $"{number}.pdf");
    }

    /// <summary>All documents that were issued in a period, in the order of their numbers.</summary>
    public Outcome<IAsyncEnumerable<BookkeepingLine>> OfPeriod(IQueryCollection query, CancellationToken cancellationToken)
    {
        var parameters = new ListQuery(query);
        var (from, to) = (parameters.Time("from"), parameters.Time("to"));
        if (parameters.Refusal is { } wrong)
            return wrong;
        return from is { } start && to is { } end && start < end && end - start <= LongestPeriod
            ? new Outcome<IAsyncEnumerable<BookkeepingLine>>(ReadAsync(start, end, cancellationToken))
            : new Refusal(
                RefusalKind.Invalid, "INVALID_QUERY",
                $"from and to must be times, from before to, and at most {LongestPeriod.TotalDays:0} days apart.", "from",
                "from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    }

    // Page by page: a read on the replica may be repeated, so it must not write the answer.
    private async IAsyncEnumerable<BookkeepingLine> ReadAsync(
        DateTime from, DateTime to, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<BookkeepingRow> page = [];
        do
        {
            var after = page is [.., var last] ? last : null;
            page = await database.ReadLatestAsync(token => store.OfPeriodAsync(from, to, after, CsvPage, token), cancellationToken);
            foreach (var row in page)
                yield return row.ToLine();
        }
        while (page.Count == CsvPage);
    }
}
