namespace Licensing.Renewals;

/// <summary>
/// Compares the provider's statement with the books. Payments are matched by the provider's ids, never by time: both sides record a
/// payment at slightly different times, so the ends of a period would differ.
/// </summary>
public static class Reconciliation
{
    /// <summary>
    /// Payments of the period's books that the period's statement doesn't contain. The provider may have recorded them before or after the
    /// period, so it is asked about each.
    /// </summary>
    /// <returns>Ids of charges, refunds and disputes; the intent's for a charge without an id.</returns>
    public static IReadOnlyList<string> Unseen(IReadOnlyList<StatementEntry> statement, PaymentBooks books) =>
        [.. new Matching(statement, books).Unseen().Select(one => one.Id)];

    /// <summary>
    /// Refunds that failed and disputes that were won in the period, and whose money did not come back in it. The provider is asked whether
    /// it came back on another day, or never left.
    /// </summary>
    public static IReadOnlyList<string> Unreturned(IReadOnlyList<StatementEntry> statement, PaymentBooks books) =>
        [.. new Matching(statement, books).Unreturned().Select(one => one.ProviderId)];

    /// <param name="statement">All entries that the provider recorded in the period.</param>
    /// <param name="books">See <see cref="PaymentBooks"/>.</param>
    /// <param name="elsewhere">Those of <see cref="Unseen"/> that the provider has.</param>
    /// <param name="withdrawn">Those of <see cref="Unreturned"/> whose money did not come back.</param>
    public static PaymentComparison Compare(
        IReadOnlyList<StatementEntry> statement, PaymentBooks books, IReadOnlySet<string> elsewhere, IReadOnlySet<string> withdrawn) =>
        new Matching(statement, books).Compare(elsewhere, withdrawn);

    private sealed class Matching(IReadOnlyList<StatementEntry> statement, PaymentBooks books)
    {
        private const string Usd = "usd";

        private readonly ILookup<string, BookedCharge> charges = books.Charges
            .SelectMany(one => Keys(one.ChargeId, one.IntentId).Select(key => (key, one))).ToLookup(pair => pair.key, pair => pair.one);

        private readonly ILookup<Guid, BookedCharge> renewals = books.Charges.ToLookup(one => one.RenewalId);

        private readonly Dictionary<(ReversalKind Kind, string Id), BookedReversal> reversals =
            books.Reversals.ToDictionary(one => (one.Kind, one.ProviderId));

        private readonly ILookup<string, BookedCase> cases = books.Cases
            .SelectMany(one => Keys(one.Subject, one.ChargeId).Select(key => (key, one))).ToLookup(pair => pair.key, pair => pair.one);

        private readonly List<PaymentDifference> differences = [];
        private readonly List<PaymentCase> newCases = [];
        private ChargeSum booked = ChargeSum.None;
        private ChargeSum decided = ChargeSum.None;
        private ChargeSum otherSystems = ChargeSum.None;

        public PaymentComparison Compare(IReadOnlySet<string> elsewhere, IReadOnlySet<string> withdrawn)
        {
            foreach (var entry in statement)
            {
                if (entry.Kind is StatementKind.Unreadable)
                    differences.Add(new PaymentDifference(
                        DifferenceKind.UnreadableEntry, entry.CreatedAt, entry.EntryId, null, null, null, entry.AmountMinor,
                        entry.Currency, null, null, "The provider has an entry that can't be read."));
                else if (entry is { Kind: StatementKind.Charge, Payment: { } charge })
                    CompareCharge(entry, charge);
                else if (entry.Payment is { } reversal)
                    CompareReversal(entry, reversal);
            }

            foreach (var missing in Unseen().Where(one => !elsewhere.Contains(one.Id)))
                differences.Add(missing.Difference);
            foreach (var row in Unreturned().Where(one => withdrawn.Contains(one.ProviderId))) DifferByReturn(row);
            return new PaymentComparison(
                differences, PaymentComparison.Sum(statement.Select(StatementTotals.Of)), booked, decided, otherSystems)
            {
                NewCases = newCases,
            };
        }

