using LicenseFunctions.Infrastructure.Mail;
using Licensing;
using Licensing.Invoices;

namespace LicenseFunctions.Invoices;

/// <summary>
/// Mails with invoices and credit notes. The outbox has only the number: the files are written from the stored document when the mail is
/// sent.
/// </summary>
public sealed class InvoiceMails(InvoiceStore store, MailSettings mail)
{
    private const string Template = "invoice";

    /// <summary>Some mail servers refuse mails of 10 MB. A usual invoice has less than 0.1 MB.</summary>
    private const int MostBytes = 5_000_000;

    // After the settings are set for the first time, invoices are issued for payments of up to a year.
    private static readonly TimeSpan LatestNews = TimeSpan.FromDays(7);

    /// <summary>The mails about documents that were just issued.</summary>
    public static IReadOnlyList<OutboxMail> Of(IReadOnlyList<Invoice> issued, InvoiceSettings settings) => !settings.AreMailed
        ? []
        :
        [
            .. from document in issued
               where document.BookedAt > document.IssuedAt - LatestNews
               select new OutboxMail($"invoice:{document.Number}", Template, document.UserId, new
               {
                   document.SubscriptionId,
                   document.RenewalId,
                   InvoiceNumber = document.Number.ToString(),
                   Kind = EnumWords.Of(document.Kind),
                   Corrects = document.Corrects?.ToString(),
                   AmountUsd = document.GrossUsd,
                   document.BookedAt,
               }),
        ];

    /// <summary>The PDF and the XML of the document that a mail is about.</summary>
    public async Task<IReadOnlyList<MailAttachment>> FilesOfAsync(OutgoingMail outgoing, CancellationToken cancellationToken)
    {
        if (outgoing.Template != Template || outgoing.Model["invoice_number"]?.ToString() is not { } number
            || await store.FindAsync(number, ownerId: null, cancellationToken) is not { } invoice)
            return [];
        var language = outgoing.Language is { } chosen && InvoiceTexts.Languages.Contains(chosen) ? chosen : mail.Language;
        IReadOnlyList<MailAttachment> files =
        [
            new($"{number}.pdf", "application/pdf", InvoicePdf.Write(invoice, language, mail.Brand.Color)),
            new($"{number}.xml", "application/xml", UblInvoice.Write(invoice)),
        ];
        return files.Sum(file => file.Content.Length) <= MostBytes ? files : [];
    }
}
