using LicenseFunctions.Infrastructure.Timers;
using Licensing.Invoices;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Invoices;

/// <param name="Invoices">Issued invoices.</param>
/// <param name="CreditNotes">Issued credit notes.</param>
/// <param name="Waiting">Renewals that wait, because INVOICE_SELLER_NAME is not set.</param>
public sealed record InvoiceCounts(int Invoices, int CreditNotes, long Waiting);

/// <summary>
/// Issues the invoices and credit notes for new entries of the ledger, after the bookings, so that no booking waits for a number.
/// </summary>
public sealed class IssueInvoices(InvoiceSettings settings, InvoiceStore store, TimeProvider clock, ILogger<IssueInvoices> log)
{
    // The ledger's entries have the time at which their transaction began. A booking ends within its command timeout of 30 seconds, so no
    // booking with an earlier time can be committed later.
    private static readonly TimeSpan Age = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    public async Task<InvoiceCounts> RunAsync(CancellationToken cancellationToken)
    {
        if (settings.Issuer is not { } issuer)
            return new InvoiceCounts(0, 0, await store.WaitingAsync(cancellationToken));
        var (until, invoices, creditNotes, hasMore) = (clock.GetUtcNow() + Tick, 0, 0, true);
        while (hasMore && !TimeSlice.IsOver && clock.GetUtcNow() < until)
        {
            (var documents, hasMore) = await store.IssueAsync(
                issuer.Series,
                (renewals, last, now) => InvoicePlan.Of(renewals, issuer.Seller, issuer.Rates, last, now),
                Age, TimeSlice.Batch(usual: 1_000, inSlice: 100), cancellationToken);
            invoices += documents.Count(document => document.Kind is InvoiceKind.Invoice);
            creditNotes += documents.Count(document => document.Kind is InvoiceKind.CreditNote);
        }

        if (invoices + creditNotes > 0)
            log.LogInformation("{Invoices} invoices and {CreditNotes} credit notes were issued", invoices, creditNotes);
        return new InvoiceCounts(invoices, creditNotes, 0);
    }
}
