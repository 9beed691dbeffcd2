namespace Licensing.Renewals;

/// <summary>Who asked for the renewal: renewal_type of the guide.</summary>
public enum RenewalType { Auto, Manual }

/// <summary>
/// What paid the renewal, or would pay it. Nothing means that the price is 0. Deferred means that the price is below the provider's minimum
/// for cards, and is taken with the next charge of the license.
/// </summary>
public enum PaidWith { Nothing, Wallet, Card, Deferred }

/// <summary>One period's renewal. A constraint allows one for a subscription and an expiry.</summary>
public sealed record Renewal
{
    /// <summary>How far a renewal moves the expiry.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromDays(30);

    public required Guid RenewalId { get; init; }
    public required Guid SubscriptionId { get; init; }
    public required Guid UserId { get; init; }

    /// <summary>The expiry that this renewal is for: the period's natural key with the subscription.</summary>
    public required DateTimeOffset PeriodStart { get; init; }

    public required RenewalType Type { get; init; }
    public required RenewalStatus Status { get; init; }

    /// <summary>
    /// US dollars: the price when it was last read, or the one that the customer accepted; null while there was none. See
    /// <see cref="IsPriceFrozen"/>.
    /// </summary>
    public decimal? AmountUsd { get; init; }

    /// <summary>
    /// US dollars: what the payment includes for earlier renewals that were deferred, in addition to <see cref="AmountUsd"/>. Frozen with
    /// it.
    /// </summary>
    public decimal DebtsUsd { get; init; }

    /// <summary>The customer agreed to pay <see cref="AmountUsd"/>.</summary>
    public bool PriceAccepted { get; init; }

    /// <summary>The period's only intent at the provider, from its committed creation until it is canceled.</summary>
    public string? IntentId { get; init; }

    /// <summary>The latest attempt; earlier ones are settled.</summary>
    public RenewalAttempt? Attempt { get; init; }

    public int SoftDeclines { get; init; }

    /// <summary>Lookups since the last certain answer.</summary>
    public int Lookups { get; init; }

    /// <summary>Time of the first uncertain answer after the last certain one; null if the last answer was certain.</summary>
    public DateTimeOffset? UnknownSince { get; init; }

    /// <summary>From this time on the period lapses unless it is paid. Exclusive end of the attempts.</summary>
    public required DateTimeOffset GivesUpAt { get; init; }

    /// <summary>When a worker processes the renewal again; null for never.</summary>
    public required DateTimeOffset? NextActionAt { get; init; }

    /// <summary>
    /// No charge is open, but one that this row doesn't know may have paid the period, for example after a restore of the database. While
    /// the renewal waits for that, the license keeps its grace.
    /// </summary>
    public bool MayBePaid { get; init; }

    /// <summary>
    /// The renewal has an intent, and another charge of the period, which could not be booked, was refunded. The renewal lapses when the
    /// intent is canceled: nothing is charged for the period without a request.
    /// </summary>
    public bool IsRefunded { get; init; }

    /// <summary>
    /// It lapsed while the license was not served, or only because a charge was disputed. It is opened again when the suspension ends or
    /// the dispute is won.
    /// </summary>
    public bool LapsedBlocked { get; init; }

    public PaidWith? PaidWith { get; init; }

    /// <summary>Start of the paid period, inclusive; null until it is paid.</summary>
    public DateTimeOffset? PaidFrom { get; init; }

    /// <summary>End of the paid period, exclusive; null until it is paid.</summary>
    public DateTimeOffset? PaidUntil { get; init; }

    /// <summary>Grows by one with every claim and every write. A write that is based on an older fence is rejected.</summary>
    public long Fence { get; init; }

    /// <summary>What the payment moves, in cents, with the debts; 0 while there is no price.</summary>
    public long ChargedMinor => AmountUsd is { } amount ? decimal.ToInt64((amount + DebtsUsd) * 100) : 0;

    public int Attempts => Attempt?.Number ?? 0;

    /// <inheritdoc cref="RenewalStatuses.IsChargeOpen"/>
    public bool IsChargeOpen => Status.IsChargeOpen();

    /// <summary>No charge is open, but the intent is not canceled, so it could still be charged. SQL: has_intent_left.</summary>
    public bool HasIntentLeft => IntentId is not null && !IsChargeOpen && !Status.IsFinal();

