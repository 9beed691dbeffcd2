namespace Licensing.Renewals;

/// <summary>What is known of a charge. A gateway sorts its own codes into these; the machine knows no provider.</summary>
public abstract record ChargeOutcome
{
    private ChargeOutcome() { }

    /// <summary>The money moved. An intent that was paid before answers this too (Stripe: payment_intent_unexpected_state).</summary>
    /// <param name="TransactionId">The gateway's id of the charge.</param>
    /// <param name="AmountMinor">Minor units received.</param>
    public sealed record Succeeded(string TransactionId, long AmountMinor) : ChargeOutcome;

    /// <summary>Declined; the same card may be asked again later.</summary>
    public sealed record SoftDeclined(string Code, string Detail) : ChargeOutcome;

    /// <summary>Declined or refused for good: another payment method is needed.</summary>
    public sealed record HardDeclined(string Code, string Detail) : ChargeOutcome;

    /// <summary>The customer must act (3-D Secure): a link by mail, no automatic retry.</summary>
    public sealed record NeedsAuthentication(string Code, string Detail) : ChargeOutcome;

    /// <summary>Accepted and not decided yet by the gateway itself.</summary>
    public sealed record Processing : ChargeOutcome;

    /// <summary>The intent exists and nothing was charged or declined on it yet (just created, or never confirmed).</summary>
    public sealed record Unconfirmed : ChargeOutcome;

    /// <summary>The intent is cancelled: it can never succeed any more.</summary>
    public sealed record Canceled(string Reason) : ChargeOutcome;

    /// <summary>
    /// Nothing certain: a lost answer, a time-out, 5xx, 429, a lock, a key in use or refused for other parameters.
    /// Never a failure. <paramref name="RetryAfter"/> is the gateway's wish, if it stated one.
    /// </summary>
    public sealed record Unknown(string Reason, TimeSpan? RetryAfter = null) : ChargeOutcome;
}

/// <summary>A gateway's answer about one intent.</summary>
/// <param name="IntentId">Null only where a create got no certain answer.</param>
/// <param name="Outcome">What is known of its charge.</param>
/// <param name="ClientSecret">For the page on which the customer authenticates. Never stored, never logged.</param>
public sealed record IntentSnapshot(string? IntentId, ChargeOutcome Outcome, string? ClientSecret = null)
{
    /// <summary>Keeps the secret out of logs and exceptions.</summary>
    public override string ToString() => $"{IntentId ?? "no intent"}: {Outcome}";
}
