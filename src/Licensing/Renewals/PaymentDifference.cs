namespace Licensing.Renewals;

/// <summary>How the provider's statement and the books of this backend differ.</summary>
public enum DifferenceKind
{
    /// <summary>The charge names a renewal that doesn't exist: its row was lost, for example by a restore.</summary>
    UnknownRenewal,

    /// <summary>The charge succeeded, its renewal exists and is not booked.</summary>
    ChargeNotInBooks,

    /// <summary>The charge succeeded, and its renewal still waits for the outcome.</summary>
    ChargeInFlight,

    /// <summary>The books have a charge that the provider doesn't have.</summary>
    ChargeNotAtProvider,

    /// <summary>Another amount was booked than the provider has.</summary>
    AmountDiffers,

    /// <summary>Another currency was booked than the provider has.</summary>
    CurrencyDiffers,

    /// <summary>The wallet's ledger has another amount than the renewal.</summary>
    LedgerDiffers,

    RefundNotInBooks,
    RefundNotAtProvider,

    /// <summary>The refund failed, and the books say that it succeeded.</summary>
    RefundFailureNotInBooks,

    DisputeNotInBooks,
    DisputeNotAtProvider,

    /// <summary>The books say that the refund failed, and the money did not come back.</summary>
    RefundFailureNotAtProvider,

    /// <summary>The money of a dispute was given back, and the books don't say that it is won.</summary>
    DisputeReversalNotInBooks,

    /// <summary>The books say that the dispute is won, and its money was not given back.</summary>
    DisputeReversalNotAtProvider,

    /// <summary>A refund or dispute is known, and its charge is not booked yet.</summary>
    ReversalInFlight,

    /// <summary>An operator must decide about the payment.</summary>
    CaseOpen,

    /// <summary>An operator credited the charge to the wallet, and it is refunded or disputed: the customer has the money twice.</summary>
    CreditedAndReversed,

    /// <summary>The provider has an entry that can't be read.</summary>
    UnreadableEntry,
}

/// <summary>One difference.</summary>
/// <param name="At">When the provider or, if it doesn't know the payment, this backend recorded it.</param>
/// <param name="ProviderId">The provider's id of the charge, refund, dispute or entry.</param>
/// <param name="IntentId">The intent; null if it isn't known.</param>
/// <param name="ProviderMinor">The provider's amount in minor units; null if it has none.</param>
/// <param name="BooksMinor">The amount of the books in minor units; null if they have none.</param>
/// <param name="Detail">For the operator: one sentence.</param>
public sealed record PaymentDifference(
    DifferenceKind Kind, DateTimeOffset At, string ProviderId, string? IntentId, Guid? RenewalId, Guid? SubscriptionId,
    long? ProviderMinor, string? ProviderCurrency, long? BooksMinor, string? BooksCurrency, string Detail);

/// <summary>The sums of the provider's entries in one currency of the balance, in minor units.</summary>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="Charges">Number of charges.</param>
/// <param name="GrossMinor">All charges.</param>
/// <param name="RefundsMinor">Refunds without those that failed.</param>
/// <param name="ChargebacksMinor">Money that banks took for disputes, without what they gave back.</param>
/// <param name="FeesMinor">The provider's fees.</param>
/// <param name="OtherMinor">Entries of other kinds.</param>
/// <param name="PayoutsMinor">Paid out to the account's bank.</param>
public sealed record StatementTotals(
    string Currency, int Charges, long GrossMinor, long RefundsMinor, long ChargebacksMinor, long FeesMinor, long OtherMinor,
    long PayoutsMinor)
{
    /// <summary>How the balance changed, apart from payouts.</summary>
    public long NetMinor => GrossMinor - RefundsMinor - ChargebacksMinor - FeesMinor + OtherMinor;

    internal StatementTotals Add(StatementTotals more) => new(
        Currency, Charges + more.Charges, GrossMinor + more.GrossMinor, RefundsMinor + more.RefundsMinor,
        ChargebacksMinor + more.ChargebacksMinor, FeesMinor + more.FeesMinor, OtherMinor + more.OtherMinor,
        PayoutsMinor + more.PayoutsMinor);

    internal static StatementTotals Of(StatementEntry entry)
    {
        var (amount, none) = (entry.AmountMinor, new StatementTotals(entry.Currency, 0, 0, 0, 0, entry.FeeMinor, 0, 0));
        return entry.Kind switch
        {
            StatementKind.Charge => none with { Charges = 1, GrossMinor = amount },
            StatementKind.Refund or StatementKind.RefundFailure => none with { RefundsMinor = -amount },
            StatementKind.Dispute or StatementKind.DisputeReversal => none with { ChargebacksMinor = -amount },
            StatementKind.Payout => none with { PayoutsMinor = -amount },
            StatementKind.Fee => none with { FeesMinor = entry.FeeMinor - amount },
            _ => none with { OtherMinor = amount },
        };
    }
}

/// <summary>Charges of one group, and their sum in minor units of their currencies.</summary>
public sealed record ChargeSum(int Charges, long AmountMinor)
{
    public static readonly ChargeSum None = new(0, 0);

    public static ChargeSum operator +(ChargeSum one, ChargeSum other) =>
        new(one.Charges + other.Charges, one.AmountMinor + other.AmountMinor);
}

/// <summary>The result of a comparison.</summary>
/// <param name="Booked">The charges that renewals booked, as the books have them.</param>
/// <param name="Decided">Charges that paid no renewal, about which an operator decided.</param>
/// <param name="OtherSystems">Charges without a renewal, made by another system that uses the account.</param>
public sealed record PaymentComparison(
    IReadOnlyList<PaymentDifference> Differences, IReadOnlyList<StatementTotals> Totals, ChargeSum Booked, ChargeSum Decided,
    ChargeSum OtherSystems)
{
    public static readonly PaymentComparison Empty = new([], [], ChargeSum.None, ChargeSum.None, ChargeSum.None);

    /// <summary>Charges whose renewal is not known and that have no case yet.</summary>
    public IReadOnlyList<PaymentCase> NewCases { get; init; } = [];

    /// <summary>The comparison of two periods together.</summary>
    public PaymentComparison Add(PaymentComparison next) => new(
        [.. Differences, .. next.Differences], Sum([.. Totals, .. next.Totals]), Booked + next.Booked, Decided + next.Decided,
        OtherSystems + next.OtherSystems)
    {
        NewCases = [.. NewCases, .. next.NewCases],
    };

    internal static IReadOnlyList<StatementTotals> Sum(IEnumerable<StatementTotals> totals) =>
        [.. totals.GroupBy(one => one.Currency).Select(group => group.Aggregate((sum, one) => sum.Add(one))).OrderBy(one => one.Currency)];
}