    /// <summary>An intent was made, or may have been, with <see cref="AmountUsd"/>. SQL: is_price_frozen.</summary>
    public bool IsPriceFrozen => IntentId is not null || IsChargeOpen;

    /// <summary>When the card is charged again automatically; null if it isn't.</summary>
    public DateTimeOffset? NextAttemptAt =>
        Status is RenewalStatus.SoftDeclined && !IsRefunded && NextActionAt < GivesUpAt ? NextActionAt : null;
}

/// <summary>The state of an attempt.</summary>
public enum AttemptStatus { Sent, Succeeded, SoftDeclined, HardDeclined, NeedsAuthentication, Canceled, NeverCharged }

/// <summary>One confirmation of the intent.</summary>
/// <param name="AttemptId">The row's id; the idempotency key of the confirmation derives from it.</param>
/// <param name="Number">1 for the period's first.</param>
/// <param name="Provider">As in user_payment_methods.payment_provider.</param>
/// <param name="PaymentMethodId">The card's row in user_payment_methods.</param>
/// <param name="Request">The request, frozen when the attempt was committed.</param>
/// <param name="FirstSentAt">Committed before the first send. The lifetime of the idempotency key starts here.</param>
/// <param name="OpensIntent">No earlier attempt used the intent, so its state at the provider belongs to this attempt.</param>
/// <param name="Status">The attempt's state.</param>
/// <param name="Code">The provider's code of a decline; null for none.</param>
/// <param name="TransactionId">The provider's id of the charge; null until it succeeded.</param>
public sealed record RenewalAttempt(
    Guid AttemptId,
    int Number,
    string Provider,
    Guid PaymentMethodId,
    ChargeRequest Request,
    DateTimeOffset FirstSentAt,
    bool OpensIntent,
    AttemptStatus Status = AttemptStatus.Sent,
    string? Code = null,
    string? TransactionId = null)
{
    /// <summary>The brand that mails name if the payment method is not known any more; null: it has no known one.</summary>
    public string? Brand => Provider == PaymentProviders.PayPal ? PaymentProviders.PayPal : null;

    /// <summary>
    /// Idempotency key of the intent's creation; it derives from the renewal's id. A later attempt without an intent (the first one
    /// was canceled, or its creation wasn't answered) may have other parameters, so it gets its own key. So does a creation that got
    /// no answer twice: the provider may have stored a 500 under the key for a day. An intent that is never confirmed charges nothing.
    /// </summary>
    /// <param name="lookups">Calls without a certain answer so far.</param>
    public string CreateKey(int lookups) =>
        $"renewal-{Request.RenewalId:N}" + (Number == 1 ? "" : $"-{Number}") + (lookups < 2 ? "" : $"-again-{lookups}");

    /// <summary>Idempotency key of the confirmation.</summary>
    public string ConfirmKey => $"attempt-{AttemptId:N}";

    /// <summary>
    /// The attempt of a charge that succeeded, although this database knows none with its provider: it was lost, for example by a
    /// restore. Nothing is sent for it, so the ids of customer and card are missing.
    /// </summary>
    /// <param name="attemptId">The id of the attempt's row.</param>
    /// <param name="renewal">The renewal that the charge names.</param>
    /// <param name="provider">The provider that reports the charge.</param>
    /// <param name="paid">The charge.</param>
    /// <param name="debtsMinor">The part of the charge that is for deferred renewals; limited to the charge.</param>
    /// <param name="now">The present time.</param>
    public static RenewalAttempt Recovered(
        Guid attemptId, Renewal renewal, string provider, ChargeOutcome.Succeeded paid, long debtsMinor, DateTimeOffset now) => new(
        attemptId, renewal.Attempts + 1, provider, PaymentMethodId: Guid.Empty,
        new ChargeRequest(
            renewal.RenewalId, renewal.SubscriptionId, renewal.UserId, paid.AmountMinor, "usd", "", "", "Recovered")
        {
            DebtsMinor = Math.Clamp(debtsMinor, 0, Math.Max(0, paid.AmountMinor)),
        },
        FirstSentAt: now, OpensIntent: true);
}
