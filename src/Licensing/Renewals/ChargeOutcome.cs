namespace Licensing.Renewals;

/// <summary>What is known about a charge. Each gateway maps its provider's codes to these.</summary>
public abstract record ChargeOutcome
{
    private ChargeOutcome() { }

    /// <summary>The money moved, now or earlier (Stripe: payment_intent_unexpected_state on an intent that is paid already).</summary>
    /// <param name="TransactionId">The provider's id of the charge.</param>
    /// <param name="AmountMinor">Minor units received.</param>
    /// <param name="Currency">ISO 4217, lower case; null if the provider doesn't name it, which means the currency of the request.</param>
    public sealed record Succeeded(string TransactionId, long AmountMinor, string? Currency = null) : ChargeOutcome;

    /// <summary>Declined; the same card may be charged again later.</summary>
    public sealed record SoftDeclined(string Code, string Detail) : ChargeOutcome;

    /// <summary>Declined permanently: another payment method is needed.</summary>
    public sealed record HardDeclined(string Code, string Detail) : ChargeOutcome;

    /// <summary>The customer must confirm (3-D Secure): a link by mail, no automatic retry.</summary>
    public sealed record NeedsAuthentication(string Code, string Detail) : ChargeOutcome;

    /// <summary>Accepted; the provider itself doesn't know the result yet.</summary>
    public sealed record Processing : ChargeOutcome;

    /// <summary>The intent exists and is not charged or declined yet (just created, or never confirmed).</summary>
    public sealed record Unconfirmed : ChargeOutcome;

    /// <summary>The intent is canceled: it can't succeed any more.</summary>
    public sealed record Canceled(string Reason) : ChargeOutcome;

    /// <summary>
    /// The provider doesn't know the intent, and never will: it was made in another account, for example. If it was confirmed, money may
    /// have moved there.
    /// </summary>
    public sealed record Missing : ChargeOutcome;

    /// <summary>
    /// The provider refuses to charge, because it has a payment of this attempt that is not known here, for example after a restore. The
    /// intent's id names the payment that is looked up.
    /// </summary>
    public sealed record PaidBefore : ChargeOutcome;

    /// <summary>
    /// Nothing is certain: a lost answer, a timeout, 5xx, 429, a lock, a key that is in use or was used with other parameters.
    /// This is not a failure. <paramref name="RetryAfter"/> is how long the provider asked to wait; null if it didn't.
    /// </summary>
    public sealed record Unknown(string Reason, TimeSpan? RetryAfter = null) : ChargeOutcome;
}

/// <summary>A provider's answer about one intent.</summary>
/// <param name="IntentId">Null only if a creation got no certain answer.</param>
/// <param name="Outcome">What is known about its charge.</param>
/// <param name="ClientSecret">For the page on which the customer confirms the payment. Never stored, never logged.</param>
public sealed record IntentSnapshot(string? IntentId, ChargeOutcome Outcome, string? ClientSecret = null)
{
    /// <summary>Keeps the secret out of logs and exceptions.</summary>
    public override string ToString() => $"{IntentId ?? "no intent"}: {Outcome}";
}