        private void CompareCharge(StatementEntry entry, StatementPayment charge)
        {
            var known = Keys(charge.ChargeId, charge.IntentId).SelectMany(key => charges[key]).ToList();
            if (known.Find(one => one.IsPaidBy(charge)) is { } paid)
            {
                booked += new ChargeSum(1, paid.AmountMinor ?? 0);
                CompareAmounts(entry, charge, paid.AmountMinor, Usd, paid.RenewalId, paid.SubscriptionId);
                if (paid.AmountMinor is { } amount && paid.LedgerMinor != amount - paid.ReversedMinor)
                {
                    Differ(
                        DifferenceKind.LedgerDiffers, entry, charge, paid, paid.LedgerMinor,
                        "The wallet's ledger has another amount than the renewal with its refunds and disputes.");
                }

                return;
            }

            if (CaseOf(charge, isReversal: false) is { } concern)
            {
                if (concern.Decision is not null) decided += new ChargeSum(1, charge.AmountMinor);
                else DifferByCase(entry, charge, concern);
                return;
            }

            var renewal = known.FirstOrDefault() ?? (charge.RenewalId is { } id ? renewals[id].FirstOrDefault() : null);
            if (renewal is not null)
            {
                var waits = renewal.Status.IsChargeOpen() && (renewal.IntentId is null || renewal.IntentId == charge.IntentId);
                Differ(
                    waits ? DifferenceKind.ChargeInFlight : DifferenceKind.ChargeNotInBooks, entry, charge, renewal, null,
                    waits ? "The charge succeeded; its renewal still waits for the outcome." : "The charge succeeded and is not booked.");
            }
            else if (charge.RenewalId is not null)
            {
                DifferUnknown(entry, charge);
                newCases.Add(new PaymentCase(
                    PaymentCaseReason.UnknownRenewal, charge.IntentId ?? charge.Id, charge.RenewalId, charge.SubscriptionId,
                    charge.UserId, charge.ChargeId, charge.AmountMinor, charge.Currency,
                    "The charge names a renewal that doesn't exist."));
            }
            else
            {
                otherSystems += new ChargeSum(1, charge.AmountMinor);
            }
        }

        private void CompareReversal(StatementEntry entry, StatementPayment reversal)
        {
            var isDispute = entry.Kind is StatementKind.Dispute or StatementKind.DisputeReversal;
            var row = reversals.GetValueOrDefault((isDispute ? ReversalKind.Dispute : ReversalKind.Refund, reversal.Id));
            // Only the sum of a charge's refunds may have been reported.
            var total = !isDispute && row is null && reversal.ChargeId is { } charge
                ? reversals.GetValueOrDefault((ReversalKind.RefundTotal, charge))
                : null;
            if (total?.AmountMinor >= reversal.AmountMinor && total.Currency == reversal.Currency) row = total;

            if (row is { IsApplied: false } or null && CaseOf(reversal, isReversal: true) is { } concern)
            {
                if (concern.Decision is null)
                    DifferByCase(entry, reversal, concern);
                else if (concern.Decision == "credited" && entry.Kind is StatementKind.Refund or StatementKind.Dispute
                    && row?.State is not (ReversalState.Failed or ReversalState.Won))
                    Differ(
                        DifferenceKind.CreditedAndReversed, entry, reversal, null, null,
                        "The charge was credited to the wallet, and is refunded or disputed at the provider.");
                return;
            }

            if (row is null)
            {
                Differ(
                    isDispute ? DifferenceKind.DisputeNotInBooks : DifferenceKind.RefundNotInBooks, entry, reversal, null, null,
                    isDispute ? "The dispute is not in the books." : "The refund is not in the books.");
            }
            else if (!row.IsApplied)
            {
                Differ(
                    DifferenceKind.ReversalInFlight, entry, reversal, row, "The refund or dispute is known; its charge is not booked yet.");
            }
            else if (row == total || CompareAmounts(
                entry, reversal, row.AmountMinor, row.Currency, row.RenewalId, row.SubscriptionId))
            {
                CompareStates(entry, reversal, row);
            }
        }

        private void CompareStates(StatementEntry entry, StatementPayment reversal, BookedReversal row)
        {
            if (entry.Kind is StatementKind.RefundFailure && row.State != ReversalState.Failed)
                Differ(DifferenceKind.RefundFailureNotInBooks, entry, reversal, row, "The refund failed; the books say that it succeeded.");
            if (entry.Kind is StatementKind.DisputeReversal && row.State != ReversalState.Won)
                Differ(
                    DifferenceKind.DisputeReversalNotInBooks, entry, reversal, row,
                    "The money of the dispute was given back; the books don't say that it is won.");
        }

        private void DifferByReturn(BookedReversal row)
        {
            var isRefund = row.Kind is ReversalKind.Refund;
            differences.Add(new PaymentDifference(
                isRefund ? DifferenceKind.RefundFailureNotAtProvider : DifferenceKind.DisputeReversalNotAtProvider, row.ChangedAt,
                row.ProviderId, null, row.RenewalId, row.SubscriptionId, row.AmountMinor, row.Currency, 0, row.Currency,
                isRefund
                    ? "The books say that the refund failed; its money did not come back."
                    : "The books say that the dispute is won; its money was not given back."));
        }

        public IEnumerable<BookedReversal> Unreturned()
        {
            var returned = statement.Where(entry => entry.Kind is StatementKind.RefundFailure or StatementKind.DisputeReversal)
                .Select(entry => entry.Payment?.Id).ToHashSet(StringComparer.Ordinal);
            return books.Reversals.Where(
                one => one.IsReturned && books.IsInPeriod(one.ChangedAt) && !returned.Contains(one.ProviderId));
        }

