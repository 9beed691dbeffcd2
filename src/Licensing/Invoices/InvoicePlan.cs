namespace Licensing.Invoices;

/// <summary>An entry of the ledger about a renewal.</summary>
/// <param name="AmountUsd">Above 0 for a fee, below 0 for what went back: a refund, or a dispute that was lost.</param>
public sealed record RenewalEntry(Guid LedgerId, DateTimeOffset At, decimal AmountUsd);

/// <summary>A period that a payment is for.</summary>
public sealed record PaidPeriod(DateTimeOffset From, DateTimeOffset Until, decimal AmountUsd);

/// <summary>A renewal with entries that no document contains yet.</summary>
/// <param name="Buyer">As it is now. A renewal with an invoice keeps the buyer of that invoice.</param>
/// <param name="Periods">The renewal's own period, then the earlier ones that the payment included.</param>
/// <param name="InvoicedUsd">The sum of the entries before.</param>
/// <param name="Entries">In any order.</param>
/// <param name="Issued">Its invoices and credit notes.</param>
public sealed record BillableRenewal(
    Guid RenewalId, Guid SubscriptionId, Guid UserId, string? Master, string PaidWith, InvoiceParty Buyer,
    IReadOnlyList<PaidPeriod> Periods, decimal InvoicedUsd, IReadOnlyList<RenewalEntry> Entries, IReadOnlyList<Invoice> Issued)
{
    /// <summary>The buyer's data were erased: new documents don't contain the mail address, also those about earlier invoices.</summary>
    public bool IsErased { get; init; }
}

/// <summary>
/// The documents for entries of the ledger. Each payment has one invoice, each return a credit note for the invoice that it corrects.
/// The sum of a renewal's invoices without its credit notes is what the ledger says that the renewal cost.
/// </summary>
/// <remarks>
/// A refund may be more than the fee: what a charge left in the wallet was no supply, so nothing is credited for it.
/// </remarks>
public static class InvoicePlan
{
    /// <param name="last">The last number of the series.</param>
    /// <param name="now">The time of issue, in the year of the series.</param>
    /// <returns>In the order of their numbers, which is that of the bookings.</returns>
    public static IReadOnlyList<Invoice> Of(
        IReadOnlyList<BillableRenewal> renewals, InvoiceParty seller, TaxRates rates, InvoiceNumber last, DateTimeOffset now)
    {
        var accounts = renewals.ToDictionary(renewal => renewal.RenewalId, renewal => new Account(renewal, seller, rates, now));
        var documents = new List<Invoice>();
        foreach (var (renewalId, at, amountUsd) in renewals.SelectMany(Movements).OrderBy(one => one.Place).ThenBy(one => one.RenewalId))
            documents.AddRange(accounts[renewalId].Move(at, amountUsd, last with { Sequence = last.Sequence + documents.Count + 1 }));
        return documents;
    }

    private sealed record Movement(Guid RenewalId, DateTimeOffset At, decimal AmountUsd)
    {
        /// <summary>The place of its documents among those of all renewals; in a renewal, it never decreases.</summary>
        public DateTimeOffset Place { get; init; } = At;
    }

    // A payment is one transaction. It may have several fees, if it includes earlier renewals. Each return has a document of its own.
    private static IEnumerable<Movement> Movements(BillableRenewal renewal)
    {
        var movements = renewal.Entries
            .GroupBy(entry => (entry.At, Return: entry.AmountUsd < 0 ? entry.LedgerId : (Guid?)null))
            .Select(group => new Movement(renewal.RenewalId, group.Key.At, group.Sum(entry => entry.AmountUsd)))
            .OrderBy(movement => movement.At).ThenByDescending(movement => movement.AmountUsd)
            .ToList();
        // An entry has the time at which its transaction began: that of a refund may have begun before the payment's. The payment was still
        // booked before, because the refund is of it.
        if (renewal is { InvoicedUsd: 0, Issued: [] } && movements.Find(movement => movement.AmountUsd > 0) is { } payment)
        {
            var first = movements[0].At;
            movements.Remove(payment);
            movements.Insert(0, payment with { Place = first });
        }

        return movements;
    }

