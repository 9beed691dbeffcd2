namespace Licensing.Renewals;

/// <summary>Why an operator must decide about a payment. Stored in lower snake case.</summary>
public enum PaymentCaseReason
{
    /// <summary>The charge names a renewal that doesn't exist, for example because the database was restored.</summary>
    UnknownRenewal,

    /// <summary>The charge of a renewal succeeded, and its event can't be applied. It is tried again.</summary>
    NotBooked,

    /// <summary>The charge succeeded, but the license has no token that could be extended.</summary>
    LicenseGone,

    /// <summary>The period was already paid in another way.</summary>
    PaidTwice,

    /// <summary>Another amount than asked was charged for a renewal that is closed, or the amount is 0.</summary>
    OtherAmount,

    /// <summary>It was charged in another currency than asked.</summary>
    OtherCurrency,

    /// <summary>The provider refuses to charge, because it has a payment of the attempt that is not known here.</summary>
    PaidBefore,

    /// <summary>The charge already paid another renewal.</summary>
    ChargeInUse,

    /// <summary>A refund or dispute of a charge that is not known.</summary>
    UnknownCharge,

    /// <summary>A refund or dispute of a charge whose success was not reported within a day.</summary>
    NotApplied,

    /// <summary>An event about money that can't be read, or an event that could not be applied for a day.</summary>
    UnreadableEvent,

    /// <summary>A refund that an operator requested was refused or failed: the customer doesn't have the money.</summary>
    RefundFailed,

    /// <summary>
    /// A refund or evidence that an operator requested has no certain answer after three days, or one day before the deadline for evidence.
    /// It is still looked up.
    /// </summary>
    Unanswered,

    /// <summary>Evidence that an operator sent was refused after their request was answered: the bank doesn't have it.</summary>
    EvidenceRefused,

    /// <summary>A charge was credited to the wallet, and was then refunded or disputed: the customer has the money twice.</summary>
    CreditedAndReversed,
}

/// <summary>A payment that can't be applied automatically.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Subject">The provider's id of what it is about. There is one case for each reason and subject.</param>
/// <param name="RenewalId">The renewal that is named; it may not exist.</param>
/// <param name="SubscriptionId">The license that is named; it may not exist.</param>
/// <param name="UserId">The customer who is named; they may not exist.</param>
/// <param name="TransactionId">The provider's id of the charge; null for none.</param>
/// <param name="AmountMinor">Minor units of <paramref name="Currency"/>; null if unknown.</param>
/// <param name="Currency">ISO 4217, lower case; null if unknown.</param>
/// <param name="Detail">For the operator: one sentence.</param>
public sealed record PaymentCase(
    PaymentCaseReason Reason, string Subject, Guid? RenewalId, Guid? SubscriptionId, Guid? UserId, string? TransactionId,
    long? AmountMinor, string? Currency, string Detail)
{
    /// <summary>
    /// Whether the money may be credited to the customer's wallet: it was charged, it paid nothing, and its currency is the wallet's.
    /// </summary>
    public bool CanBeCredited =>
        UserId is not null && AmountMinor > 0 && (Currency is null or "usd")
        && (Reason is PaymentCaseReason.UnknownRenewal or PaymentCaseReason.NotBooked or PaymentCaseReason.LicenseGone
            or PaymentCaseReason.PaidTwice or PaymentCaseReason.OtherAmount);

    /// <summary>A case about a charge of this renewal.</summary>
    internal static PaymentCase Of(
        PaymentCaseReason reason, Renewal renewal, string? intentId, ChargeOutcome.Succeeded paid, string detail) =>
        new(reason, intentId ?? paid.TransactionId, renewal.RenewalId, renewal.SubscriptionId, renewal.UserId, paid.TransactionId,
            paid.AmountMinor, paid.Currency, detail);
}