        /// <returns>Whether both are equal.</returns>
        private bool CompareAmounts(
            StatementEntry entry, StatementPayment payment, long? amount, string currency, Guid? renewalId, Guid? subscriptionId)
        {
            if (payment.Currency == currency && payment.AmountMinor == amount) return true;
            var isCurrency = payment.Currency != currency;
            differences.Add(new PaymentDifference(
                isCurrency ? DifferenceKind.CurrencyDiffers : DifferenceKind.AmountDiffers, entry.CreatedAt, payment.Id, payment.IntentId,
                renewalId, subscriptionId, payment.AmountMinor, payment.Currency, amount, currency,
                isCurrency ? "Another currency was booked." : "Another amount was booked."));
            return false;
        }

        /// <summary>
        /// Prefers an open case to a decided one, and a case CreditedAndReversed to the case whose charge was credited. A case about a
        /// refund or dispute doesn't explain the charge.
        /// </summary>
        private BookedCase? CaseOf(StatementPayment payment, bool isReversal) => Keys(payment.Id, payment.ChargeId, payment.IntentId)
            .SelectMany(key => cases[key])
            .Where(one => one.IsAbout(payment) && (isReversal || !one.IsAboutReversal) && one.Decision != "applied")
            .OrderBy(one => one.Decision is not null)
            .ThenBy(one => one.Reason is not PaymentCaseReason.CreditedAndReversed)
            .FirstOrDefault();

        private void DifferByCase(StatementEntry entry, StatementPayment payment, BookedCase concern)
        {
            if (concern.Reason is PaymentCaseReason.UnknownRenewal && entry.Kind is StatementKind.Charge)
                DifferUnknown(entry, payment);
            else
                Differ(
                    DifferenceKind.CaseOpen, entry, payment, null, null,
                    $"An operator must decide about the payment: {EnumWords.Of(concern.Reason).Replace('_', ' ')}.");
        }

        private void DifferUnknown(StatementEntry entry, StatementPayment charge) => differences.Add(new PaymentDifference(
            DifferenceKind.UnknownRenewal, entry.CreatedAt, charge.Id, charge.IntentId, charge.RenewalId, charge.SubscriptionId,
            charge.AmountMinor, charge.Currency, null, null,
            "The charge names a renewal that doesn't exist. An operator must decide about it."));

        private void Differ(
            DifferenceKind kind, StatementEntry entry, StatementPayment payment, BookedCharge? row, long? booksMinor, string detail) =>
            differences.Add(new PaymentDifference(
                kind, entry.CreatedAt, payment.Id, payment.IntentId, row?.RenewalId, row?.SubscriptionId, payment.AmountMinor,
                payment.Currency, booksMinor, booksMinor is null ? null : Usd, detail));

        private void Differ(
            DifferenceKind kind, StatementEntry entry, StatementPayment payment, BookedReversal row, string detail) =>
            differences.Add(new PaymentDifference(
                kind, entry.CreatedAt, payment.Id, payment.IntentId, row.RenewalId, row.SubscriptionId, payment.AmountMinor,
                payment.Currency, row.AmountMinor, row.Currency, detail));

        public IEnumerable<(string Id, PaymentDifference Difference)> Unseen()
        {
            var payments = statement.Select(entry => entry.Payment).OfType<StatementPayment>().ToList();
            var seen = payments.SelectMany(one => Keys(one.Id, one.ChargeId, one.IntentId)).ToHashSet(StringComparer.Ordinal);
            foreach (var charge in books.Charges.Where(one => books.IsInPeriod(one.BookedAt)))
            {
                if (seen.Contains(charge.ChargeId!)) continue;
                yield return (charge.ChargeId!, new PaymentDifference(
                    DifferenceKind.ChargeNotAtProvider, charge.BookedAt!.Value, charge.ChargeId!, charge.IntentId, charge.RenewalId,
                    charge.SubscriptionId, null, null, charge.AmountMinor, Usd, "The charge is booked; the provider doesn't have it."));
            }

            var reversed = payments.Select(one => one.Id).ToHashSet(StringComparer.Ordinal);
            foreach (var row in books.Reversals.Where(one => books.IsInPeriod(one.SeenAt) && !reversed.Contains(one.ProviderId)))
            {
                // A pending refund, and an inquiry or open dispute, may not have moved money yet.
                var isRefund = row is { Kind: ReversalKind.Refund, State: ReversalState.Succeeded };
                if (!isRefund && row is not { Kind: ReversalKind.Dispute, State: ReversalState.Lost }) continue;
                yield return (row.ProviderId, new PaymentDifference(
                    isRefund ? DifferenceKind.RefundNotAtProvider : DifferenceKind.DisputeNotAtProvider, row.SeenAt, row.ProviderId, null,
                    row.RenewalId, row.SubscriptionId, null, null, row.AmountMinor, row.Currency,
                    (isRefund, row.RenewalId) switch
                    {
                        (true, null) => "A refund of an unknown charge was reported, and is not booked; the provider doesn't have it.",
                        (true, _) => "The refund is booked; the provider doesn't have it.",
                        (false, null) => "A lost dispute of an unknown charge was reported, and is not booked; the provider took nothing.",
                        _ => "The lost dispute is booked; the provider took nothing.",
                    }));
            }
        }

        private static IEnumerable<string> Keys(params IEnumerable<string?> ids) => ids.OfType<string>().Distinct();
    }
}