    private sealed class Account(BillableRenewal renewal, InvoiceParty seller, TaxRates rates, DateTimeOffset now)
    {
        private readonly List<Invoice> issued = [.. renewal.Issued.OrderBy(document => document.Number.Year)
            .ThenBy(document => document.Number.Sequence)];

        private decimal costUsd = renewal.InvoicedUsd;

        /// <summary>The documents about a movement, numbered from <paramref name="next"/>.</summary>
        public List<Invoice> Move(DateTimeOffset at, decimal amountUsd, InvoiceNumber next)
        {
            var before = Math.Max(0, costUsd);
            costUsd += amountUsd;
            var change = Math.Max(0, costUsd) - before;
            IEnumerable<Invoice> added = change > 0 ? [NewInvoice(at, change)] : change < 0 ? Credits(at, -change) : [];
            var numbered = added
                .Select((document, index) => document with { Number = next with { Sequence = next.Sequence + index } }).ToList();
            issued.AddRange(numbered);
            return numbered;
        }

        private Invoice NewInvoice(DateTimeOffset at, decimal amountUsd)
        {
            // Money that came back, because a refund failed or a dispute was won, pays for the same supply as before.
            var first = issued.Find(document => document.Kind is InvoiceKind.Invoice);
            var (country, percent) = first is null ? rates.For(renewal.Buyer.Country) : (first.TaxCountry, first.TaxPercent);
            var lines = new List<InvoiceLine>();
            var sum = 0m;
            foreach (var period in PeriodsOf(amountUsd, first))
            {
                lines.Add(new InvoiceLine(
                    first is null ? renewal.Master : first.Lines[0].Master, period.From, period.Until, period.AmountUsd,
                    IncludedTax.NetOfPart(sum, period.AmountUsd, percent)));
                sum += period.AmountUsd;
            }

            return Document(InvoiceKind.Invoice, at, first?.Buyer ?? renewal.Buyer, country, percent, lines);
        }

        private IReadOnlyList<PaidPeriod> PeriodsOf(decimal amountUsd, Invoice? first) =>
            first is not null ? [new PaidPeriod(first.Lines[0].From, first.Lines[0].Until, amountUsd)]
            : renewal.Periods.Sum(period => period.AmountUsd) == amountUsd ? renewal.Periods
            : [renewal.Periods[0] with { AmountUsd = amountUsd }];

        // The latest invoices first: they are for money that came back last.
        private IEnumerable<Invoice> Credits(DateTimeOffset at, decimal amountUsd)
        {
            foreach (var corrected in issued.Where(document => document.Kind is InvoiceKind.Invoice).Reverse().ToList())
            {
                var credited = issued.Where(document => document.Corrects == corrected.Number).Sum(document => document.GrossUsd);
                var part = Math.Min(amountUsd, corrected.GrossUsd - credited);
                if (part <= 0)
                    continue;
                amountUsd -= part;
                var line = corrected.Lines[0] with
                {
                    GrossUsd = part,
                    NetUsd = IncludedTax.NetOfPart(credited, part, corrected.TaxPercent),
                };
                yield return Document(
                    InvoiceKind.CreditNote, at, corrected.Buyer, corrected.TaxCountry, corrected.TaxPercent, [line]) with
                {
                    Corrects = corrected.Number,
                };
            }
        }

        private Invoice Document(
            InvoiceKind kind, DateTimeOffset at, InvoiceParty buyer, string country, decimal percent, IReadOnlyList<InvoiceLine> lines) =>
            new(
                new InvoiceNumber("", 0, 0), kind, renewal.RenewalId, renewal.SubscriptionId, renewal.UserId, at, now, seller,
                renewal.IsErased ? buyer.WithoutMailAddress() : buyer, country, percent, renewal.PaidWith, lines);
    }
}
