namespace Licensing.Renewals;

/// <summary>What an entry of the provider's balance is about.</summary>
public enum StatementKind
{
    Charge,
    Refund,

    /// <summary>A refund failed: the money came back.</summary>
    RefundFailure,

    /// <summary>The bank took the money of a disputed charge. It may be given back.</summary>
    Dispute,

    /// <summary>The money of a dispute was given back.</summary>
    DisputeReversal,

    /// <summary>Money that went to the account's bank, or came back from it.</summary>
    Payout,

    /// <summary>A fee of its own. Most fees are part of other entries.</summary>
    Fee,

    /// <summary>Anything else, such as a transfer or a top-up.</summary>
    Other,

    /// <summary>An entry that can't be read.</summary>
    Unreadable,
}

/// <summary>One entry of the provider's balance.</summary>
/// <param name="EntryId">The provider's id of the entry.</param>
/// <param name="Kind">What it is about.</param>
/// <param name="CreatedAt">By the provider's clock.</param>
/// <param name="AmountMinor">
/// How the balance changed, before fees, in minor units of <paramref name="Currency"/>; negative for money that left.
/// </param>
/// <param name="FeeMinor">The provider's fee for it; negative if a fee was given back.</param>
/// <param name="Currency">The currency of the balance: ISO 4217, lower case.</param>
/// <param name="Payment">The charge, refund or dispute; null for other kinds.</param>
public sealed record StatementEntry(
    string EntryId, StatementKind Kind, DateTimeOffset CreatedAt, long AmountMinor, long FeeMinor, string Currency,
    StatementPayment? Payment = null);

/// <summary>
/// A charge, refund or dispute as the customer sees it: the amount is positive, and the currency is that of the charge, which may differ
/// from that of the balance.
/// </summary>
/// <param name="Id">The provider's id.</param>
/// <param name="ChargeId">The charge itself, or the charge that is refunded or disputed.</param>
/// <param name="IntentId">Its intent; null if there is none.</param>
/// <param name="AmountMinor">Minor units of <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217, lower case.</param>
/// <param name="RenewalId">From the metadata of a charge; null for a charge of another system, and for other kinds.</param>
/// <param name="SubscriptionId">From the metadata.</param>
/// <param name="UserId">From the metadata.</param>
public sealed record StatementPayment(
    string Id, string? ChargeId, string? IntentId, long AmountMinor, string Currency, Guid? RenewalId = null, Guid? SubscriptionId = null,
    Guid? UserId = null);
