namespace Licensing.Renewals;

/// <summary>What a decision changes: the row as it shall be, and everything that commits with it in one transaction.</summary>
/// <param name="After">The row with its latest attempt; its fence is the one that the decision was made under.</param>
public sealed record RenewalChange(Renewal After)
{
    /// <summary>The row as it is once this is saved: what its writer may go on from.</summary>
    public Renewal Saved => After with { Fence = After.Fence + 1 };

    /// <summary>Wallet and ledger, expiry, the lifted suspension, the period that is now paid.</summary>
    public RenewalPayment? Payment { get; init; }

    /// <summary>The grace ended: token inactive and subscription suspended, in the contract's words.</summary>
    public bool Suspends { get; init; }

    /// <summary>The money went back: the period that it paid ends early, and nothing renews the license by itself.</summary>
    public PeriodEnd? Ends { get; init; }

    /// <summary>A row of license_renewal_history.</summary>
    public RenewalHistory? History { get; init; }

    /// <summary>A mail to the customer.</summary>
    public RenewalNotice? Notice { get; init; }

    /// <summary>An audit row, where the change is one that somebody asks about later.</summary>
    public string? Audit { get; init; }

    /// <summary>Why, for the audit row.</summary>
    public string? Reason { get; init; }
}

/// <summary>A payment to be booked.</summary>
/// <param name="With">Free, from the wallet, or by card (credited, then debited).</param>
/// <param name="AmountUsd">0 for a free one.</param>
/// <param name="PaidFrom">Start of the paid period, inclusive.</param>
/// <param name="PaidUntil">Its end, exclusive: the new expiry, except where the license has none.</param>
/// <param name="Expiry">The license's expiry that this was reckoned from; null for never. Has somebody moved it since, nothing may be booked.</param>
public sealed record RenewalPayment(
    PaidWith With, decimal AmountUsd, DateTimeOffset PaidFrom, DateTimeOffset PaidUntil, DateTimeOffset? Expiry);

/// <summary>A paid period that ends early.</summary>
/// <param name="PaidUntil">The expiry that it had given the license: whoever moved it since keeps his.</param>
/// <param name="EndsAt">The new expiry.</param>
public sealed record PeriodEnd(DateTimeOffset PaidUntil, DateTimeOffset EndsAt);

/// <summary>A row of the guide's history: one an attempt, one for all that needs no card.</summary>
/// <param name="Id">Attempt or renewal: a repeat updates its row.</param>
/// <param name="Status">success, failed or pending.</param>
/// <param name="FailureReason">Why it failed.</param>
public sealed record RenewalHistory(Guid Id, string Status, string? FailureReason = null);

/// <summary>A mail of the outbox.</summary>
/// <param name="Template">The template's name.</param>
/// <param name="DedupKey">Sent once for this key.</param>
/// <param name="Reason">The code of what happened or what is needed.</param>
/// <param name="OldAmountUsd">What the last period cost, where the price rose.</param>
/// <param name="Link">Where the customer answers, a path of the pages; signed at the edge.</param>
public sealed record RenewalNotice(
    string Template, string DedupKey, string? Reason = null, decimal? OldAmountUsd = null, string? Link = null);

/// <summary>What to do next with a claimed renewal.</summary>
public abstract record RenewalStep
{
    private RenewalStep() { }

    /// <summary>Nothing now.</summary>
    public sealed record Rest : RenewalStep;

    /// <summary>Commit the change.</summary>
    public sealed record Save(RenewalChange Change) : RenewalStep;

    /// <summary>Create the intent of the frozen attempt; charges nothing.</summary>
    public sealed record CreateIntent(RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Confirm the intent, the first time or again with the same key and parameters.</summary>
    public sealed record Confirm(string IntentId, RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Ask what became of the intent.</summary>
    public sealed record LookUp(string IntentId, RenewalAttempt Attempt) : RenewalStep;

    /// <summary>Make sure that the intent can't succeed any more, or hear that it did.</summary>
    public sealed record CancelIntent(string IntentId, RenewalAttempt Attempt) : RenewalStep;
}
