namespace Licensing.Renewals;

/// <summary>The installation's choices.</summary>
/// <param name="AutoRenewal">AUTO_RENEWAL_ENABLED.</param>
/// <param name="WarningDays">EXPIRY_WARNING_DAYS: attempts begin this many days before expiry.</param>
/// <param name="GraceDays">RENEWAL_GRACE_PERIOD_DAYS: attempts end this many days after it.</param>
/// <param name="PriceRiseShare">A rise above this share of the last price (0.1 = 10 %) needs the customer's word; 0 for any rise.</param>
/// <param name="IdempotencyKeyLifetimes">The configured providers, each with how long an idempotency key may be sent again.</param>
public sealed record RenewalPolicy(
    bool AutoRenewal, int WarningDays, int GraceDays, decimal PriceRiseShare, IReadOnlyDictionary<string, TimeSpan> IdempotencyKeyLifetimes)
{
    /// <summary>Soft declines after which nothing is tried by itself in this period.</summary>
    public const int SoftAttempts = 4;

    /// <summary>All attempts of a period, manual ones included: Mastercard allows 10 in 24 hours, Visa 20 in 30 days.</summary>
    public const int AllAttempts = 10;

    /// <summary>How long a question stays open before a person is asked.</summary>
    public static readonly TimeSpan UndecidedAfter = TimeSpan.FromDays(3);

    /// <summary>How long a manual renewal after the grace may take before the period lapses again.</summary>
    public static readonly TimeSpan ManualWindow = TimeSpan.FromHours(1);

    /// <summary>How long after the grace a renewal still begins: an outage of ours may last that long without costing a license.</summary>
    public static readonly TimeSpan CatchUp = TimeSpan.FromDays(7);

    /// <summary>How often a renewal that waits for money, a price or a reinstatement looks whether it has come.</summary>
    public static readonly TimeSpan RecheckEvery = TimeSpan.FromHours(1);

    public TimeSpan Warning => TimeSpan.FromDays(WarningDays);

    public TimeSpan Grace => TimeSpan.FromDays(GraceDays);

    /// <summary>Whether the raised price needs the customer's word.</summary>
    public bool NeedsConsent(decimal amountUsd, decimal? lastPaidUsd) =>
        lastPaidUsd is { } last && amountUsd > last * (1 + PriceRiseShare);

    /// <summary>
    /// When a period that is opened now lapses unless it is paid: at the end of the grace; one opened late, after an outage of
    /// ours, gets a day.
    /// </summary>
    public DateTimeOffset GivesUpAt(DateTimeOffset periodStart, DateTimeOffset now) => Later(periodStart + Grace, now + TimeSpan.FromDays(1));

    /// <summary>Whether the attempt's keys may still be sent: its provider is configured and the key's life isn't over.</summary>
    public bool CanReplay(RenewalAttempt attempt, DateTimeOffset now) =>
        IdempotencyKeyLifetimes.TryGetValue(attempt.Provider, out var life) && now - attempt.FirstSentAt < life;

    /// <summary>
    /// The next attempt after a soft decline: what is left of the time, in equal steps for what is left of the attempts and
    /// the end, at least an hour. From 7 days before expiry to 3 after that is −7, −4.5, −2 and +0.5 days.
    /// </summary>
    public static DateTimeOffset NextAttempt(int softDeclines, DateTimeOffset now, DateTimeOffset givesUpAt)
    {
        if (softDeclines >= SoftAttempts || now >= givesUpAt) return givesUpAt;
        var step = (givesUpAt - now) / (SoftAttempts - softDeclines + 1);
        return Earlier(now + (step < TimeSpan.FromHours(1) ? TimeSpan.FromHours(1) : step), givesUpAt);
    }

    /// <summary>The reconciler's pace: 5 minutes, 1 hour, then daily; a gateway that asks for more time gets it, a day at most.</summary>
    /// <param name="lookups">Questions asked so far, the one just asked included (1 or more).</param>
    public static DateTimeOffset NextLookup(int lookups, DateTimeOffset now, TimeSpan? retryAfter = null)
    {
        var pace = lookups switch { <= 1 => TimeSpan.FromMinutes(5), 2 => TimeSpan.FromHours(1), _ => TimeSpan.FromDays(1) };
        if (retryAfter > pace) pace = retryAfter.Value;
        return now + (pace < TimeSpan.FromDays(1) ? pace : TimeSpan.FromDays(1));
    }

    /// <summary>
    /// When an attempt that charged nothing was due: before the end, so that another one is made however late it is. A
    /// gateway's outage costs nobody his license.
    /// </summary>
    internal static DateTimeOffset StillOwed(Renewal renewal) =>
        Earlier(renewal.Attempt!.FirstSentAt, renewal.GivesUpAt - TimeSpan.FromSeconds(1));

    internal static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    internal static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
