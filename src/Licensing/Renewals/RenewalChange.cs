namespace Licensing.Renewals;

/// <summary>What a decision changes: the new row, and everything that is committed with it in one transaction.</summary>
/// <param name="After">The new row with its latest attempt. Its fence is the one that the decision was based on.</param>
public sealed record RenewalChange(Renewal After)
{
    /// <summary>The row after the save; its writer may continue from it.</summary>
    public Renewal Saved => After with { Fence = After.Fence + 1 };

    /// <summary>Changes wallet, ledger and expiry, and lifts a suspension for expiry.</summary>
    public RenewalPayment? Payment { get; init; }

    /// <summary>The grace ended: the license is suspended for its expiry.</summary>
    public bool Suspends { get; init; }

    /// <summary>An operator must decide about the payment.</summary>
    public PaymentCase? Case { get; init; }

    /// <summary>A row of license_renewal_history.</summary>
    public RenewalHistory? History { get; init; }

    /// <summary>A mail to the customer.</summary>
    public RenewalNotice? Notice { get; init; }

    /// <summary>The notice of the automatic charge, in case that it was not sent before.</summary>
    public RenewalNotice? Announcement { get; init; }

    /// <summary>Key of a mail that this outcome makes untrue: it is removed if it was not sent yet. Null for none.</summary>
    public string? Withdrawn { get; init; }

    /// <summary>Action of the audit row; null for none.</summary>
    public string? Audit { get; init; }

    /// <summary>Reason in the audit row.</summary>
    public string? Reason { get; init; }
}

/// <summary>A payment to book.</summary>
/// <param name="With">
/// Nothing, the wallet, or a card. A card's payment is credited to the wallet, then debited. A deferred one is neither.
/// </param>
/// <param name="AmountUsd">0 for a free renewal.</param>
/// <param name="PaidFrom">Start of the paid period, inclusive.</param>
/// <param name="PaidUntil">End of the paid period, exclusive: the new expiry, unless the license has none.</param>
/// <param name="Expiry">The expiry that the period was calculated from; null for never. If it changed, the booking is rejected.</param>
public sealed record RenewalPayment(
    PaidWith With, decimal AmountUsd, DateTimeOffset PaidFrom, DateTimeOffset PaidUntil, DateTimeOffset? Expiry)
{
    /// <summary>What it pays for earlier renewals that were deferred, in addition to <see cref="AmountUsd"/>.</summary>
    public decimal DebtsUsd { get; init; }

    /// <summary>Whether money moves now.</summary>
    public bool MovesMoney => With is PaidWith.Wallet or PaidWith.Card;
}

/// <summary>A row of license_renewal_history: one for each attempt, and one for everything that needs no card.</summary>
/// <param name="Id">The attempt's or the renewal's id; a repeat updates the row.</param>
/// <param name="Status">success, failed or pending.</param>
/// <param name="FailureReason">A code; null for success.</param>
public sealed record RenewalHistory(Guid Id, string Status, string? FailureReason = null);

/// <summary>A mail to the customer.</summary>
/// <param name="Template">The template's name.</param>
/// <param name="DedupKey">One mail is sent for each key.</param>
/// <param name="Reason">Code of what happened or what is needed.</param>
/// <param name="OldAmountUsd">What the last period cost, if the price rose.</param>
/// <param name="Link">Signed path of the page on which the customer answers.</param>
public sealed record RenewalNotice(
    string Template, string DedupKey, string? Reason = null, decimal? OldAmountUsd = null, string? Link = null)
{
    /// <summary>What will pay; null for what paid.</summary>
    public PaidWith? PaidWith { get; init; }

    /// <summary>What will be charged; null for what an attempt has charged.</summary>
    public Guid? PaymentMethodId { get; init; }

    /// <summary>When the charge begins.</summary>
    public DateTimeOffset? ChargeAt { get; init; }
}

/// <summary>The next step of a claimed renewal.</summary>
public abstract record RenewalStep
{
    private RenewalStep() { }

    /// <summary>Nothing to do now.</summary>
    public sealed record Done : RenewalStep;

    /// <summary>Commit the change.</summary>
    public sealed record Save(RenewalChange Change) : RenewalStep;

    /// <summary>Create the intent of the frozen attempt. This charges nothing.</summary>
    public sealed record CreateIntent(RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Confirm the intent, for the first time or again with the same key and parameters.</summary>
    public sealed record Confirm(string IntentId, RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Look up the intent's state.</summary>
    public sealed record LookUp(string IntentId, RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Cancel the intent, so that it can't succeed any more. The answer may be that it did already.</summary>
    public sealed record CancelIntent(string IntentId, RenewalAttempt Attempt) : RenewalStep;
}
