namespace Licensing.Renewals;

/// <summary>A verified webhook, in the machine's words. Events repeat, come late and out of order.</summary>
/// <param name="Provider">As in user_payment_methods.payment_provider.</param>
/// <param name="EventId">The provider's id of the event: the inbox's natural key with the provider.</param>
/// <param name="EventType">The provider's word, for the inbox.</param>
/// <param name="CreatedAt">When the provider made the event.</param>
/// <param name="Fact">What it says.</param>
public sealed record PaymentEvent(string Provider, string EventId, string EventType, DateTimeOffset CreatedAt, PaymentFact Fact);

/// <summary>What a webhook tells.</summary>
public abstract record PaymentFact
{
    private PaymentFact() { }

    /// <summary>payment_intent.succeeded, payment_failed, requires_action, processing, canceled.</summary>
    /// <param name="Intent">The intent as the event shows it; its outcome is never Unknown.</param>
    /// <param name="RenewalId">From the intent's metadata; null where the intent isn't ours.</param>
    public sealed record IntentChanged(IntentSnapshot Intent, Guid? RenewalId) : PaymentFact;

    /// <summary>charge.refunded: <paramref name="RefundedMinor"/> of <paramref name="AmountMinor"/> in total so far.</summary>
    public sealed record Refunded(string IntentId, long AmountMinor, long RefundedMinor) : PaymentFact;

    /// <summary>charge.dispute.created.</summary>
    public sealed record DisputeOpened(string IntentId, string Reason) : PaymentFact;

    /// <summary>charge.dispute.closed.</summary>
    public sealed record DisputeClosed(string IntentId, bool Won) : PaymentFact;

    /// <summary>A payment method was saved (setup_intent.succeeded) or changed (automatically_updated). UserId is from the metadata,
    /// and null on an update, which finds its row by PaymentId.</summary>
    public sealed record MethodSaved(
        Guid? UserId, string? CustomerId, string PaymentId, string PaymentType, string? LastFour, string? Brand, int? ExpiryMonth, int? ExpiryYear)
        : PaymentFact;

    /// <summary>payment_method.detached.</summary>
    public sealed record MethodDetached(string PaymentId) : PaymentFact;

    /// <summary>A type that nothing here needs: acknowledged and kept in the inbox.</summary>
    public sealed record Ignored : PaymentFact;
}
