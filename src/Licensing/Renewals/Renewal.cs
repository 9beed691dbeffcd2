namespace Licensing.Renewals;

/// <summary>Where a period's renewal stands. Stored in lower snake case.</summary>
public enum RenewalStatus
{
    /// <summary>To be worked on at <see cref="Renewal.NextActionAt"/>; nothing is owed an answer.</summary>
    Due,

    /// <summary>The request is frozen and may have been sent: committed before the call.</summary>
    Charging,

    /// <summary>Sent, and no certain answer yet. Only asked about, never charged anew.</summary>
    Unknown,

    /// <summary>Unknown for so long that a person decides; still looked up daily.</summary>
    Undecided,

    /// <summary>Declined; the same card is asked again later.</summary>
    SoftDeclined,

    /// <summary>Declined for good: waits for another card.</summary>
    HardDeclined,

    /// <summary>Waits for the customer at the bank's page.</summary>
    NeedsAuthentication,

    /// <summary>The price rose: waits for the customer's word.</summary>
    AwaitingConsent,

    /// <summary>No wallet balance and no card (or one of a provider that isn't configured).</summary>
    PaymentNeeded,

    /// <summary>The master has no active price.</summary>
    NotRenewable,

    /// <summary>Charged, but the wallet was locked when it should have been applied.</summary>
    Succeeded,

    /// <summary>Paid and extended. Never regresses.</summary>
    Applied,

    /// <summary>Not wanted any more: expiry moved, or auto-renewal switched off.</summary>
    Canceled,

    /// <summary>The grace ended unpaid.</summary>
    Lapsed,
}

/// <summary>The guide's renewal_type.</summary>
public enum RenewalType { Auto, Manual }

/// <summary>What paid, or would pay.</summary>
public enum PaidWith { Nothing, Wallet, Card }

/// <summary>One period's renewal: at most one for a subscription and an expiry, by constraint.</summary>
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

    /// <summary>US dollars, the price in force when the renewal was created; null while there is none.</summary>
    public decimal? AmountUsd { get; init; }

    /// <summary>The customer agreed to a raised price.</summary>
    public bool PriceAccepted { get; init; }

    /// <summary>The period's one intent, from its committed creation until it is cancelled.</summary>
    public string? IntentId { get; init; }

    /// <summary>The latest attempt; earlier ones are settled.</summary>
    public RenewalAttempt? Attempt { get; init; }

    public int SoftDeclines { get; init; }

    /// <summary>Questions asked since the last certain answer.</summary>
    public int Lookups { get; init; }

    /// <summary>Since when no certain answer comes; null while all is certain.</summary>
    public DateTimeOffset? UnknownSince { get; init; }

    /// <summary>From here on the period lapses unless it is paid. Exclusive end of the attempts.</summary>
    public required DateTimeOffset GivesUpAt { get; init; }

    /// <summary>When a worker should look again; null for never.</summary>
    public required DateTimeOffset? NextActionAt { get; init; }

    public PaidWith? PaidWith { get; init; }

    /// <summary>Start of the paid period, inclusive; null until it is paid.</summary>
    public DateTimeOffset? PaidFrom { get; init; }

    /// <summary>End of the paid period, exclusive; null until it is paid.</summary>
    public DateTimeOffset? PaidUntil { get; init; }

    /// <summary>Grows by one with every claim and every write; a writer who read an older one writes nothing.</summary>
    public long Fence { get; init; }

    public int Attempts => Attempt?.Number ?? 0;

    /// <summary>Money may have moved, or be moving: nobody is suspended, nothing else is charged.</summary>
    public bool IsOpen => Status is RenewalStatus.Charging or RenewalStatus.Unknown or RenewalStatus.Undecided or RenewalStatus.Succeeded;

    /// <summary>While the outcome is open the license stays valid for the period that may have been paid.</summary>
    public DateTimeOffset? GraceUntil => IsOpen ? PeriodStart + Period : null;
}

/// <summary>How an attempt stands.</summary>
public enum AttemptStatus { Sent, Succeeded, SoftDeclined, HardDeclined, NeedsAuthentication, Canceled, NeverCharged }

/// <summary>One confirmation of the intent. Its id is the idempotency key.</summary>
/// <param name="AttemptId">Row id and idempotency key of the confirmation.</param>
/// <param name="Number">1 for the period's first.</param>
/// <param name="Provider">Whose gateway.</param>
/// <param name="PaymentMethodId">Our row of the card.</param>
/// <param name="Request">Frozen when the attempt was committed.</param>
/// <param name="FirstSentAt">Committed before the first send: the key's life is counted from here.</param>
/// <param name="OpensIntent">No earlier attempt used the intent, so whatever the intent shows is this attempt's.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Code">The gateway's word for a decline.</param>
/// <param name="TransactionId">The gateway's id of the charge.</param>
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
    /// <summary>
    /// Key of the intent's creation: the renewal's id; a later attempt that finds no intent (the first one cancelled, or its
    /// creation never answered) may bring other parameters and so has a key of its own. So has a creation that was asked
    /// twice in vain: a key may have stored a 500 for a day, and an orphan that nobody confirms charges nothing.
    /// </summary>
    /// <param name="lookups">Questions asked since the last certain answer.</param>
    public string CreateKey(int lookups) =>
        $"renewal-{Request.RenewalId:N}" + (Number == 1 ? "" : $"-{Number}") + (lookups < 2 ? "" : $"-again-{lookups}");

    /// <summary>Key of the confirmation.</summary>
    public string ConfirmKey => $"attempt-{AttemptId:N}";
}
