namespace Licensing.Renewals;

/// <summary>A verified webhook, independent of the provider. Events come repeatedly, late and out of order.</summary>
/// <param name="Provider">As in user_payment_methods.payment_provider.</param>
/// <param name="EventId">The provider's id of the event. The inbox is unique by provider and event.</param>
/// <param name="EventType">The provider's type, kept in the inbox.</param>
/// <param name="CreatedAt">When the provider created the event.</param>
/// <param name="Fact">What happened.</param>
public sealed record PaymentEvent(string Provider, string EventId, string EventType, DateTimeOffset CreatedAt, PaymentFact Fact);

/// <summary>What happened, according to a webhook.</summary>
public abstract record PaymentFact
{
    private PaymentFact() { }

    /// <summary>payment_intent.succeeded, payment_failed, requires_action, processing, canceled.</summary>
    /// <param name="Intent">The intent's state in the event; its outcome is never Unknown.</param>
    /// <param name="RenewalId">From the intent's metadata; null for an intent of another system.</param>
    /// <param name="SubscriptionId">From the metadata.</param>
    /// <param name="UserId">From the metadata.</param>
    /// <param name="DebtsMinor">From the metadata: the part of the amount that is for deferred renewals.</param>
    public sealed record IntentChanged(
        IntentSnapshot Intent, Guid? RenewalId, Guid? SubscriptionId = null, Guid? UserId = null, long DebtsMinor = 0) : PaymentFact
    {
        /// <summary>
        /// The renewal in the metadata, if the payer may have written them. Only an operator may use it. Then RenewalId is null.
        /// </summary>
        public Guid? UnprovenRenewalId { get; init; }
    }

    /// <summary>A refund or a dispute has a new state, or a charge has another sum of refunds.</summary>
    public sealed record Reversed(PaymentReversal Reversal) : PaymentFact;

    /// <summary>An event about money that can't be read: an operator looks at it at the provider.</summary>
    /// <param name="Subject">The provider's id of what it is about; that of the event if it has none.</param>
    public sealed record Unreadable(string Subject) : PaymentFact;

    /// <summary>
    /// A payment method was saved (setup_intent.succeeded) or changed (automatically_updated). UserId is from the metadata; it is null
    /// for a change, which is assigned by PaymentId.
    /// </summary>
    public sealed record MethodSaved(
        Guid? UserId, string? CustomerId, string PaymentId, string PaymentType, string? LastFour, string? Brand, int? ExpiryMonth,
        int? ExpiryYear) : PaymentFact;

    /// <summary>payment_method.detached.</summary>
    public sealed record MethodDetached(string PaymentId) : PaymentFact;

    /// <summary>A type without effect here: acknowledged and kept in the inbox.</summary>
    public sealed record Ignored : PaymentFact;
}
