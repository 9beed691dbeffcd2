using System.Globalization;

namespace Licensing.Invoices;

public enum InvoiceKind
{
    Invoice,

    /// <summary>Corrects an invoice, because money went back to the customer.</summary>
    CreditNote,
}

/// <summary>A number without gaps: one sequence for each issuer and year, for invoices and credit notes together.</summary>
/// <param name="Series">INVOICE_PREFIX.</param>
/// <param name="Year">Of the time of issue, in UTC.</param>
/// <param name="Sequence">From 1.</param>
public sealed record InvoiceNumber(string Series, int Year, int Sequence)
{
    public override string ToString() => $"{Series}-{Year:0000}-{Sequence:000000}";

    /// <exception cref="FormatException">The text is not a number.</exception>
    public static InvoiceNumber Parse(string text) => text.Split('-') is [var series, var year, var sequence]
        ? new InvoiceNumber(series, int.Parse(year, CultureInfo.InvariantCulture), int.Parse(sequence, CultureInfo.InvariantCulture))
        : throw new FormatException($"{text} is not the number of an invoice");
}

/// <summary>The seller or the buyer.</summary>
/// <param name="Address">Without the name and the country; lines are separated by a line feed. Null if it isn't known.</param>
/// <param name="Country">ISO 3166-1 alpha-2; null if it isn't known.</param>
public sealed record InvoiceParty(string Name, string? Address, string? Country, string? TaxId)
{
    /// <summary>After an erasure: a mail address that serves as the name is replaced.</summary>
    public InvoiceParty WithoutMailAddress() => Name.Contains('@', StringComparison.Ordinal) ? this with { Name = "Customer" } : this;
}

/// <summary>One paid period of a license.</summary>
/// <param name="Master">The license's master; null if it isn't known.</param>
/// <param name="Until">Exclusive.</param>
public sealed record InvoiceLine(string? Master, DateTimeOffset From, DateTimeOffset Until, decimal GrossUsd, decimal NetUsd);

/// <summary>An invoice or a credit note. It never changes: it contains everything that it shows.</summary>
/// <param name="BookedAt">When the money moved.</param>
/// <param name="TaxCountry">The country whose rate applies.</param>
/// <param name="PaidWith">wallet, card, paypal, or the word of another means of payment.</param>
/// <param name="Lines">At least one. Amounts are above 0, also those of a credit note.</param>
public sealed record Invoice(
    InvoiceNumber Number, InvoiceKind Kind, Guid RenewalId, Guid SubscriptionId, Guid UserId, DateTimeOffset BookedAt,
    DateTimeOffset IssuedAt, InvoiceParty Seller, InvoiceParty Buyer, string TaxCountry, decimal TaxPercent, string PaidWith,
    IReadOnlyList<InvoiceLine> Lines)
{
    /// <summary>The invoice that a credit note corrects.</summary>
    public InvoiceNumber? Corrects { get; init; }

    public decimal GrossUsd => Lines.Sum(line => line.GrossUsd);

    public decimal NetUsd => Lines.Sum(line => line.NetUsd);

    public decimal TaxUsd => GrossUsd - NetUsd;
}
