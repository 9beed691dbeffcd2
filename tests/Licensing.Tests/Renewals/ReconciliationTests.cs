using Licensing.Renewals;
using Xunit;

namespace Licensing.Tests.Renewals;

/// <summary>
/// November 1, UTC: a charge ch_1 of 49.99 for intent pi_1, in the provider's statement and in the books, each with changes.
/// </summary>
public sealed class ReconciliationTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Renewal = Given.Due.RenewalId;
    private static readonly Guid License = Given.Due.SubscriptionId;

    private static readonly StatementPayment Payment =
        new("ch_1", "ch_1", "pi_1", 4999, "usd", Renewal, License, Given.Due.UserId);

    private static readonly StatementEntry Charge = new("txn_1", StatementKind.Charge, Noon, 4999, 175, "usd", Payment);

    private static readonly BookedCharge Booked =
        new(Renewal, License, RenewalStatus.Applied, "pi_1", "ch_1", 4999, Noon.AddSeconds(2), LedgerMinor: 4999, ReversedMinor: 0);

    private static readonly BookedCharge Waiting = Booked with { Status = RenewalStatus.Unknown, ChargeId = null, BookedAt = null };

    private static readonly StatementEntry Refund =
        new("txn_2", StatementKind.Refund, Noon, -2000, 0, "usd", new StatementPayment("re_1", "ch_1", "pi_1", 2000, "usd"));

    private static readonly BookedReversal Refunded = new(
        ReversalKind.Refund, "re_1", ReversalState.Succeeded, 2000, "usd", Noon, IsApplied: true, Renewal, License);

    private static readonly StatementEntry Dispute =
        new("txn_3", StatementKind.Dispute, Noon, -4999, 1500, "usd", new StatementPayment("du_1", "ch_1", "pi_1", 4999, "usd"));

    private static readonly BookedReversal Disputed = Refunded with
    {
        Kind = ReversalKind.Dispute,
        ProviderId = "du_1",
        State = ReversalState.Open,
        AmountMinor = 4999,
    };

    /// <summary>A charge in the statement; what the books have; the difference, null for none.</summary>
    public static readonly TheoryData<string, StatementEntry, BookedCharge?, BookedCase?, DifferenceKind?> Charges = new()
    {
        { "booked", Charge, Booked, null, null },
        { "booked by the intent, as an operator wrote it", Charge, Booked with { ChargeId = "pi_1" }, null, null },
        { "booked by the charge; the renewal has another intent now", Charge, Booked with { IntentId = "pi_2" }, null, null },
        { "another charge is booked for the intent's renewal", Charge, Booked with { ChargeId = "ch_2" }, null,
            DifferenceKind.ChargeNotInBooks },
        { "booked days later", Charge, Booked with { BookedAt = Noon.AddDays(9) }, null, null },
        { "one cent more was charged", With(Payment with { AmountMinor = 5000 }), Booked, null, DifferenceKind.AmountDiffers },
        { "one cent less was charged", With(Payment with { AmountMinor = 4998 }), Booked, null, DifferenceKind.AmountDiffers },
        { "the booked amount can't be read", Charge, Booked with { AmountMinor = null }, null, DifferenceKind.AmountDiffers },
        { "another currency", With(Payment with { Currency = "eur" }), Booked, null, DifferenceKind.CurrencyDiffers },
        { "only the balance has another currency", Charge with { Currency = "eur", AmountMinor = 4612 }, Booked, null, null },
        { "the ledger has a cent less", Charge, Booked with { LedgerMinor = 4998 }, null, DifferenceKind.LedgerDiffers },
        { "the ledger is net of a refund", Charge, Booked with { LedgerMinor = 2999, ReversedMinor = 2000 }, null, null },
        { "a refund without ledger entry", Charge, Booked with { ReversedMinor = 2000 }, null, DifferenceKind.LedgerDiffers },
        { "the answer is not known yet", Charge, Waiting, null, DifferenceKind.ChargeInFlight },
        { "it is being charged", Charge, Waiting with { Status = RenewalStatus.Charging }, null, DifferenceKind.ChargeInFlight },
        { "nobody decided", Charge, Waiting with { Status = RenewalStatus.Undecided }, null, DifferenceKind.ChargeInFlight },
        { "another intent is open", Charge, Waiting with { IntentId = "pi_2" }, null, DifferenceKind.ChargeNotInBooks },
        { "the renewal lapsed", Charge, Waiting with { Status = RenewalStatus.Lapsed }, null, DifferenceKind.ChargeNotInBooks },
        { "the wallet paid it", Charge, Waiting with { Status = RenewalStatus.Applied }, null, DifferenceKind.ChargeNotInBooks },
        { "paid twice, not decided", Charge, Waiting, Case(PaymentCaseReason.PaidTwice, null), DifferenceKind.CaseOpen },
        { "paid twice, credited", Charge, Waiting, Case(PaymentCaseReason.PaidTwice, "credited"), null },
        { "a refund of it doesn't explain the charge", Charge, null, Case(PaymentCaseReason.CreditedAndReversed, "dismissed"),
            DifferenceKind.UnknownRenewal },
        { "a row lost by a restore", Charge, null, null, DifferenceKind.UnknownRenewal },
        { "the same, with its case", Charge, null, Case(PaymentCaseReason.UnknownRenewal, null), DifferenceKind.UnknownRenewal },
        { "the same, dismissed", Charge, null, Case(PaymentCaseReason.UnknownRenewal, "dismissed"), null },
        { "the same, refunded", Charge, null, Case(PaymentCaseReason.UnknownRenewal, "refunded"), null },
        { "it was applied, then restored again", Charge, null, Case(PaymentCaseReason.UnknownRenewal, "applied"),
            DifferenceKind.UnknownRenewal },
        { "only its refund was decided", Charge, null, Case(PaymentCaseReason.UnknownCharge, "dismissed"), DifferenceKind.UnknownRenewal },
        { "another system's charge", With(Payment with { RenewalId = null }), null, null, null },
        { "an entry that can't be read", Charge with { Kind = StatementKind.Unreadable, Payment = null }, null, null,
            DifferenceKind.UnreadableEntry },
    };

    [Theory]
    [MemberData(nameof(Charges))]
    public void Compare_ACharge_NamesTheDifference(
        string why, StatementEntry entry, BookedCharge? charge, BookedCase? concern, DifferenceKind? difference)
    {
        var found = Compare([entry], charges: charge, cases: concern);

        Assert.Equal((why, difference), (why, Kind(found)));
        var hasCase = concern is { Reason: PaymentCaseReason.UnknownRenewal, Decision: null };
        var isNew = difference is DifferenceKind.UnknownRenewal && !hasCase;
        Assert.Equal((why, isNew), (why, found.NewCases.Count == 1));
    }

    /// <summary>A refund or dispute in the statement; what the books have; the difference, null for none.</summary>
    public static readonly TheoryData<string, StatementEntry, BookedReversal?, BookedCase?, DifferenceKind?> Reversed = new()
    {
        { "a refund", Refund, Refunded, null, null },
        { "a refund that is pending here", Refund, Refunded with { State = ReversalState.Pending }, null, null },
        { "of which only the sum was reported", Refund, Total(2000), null, null },
        { "the sum is too small", Refund, Total(1999), null, DifferenceKind.RefundNotInBooks },
        { "made in the provider's dashboard, not reported", Refund, null, null, DifferenceKind.RefundNotInBooks },
        { "another refund is known", Refund, Refunded with { ProviderId = "re_2" }, null, DifferenceKind.RefundNotInBooks },
        { "another amount", Refund, Refunded with { AmountMinor = 1999 }, null, DifferenceKind.AmountDiffers },
        { "another currency", Refund, Refunded with { Currency = "eur" }, null, DifferenceKind.CurrencyDiffers },
        { "its charge is not booked yet", Refund, Refunded with { IsApplied = false }, null, DifferenceKind.ReversalInFlight },
        { "of an unknown charge", Refund, Refunded with { IsApplied = false }, Case(PaymentCaseReason.UnknownCharge, null),
            DifferenceKind.CaseOpen },
        { "of an unknown charge, decided", Refund, Refunded with { IsApplied = false }, Case(PaymentCaseReason.UnknownCharge, "dismissed"),
            null },
        { "of a charge whose case it closed", Refund, Refunded with { IsApplied = false },
            Case(PaymentCaseReason.UnknownRenewal, "refunded"), null },
        { "of a charge that was credited to the wallet", Refund, Refunded with { IsApplied = false },
            Case(PaymentCaseReason.UnknownRenewal, "credited"), DifferenceKind.CreditedAndReversed },
        { "the same, not reported", Dispute, null, Case(PaymentCaseReason.PaidTwice, "credited"), DifferenceKind.CreditedAndReversed },
        { "the same, to be decided", Refund, Refunded with { IsApplied = false }, Case(PaymentCaseReason.CreditedAndReversed, null),
            DifferenceKind.CaseOpen },
        { "the same, decided", Refund, Refunded with { IsApplied = false }, Case(PaymentCaseReason.CreditedAndReversed, "dismissed"),
            null },
        { "of a charge that was credited after the refund failed", Refund,
            Refunded with { IsApplied = false, State = ReversalState.Failed },
            Case(PaymentCaseReason.PaidTwice, "credited"), null },
        { "a refund of a credited charge that failed", Refund with { Kind = StatementKind.RefundFailure }, null,
            Case(PaymentCaseReason.PaidTwice, "credited"), null },
        { "a case of another charge", Refund, null, new(PaymentCaseReason.UnknownCharge, "pi_9", null, "dismissed"),
            DifferenceKind.RefundNotInBooks },
        { "it failed", Refund with { Kind = StatementKind.RefundFailure }, Refunded with { State = ReversalState.Failed }, null, null },
        { "it failed, not reported", Refund with { Kind = StatementKind.RefundFailure }, Refunded, null,
            DifferenceKind.RefundFailureNotInBooks },
        { "a dispute", Dispute, Disputed, null, null },
        { "a lost dispute", Dispute, Disputed with { State = ReversalState.Lost }, null, null },
        { "a dispute, not reported", Dispute, null, null, DifferenceKind.DisputeNotInBooks },
        { "a refund with the dispute's id", Dispute, Refunded with { ProviderId = "du_1" }, null, DifferenceKind.DisputeNotInBooks },
        { "of another amount", Dispute, Disputed with { AmountMinor = 2000 }, null, DifferenceKind.AmountDiffers },
        { "won", Dispute with { Kind = StatementKind.DisputeReversal }, Disputed with { State = ReversalState.Won }, null, null },
        { "won, and lost here", Dispute with { Kind = StatementKind.DisputeReversal }, Disputed with { State = ReversalState.Lost }, null,
            DifferenceKind.DisputeReversalNotInBooks },
    };

    [Theory]
    [MemberData(nameof(Reversed))]
    public void Compare_ARefundOrDispute_NamesTheDifference(
        string why, StatementEntry entry, BookedReversal? row, BookedCase? concern, DifferenceKind? difference) =>
        Assert.Equal((why, difference), (why, Kind(Compare([entry], reversals: row, cases: concern))));

    /// <summary>
    /// What only the books have; what the provider is asked about; the difference if the provider doesn't have it either.
    /// </summary>
    public static readonly TheoryData<string, BookedCharge?, BookedReversal?, string?, DifferenceKind?> Missing = new()
    {
        { "a booked charge", Booked, null, "ch_1", DifferenceKind.ChargeNotAtProvider },
        { "with the id of its intent only", Booked with { ChargeId = "pi_1" }, null, "pi_1", DifferenceKind.ChargeNotAtProvider },
        { "booked at the start of the period", Booked with { BookedAt = Midnight(0) }, null, "ch_1", DifferenceKind.ChargeNotAtProvider },
        { "booked at its end", Booked with { BookedAt = Midnight(1) }, null, null, null },
        { "booked before", Booked with { BookedAt = Midnight(0).AddTicks(-1) }, null, null, null },
        { "not booked", Waiting, null, null, null },
        { "a refund", null, Refunded, "re_1", DifferenceKind.RefundNotAtProvider },
        { "a pending refund", null, Refunded with { State = ReversalState.Pending }, null, null },
        { "a failed refund", null, Refunded with { State = ReversalState.Failed }, null, null },
        { "only the sum of refunds", null, Total(2000), null, null },
        { "a lost dispute", null, Disputed with { State = ReversalState.Lost }, "du_1", DifferenceKind.DisputeNotAtProvider },
        { "an open dispute, which may be an inquiry", null, Disputed, null, null },
        { "a refund of another day", null, Refunded with { SeenAt = Midnight(1) }, null, null },
    };

    [Theory]
    [MemberData(nameof(Missing))]
    public void Compare_APaymentOfTheBooksAlone_IsADifferenceUnlessTheProviderHasItElsewhere(
        string why, BookedCharge? charge, BookedReversal? row, string? asked, DifferenceKind? difference)
    {
        var books = Books(charge, row, null);

        Assert.Equal((why, asked), (why, Reconciliation.Unseen([], books).SingleOrDefault()));
        Assert.Equal((why, difference), (why, Kind(Reconciliation.Compare([], books, new HashSet<string>(), new HashSet<string>()))));
        Assert.Empty(Reconciliation.Compare([], books, new HashSet<string> { asked ?? "" }, new HashSet<string>()).Differences);
    }

    /// <summary>
    /// A failed refund or a won dispute of the books, with the kinds of its entries in the statement; the difference if the provider says
    /// that the money did not come back, null if it isn't asked.
    /// </summary>
    public static readonly TheoryData<string, BookedReversal, StatementKind[], DifferenceKind?> Returned = new()
    {
        { "won, taken before", Won, [], DifferenceKind.DisputeReversalNotAtProvider },
        { "taken and won", Won, [StatementKind.Dispute], DifferenceKind.DisputeReversalNotAtProvider },
        { "taken, won and given back", Won, [StatementKind.Dispute, StatementKind.DisputeReversal], null },
        { "won at the end of the period", Won with { ChangedAt = Midnight(1) }, [StatementKind.Dispute], null },
        { "lost", Won with { State = ReversalState.Lost }, [StatementKind.Dispute], null },
        { "won, of a charge that is not booked", Won with { IsApplied = false }, [], null },
        { "a failed refund", Failed, [StatementKind.Refund], DifferenceKind.RefundFailureNotAtProvider },
        { "a failed refund that came back", Failed, [StatementKind.Refund, StatementKind.RefundFailure], null },
        { "a refund", Failed with { State = ReversalState.Succeeded }, [StatementKind.Refund], null },
    };

    private static BookedReversal Won => Disputed with { State = ReversalState.Won, SeenAt = Midnight(-9), ChangedAt = Noon };

    private static BookedReversal Failed => Refunded with { State = ReversalState.Failed, SeenAt = Midnight(-9), ChangedAt = Noon };

    [Theory]
    [MemberData(nameof(Returned))]
    public void Compare_MoneyThatCameBackInTheBooksAlone_IsADifference(
        string why, BookedReversal row, StatementKind[] kinds, DifferenceKind? difference)
    {
        var payment = new StatementPayment(row.ProviderId, "ch_1", "pi_1", row.AmountMinor, "usd");
        StatementEntry[] statement = [.. kinds.Select(kind => new StatementEntry("txn_9", kind, Noon, 0, 0, "usd", payment))];
        var books = Books(null, row, null);
        var asked = Reconciliation.Unreturned(statement, books);

        Assert.Equal((why, difference is not null), (why, asked.SequenceEqual([row.ProviderId])));
        Assert.Equal((why, difference), (
            why, Kind(Reconciliation.Compare(statement, books, new HashSet<string>(), asked.ToHashSet()))));
        Assert.Empty(Reconciliation.Compare(statement, books, new HashSet<string>(), new HashSet<string>()).Differences);
    }

    [Fact]
    public void Compare_EntriesOfEveryKind_SumsThemByCurrency()
    {
        StatementEntry[] statement =
        [
            Charge, With(Payment with { RenewalId = null, Id = "ch_2", ChargeId = "ch_2", IntentId = null }), Refund, Dispute,
            Refund with { Kind = StatementKind.RefundFailure, AmountMinor = 500 },
            Dispute with { Kind = StatementKind.DisputeReversal, AmountMinor = 999, FeeMinor = -1500 },
            new("txn_4", StatementKind.Fee, Noon, -300, 0, "usd"), new("txn_5", StatementKind.Payout, Noon, -1000, 25, "usd"),
            new("txn_6", StatementKind.Other, Noon, 70, 0, "usd"), new("txn_7", StatementKind.Unreadable, Noon, 7, 0, "usd"),
            new("txn_8", StatementKind.Payout, Noon, -60, 0, "eur"),
        ];

        var found = Reconciliation.Compare(statement, Books(Booked, null, null), new HashSet<string>(), new HashSet<string>());

        Assert.Equal(
            [new StatementTotals("eur", 0, 0, 0, 0, 0, 0, 60), new StatementTotals("usd", 2, 9998, 1500, 4000, 675, 77, 1000)],
            found.Totals);
        Assert.Equal((9998 - 1500 - 4000 - 675 + 77, 0), (found.Totals[1].NetMinor, found.Totals[0].NetMinor));
        Assert.Equal((new ChargeSum(1, 4999), new ChargeSum(1, 4999)), (found.Booked, found.OtherSystems));
    }

    [Fact]
    public void Add_TwoDays_IsTheirSum()
    {
        var day = Compare([Charge], charges: null);

        var both = day.Add(day).Add(PaymentComparison.Empty);

        Assert.Equal((2, 2), (both.Differences.Count, both.NewCases.Count));
        Assert.Equal([new StatementTotals("usd", 2, 9998, 0, 0, 350, 0, 0)], both.Totals);
    }

    private static DateTimeOffset Midnight(int days) => Noon.AddHours(-12).AddDays(days);

    private static StatementEntry With(StatementPayment payment) => Charge with { Payment = payment };

    private static BookedReversal Total(long amount) => Refunded with
    {
        Kind = ReversalKind.RefundTotal,
        ProviderId = "ch_1",
        AmountMinor = amount,
    };

    private static BookedCase Case(PaymentCaseReason reason, string? decision) => new(reason, "pi_1", "ch_1", decision);

    private static PaymentBooks Books(BookedCharge? charge, BookedReversal? row, BookedCase? concern) => new(
        Midnight(0), Midnight(1), charge is null ? [] : [charge], row is null ? [] : [row], concern is null ? [] : [concern]);

    private static PaymentComparison Compare(
        IReadOnlyList<StatementEntry> statement, BookedCharge? charges = null, BookedReversal? reversals = null, BookedCase? cases = null)
    {
        var books = Books(charges, reversals, cases);
        return Reconciliation.Compare(statement, books, Reconciliation.Unseen(statement, books).ToHashSet(), new HashSet<string>());
    }

    private static DifferenceKind? Kind(PaymentComparison found) => found.Differences.SingleOrDefault()?.Kind;
}
