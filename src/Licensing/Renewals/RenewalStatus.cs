namespace Licensing.Renewals;

/// <summary>The state of a period's renewal. Stored in lower snake case.</summary>
public enum RenewalStatus
{
    /// <summary>A worker processes it at <see cref="Renewal.NextActionAt"/>; no answer is outstanding.</summary>
    Due,

    /// <summary>The request is frozen and may have been sent: committed before the call.</summary>
    Charging,

    /// <summary>Sent, without a certain answer yet. It is looked up, never charged again.</summary>
    Unknown,

    /// <summary>Unknown for so long that an operator decides; it is still looked up daily.</summary>
    Undecided,

    /// <summary>Declined; the same card is charged again later.</summary>
    SoftDeclined,

    /// <summary>Declined permanently: waits for another card.</summary>
    HardDeclined,

    /// <summary>Waits for the customer to confirm the payment with the bank.</summary>
    NeedsAuthentication,

    /// <summary>The price rose: waits for the customer's consent.</summary>
    AwaitingConsent,

    /// <summary>The wallet balance is too low and there is no card, or one of a provider that isn't configured.</summary>
    PaymentNeeded,

    /// <summary>The master has no active price.</summary>
    NotRenewable,

    /// <summary>Charged, but the wallet was locked when the payment was to be booked.</summary>
    Succeeded,

    /// <summary>Paid and extended. Final.</summary>
    Applied,

    /// <summary>No longer wanted: the expiry moved, or auto-renewal was switched off. Final.</summary>
    Canceled,

    /// <summary>The grace ended unpaid. Final.</summary>
    Lapsed,
}

/// <summary>Groups of statuses. sql/repeatable/35_renewal_rules.sql has the same definitions for statements.</summary>
public static class RenewalStatuses
{
    /// <summary>The request was sent, and its outcome is not known yet.</summary>
    public static bool IsChargeUnknown(this RenewalStatus status) => status is RenewalStatus.Unknown or RenewalStatus.Undecided;

    /// <summary>Money moved, or may still move: the license keeps its grace, and nothing else is charged.</summary>
    public static bool IsChargeOpen(this RenewalStatus status) =>
        status.IsChargeUnknown() || status is RenewalStatus.Charging or RenewalStatus.Succeeded;

    /// <summary>The next answer comes from the provider or the customer's bank. The reconciler looks it up.</summary>
    public static bool IsAwaitingProvider(this RenewalStatus status) =>
        status.IsChargeOpen() || status is RenewalStatus.NeedsAuthentication;

    /// <summary>The renewal may continue when the customer's cards change.</summary>
    public static bool IsWaitingForCard(this RenewalStatus status) =>
        status is RenewalStatus.PaymentNeeded or RenewalStatus.SoftDeclined or RenewalStatus.HardDeclined
            or RenewalStatus.NeedsAuthentication;

    /// <summary>The renewal needs no more work.</summary>
    public static bool IsFinal(this RenewalStatus status) =>
        status is RenewalStatus.Applied or RenewalStatus.Canceled or RenewalStatus.Lapsed;
}
