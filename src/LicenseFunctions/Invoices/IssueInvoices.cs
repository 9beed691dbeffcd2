using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Timers;
using Licensing.Invoices;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Invoices;

/// <param name="Invoices">Issued invoices.</param>
/// <param name="CreditNotes">Issued credit notes.</param>
/// <param name="Skipped">Renewals that could not be invoiced.</param>
/// <param name="Waiting">
/// Renewals that wait, because INVOICE_SELLER_NAME is not set or the providers' events are not read after a stop or a restore; at most
/// 10,000.
/// </param>
public sealed record InvoiceCounts(int Invoices, int CreditNotes, int Skipped, int Waiting);

/// <summary>
/// Issues the invoices and credit notes for new entries of the ledger, after the bookings, so that no booking waits for a number.
/// </summary>
public sealed class IssueInvoices(
    InvoiceSettings settings, RenewalPolicy policy, InvoiceStore store, SkippedRows skipped, TimeProvider clock,
    ILogger<IssueInvoices> log)
{
    // The ledger's entries have the time at which their transaction began. A booking ends within its command timeout of 30 seconds, so no
    // booking with an earlier time can be committed later.
    private static readonly TimeSpan Age = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(4);

    /// <summary>When a renewal that could not be invoiced is tried again. Operators see it for two hours after each try.</summary>
    private static readonly TimeSpan NextTry = TimeSpan.FromHours(1);

    /// <summary>How long renewals wait for the settings of a seller.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(365);

    private const int MostCounted = 10_000;

    public async Task<InvoiceCounts> RunAsync(CancellationToken cancellationToken)
    {
        if (settings.Issuer is not { } issuer)
        {
            await store.ForgetAsync(LongestWait, MostCounted, cancellationToken);
            return new InvoiceCounts(0, 0, 0, await store.WaitingAsync(MostCounted, cancellationToken));
        }

        // A provider that is not configured any more is never read.
        if (await store.AwaitsEventsAsync(policy.IdempotencyKeyLifetimes.Keys, cancellationToken))
            return new InvoiceCounts(0, 0, 0, await store.WaitingAsync(MostCounted, cancellationToken));

        var (until, counts, batch) = (clock.GetUtcNow() + Tick, new InvoiceCounts(0, 0, 0, 0), TimeSlice.Batch(usual: 1_000, inSlice: 100));
        for (var marked = batch; marked == batch && !TimeSlice.IsOver && clock.GetUtcNow() < until;)
        {
            var marks = await store.NextAsync(Age, batch, cancellationToken);
            marked = marks.Count;
            counts = await IssueAsync(issuer, marks, counts, cancellationToken);
        }

        if (counts.Invoices + counts.CreditNotes > 0)
            log.LogInformation("{Invoices} invoices and {CreditNotes} credit notes were issued", counts.Invoices, counts.CreditNotes);
        return counts;
    }

    // If one renewal can't be invoiced, halves are issued until that renewal is alone. It is left out, so that the others have invoices.
    private async Task<InvoiceCounts> IssueAsync(
        InvoiceIssuer issuer, IReadOnlyList<InvoiceMark> marks, InvoiceCounts counts, CancellationToken cancellationToken)
    {
        if (marks.Count == 0)
            return counts;
        try
        {
            var documents = await store.IssueAsync(
                issuer.Series, marks, (renewals, last, now) => InvoicePlan.Of(renewals, issuer.Seller, issuer.Rates, last, now),
                issued => InvoiceMails.Of(issued, settings), cancellationToken);
            var invoices = documents.Count(document => document.Kind is InvoiceKind.Invoice);
            return counts with { Invoices = counts.Invoices + invoices, CreditNotes = counts.CreditNotes + documents.Count - invoices };
        }
        catch (Exception failure) when (ConcernsOneRow(failure))
        {
            if (marks is [var alone])
            {
                await skipped.ReportAsync("invoice", alone.RenewalId, failure, cancellationToken);
                await store.PostponeAsync(alone, NextTry, cancellationToken);
                return counts with { Skipped = counts.Skipped + 1 };
            }

            var half = marks.Count / 2;
            counts = await IssueAsync(issuer, [.. marks.Take(half)], counts, cancellationToken);
            return await IssueAsync(issuer, [.. marks.Skip(half)], counts, cancellationToken);
        }
    }

    // A value that the database or this process can't work with.
    private static bool ConcernsOneRow(Exception failure) => failure is PostgresException refused
        ? SkippedRows.IsCausedByData(refused)
        : failure is not OperationCanceledException && !ConnectionLoss.IsReportedBy(failure);
}
