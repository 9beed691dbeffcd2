namespace Licensing.Renewals;

/// <summary>
/// What this backend knows about the payments of one period and of the statement's entries, whenever they were booked. Renewals that the
/// wallet paid are not part of it, because the provider doesn't know them.
/// </summary>
/// <param name="From">Start of the period, inclusive.</param>
/// <param name="To">End of the period, exclusive.</param>
public sealed record PaymentBooks(
    DateTimeOffset From, DateTimeOffset To, IReadOnlyList<BookedCharge> Charges, IReadOnlyList<BookedReversal> Reversals,
    IReadOnlyList<BookedCase> Cases)
{
    internal bool IsInPeriod(DateTimeOffset? time) => time >= From && time < To;
}

/// <summary>A renewal with its charge.</summary>
/// <param name="Status">The status of the renewal.</param>
/// <param name="IntentId">Its intent; null if it has none.</param>
/// <param name="ChargeId">The charge that paid it; the intent's id if the provider named no charge. Null if no charge paid it.</param>
/// <param name="AmountMinor">The price that was booked, in US cents; null if it can't be read.</param>
/// <param name="BookedAt">Null if no charge paid it.</param>
/// <param name="LedgerMinor">What the wallet's ledger says that it cost: the fee without what was refunded or charged back.</param>
/// <param name="ReversedMinor">What its refunds and disputes have taken back.</param>
public sealed record BookedCharge(
    Guid RenewalId, Guid SubscriptionId, RenewalStatus Status, string? IntentId, string? ChargeId, long? AmountMinor,
    DateTimeOffset? BookedAt, long LedgerMinor, long ReversedMinor)
{
    /// <summary>The charge paid the renewal. One booking explains one charge, so the intent alone is not enough.</summary>
    internal bool IsPaidBy(StatementPayment charge) =>
        BookedAt is not null && ChargeId is not null && (ChargeId == charge.ChargeId || ChargeId == charge.IntentId);
}

/// <summary>A refund or dispute, as the webhooks reported it last.</summary>
/// <param name="SeenAt">When it was reported first.</param>
/// <param name="IsApplied">It is booked for a paid renewal.</param>
public sealed record BookedReversal(
    ReversalKind Kind, string ProviderId, ReversalState State, long AmountMinor, string Currency, DateTimeOffset SeenAt, bool IsApplied,
    Guid? RenewalId, Guid? SubscriptionId)
{
    /// <summary>When its state was reported.</summary>
    public DateTimeOffset ChangedAt { get; init; }

    /// <summary>The books say that the money came back: the refund failed, or the dispute is won.</summary>
    internal bool IsReturned => IsApplied
        && this is { Kind: ReversalKind.Refund, State: ReversalState.Failed } or { Kind: ReversalKind.Dispute, State: ReversalState.Won };
}

/// <summary>A payment case.</summary>
/// <param name="Subject">The provider's id of what it is about.</param>
/// <param name="ChargeId">The charge; null for none.</param>
/// <param name="Decision">credited, dismissed, applied, refunded or answered; null while the case is open.</param>
public sealed record BookedCase(PaymentCaseReason Reason, string Subject, string? ChargeId, string? Decision)
{
    internal bool IsAboutReversal =>
        Reason is PaymentCaseReason.UnknownCharge or PaymentCaseReason.NotApplied or PaymentCaseReason.CreditedAndReversed;

    internal bool IsAbout(StatementPayment payment) =>
        Subject == payment.Id || Subject == payment.ChargeId || Subject == payment.IntentId
        || (ChargeId is not null && ChargeId == payment.ChargeId);
}
