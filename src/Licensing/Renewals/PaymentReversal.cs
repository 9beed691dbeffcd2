namespace Licensing.Renewals;

/// <summary>How money of a charge went back.</summary>
public enum ReversalKind
{
    /// <summary>One refund.</summary>
    Refund,

    /// <summary>The sum of a charge's refunds so far. The provider reports it in addition to the refunds, or instead of them.</summary>
    RefundTotal,

    /// <summary>The customer's bank disputes the charge, or asks about it.</summary>
    Dispute,
}

/// <summary>The state of a refund, then that of a dispute. A later one of the same second replaces an earlier one.</summary>
public enum ReversalState
{
    /// <summary>A refund that was made; the customer's bank has not confirmed it.</summary>
    Pending,

    /// <summary>The money was refunded.</summary>
    Succeeded,

    /// <summary>The refund failed or was canceled: the money came back.</summary>
    Failed,

    /// <summary>The dispute, or the bank's question, is not decided.</summary>
    Open,

    /// <summary>The bank took the money.</summary>
    Lost,

    /// <summary>The money stays here, or was given back.</summary>
    Won,
}

/// <summary>A refund or a dispute, as the provider reported it last.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="ProviderId">
/// The provider's id of the refund or dispute; that of the charge for <see cref="ReversalKind.RefundTotal"/>.
/// </param>
/// <param name="State">Its state at <paramref name="ChangedAt"/>.</param>
/// <param name="AmountMinor">Minor units of <paramref name="Currency"/>; 0 or more.</param>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="IntentId">The charge's intent; null if the provider names only the charge.</param>
/// <param name="ChargeId">The provider's id of the charge; null if it names only the intent.</param>
/// <param name="Reason">The provider's code.</param>
/// <param name="ChangedAt">
/// When the provider reported this state. States of earlier times are ignored. Of two reports of one second, that of the later kind of
/// event has a later time.
/// </param>
/// <param name="EvidenceDueAt">Until when evidence may be sent; null for a refund.</param>
/// <param name="RefundId">The <see cref="RefundRequest"/> that caused the refund; null if it was made at the provider.</param>
public sealed record PaymentReversal(
    ReversalKind Kind, string ProviderId, ReversalState State, long AmountMinor, string Currency, string? IntentId, string? ChargeId,
    string? Reason, DateTimeOffset ChangedAt, DateTimeOffset? EvidenceDueAt = null, Guid? RefundId = null)
{
    /// <summary>The reason of money that the provider took back, for example for a bank, with or without a dispute.</summary>
    public const string TakenBack = "taken_back";

    /// <summary>
    /// When the dispute began, if its provider reports the refunds that it causes; null for another provider, and for a refund.
    /// </summary>
    public DateTimeOffset? OpenedAt { get; init; }

    /// <summary>The provider reports what it took back in addition to the dispute, or instead of it.</summary>
    public bool IsTakenBack => Kind is ReversalKind.Dispute && Reason == TakenBack;

    /// <summary>
    /// Whether this report replaces the other one. Events come late and out of order. If nothing tells which of two reports is later, the
    /// one with the earlier deadline counts, so that the evidence is not sent too late.
    /// </summary>
    public bool IsNewerThan(PaymentReversal other) =>
        (ChangedAt, State, AmountMinor).CompareTo((other.ChangedAt, other.State, other.AmountMinor)) > 0
        || ((ChangedAt, State, AmountMinor) == (other.ChangedAt, other.State, other.AmountMinor)
            && EvidenceDueAt is { } due && !(other.EvidenceDueAt <= due));
}

/// <summary>A stored refund or dispute.</summary>
/// <param name="Reversal">Its latest state.</param>
/// <param name="Applied">The state whose effect is applied to the renewal; null before the first.</param>
public sealed record KeptReversal(PaymentReversal Reversal, ReversalState? Applied);
