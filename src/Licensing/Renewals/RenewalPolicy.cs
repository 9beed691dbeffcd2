namespace Licensing.Renewals;

/// <summary>The settings of this installation for renewals.</summary>
/// <param name="AutoRenewal">AUTO_RENEWAL_ENABLED.</param>
/// <param name="Warning">EXPIRY_WARNING_DAYS: how long before expiry attempts begin, whole days from 1 to 29.</param>
/// <param name="Grace">RENEWAL_GRACE_PERIOD_DAYS: how long after expiry attempts end, whole days from 0 to 29.</param>
/// <param name="PriceRiseShare">From 0 to 10. A rise above this share of the last price (0.1 = 10 %) needs the customer's consent.</param>
/// <param name="IdempotencyKeyLifetimes">
/// For each configured provider, how long after its first use an idempotency key may be sent again.
/// </param>
public sealed record RenewalPolicy(
    bool AutoRenewal,
    TimeSpan Warning,
    TimeSpan Grace,
    decimal PriceRiseShare,
    IReadOnlyDictionary<string, TimeSpan> IdempotencyKeyLifetimes)
{
    /// <summary>RENEW_PAUSED_LICENSES: whether licenses are renewed that the platform paused or locked.</summary>
    public bool RenewsPaused { get; init; }

    /// <summary>For each configured provider, the smallest amount that it charges to a card.</summary>
    public IReadOnlyDictionary<string, decimal> MinimumChargesUsd { get; init; } = new Dictionary<string, decimal>();

    /// <summary>The configured providers whose intents can be confirmed by one attempt only.</summary>
    public IReadOnlySet<string> OneAttemptProviders { get; init; } = new HashSet<string>();

    /// <summary>The largest EXPIRY_WARNING_DAYS.</summary>
    public const int LongestWarningDays = 29;

    /// <summary>After this number of soft declines, no automatic attempt follows in this period.</summary>
    public const int SoftAttempts = 4;

    /// <summary>
    /// Maximum number of attempts of a renewal within <see cref="AttemptWindow"/>, manual ones included. Mastercard allows 10 in 24 hours,
    /// Visa 20 in 30 days.
    /// </summary>
    public const int AllAttempts = 10;

    /// <summary>The period in which <see cref="AllAttempts"/> attempts are possible.</summary>
    public static readonly TimeSpan AttemptWindow = TimeSpan.FromDays(30);

    /// <summary>How long a charge stays unknown before an operator must decide.</summary>
    public static readonly TimeSpan UndecidedAfter = TimeSpan.FromDays(3);

    /// <summary>How long a manual renewal after the grace may take before the period lapses.</summary>
    public static readonly TimeSpan ManualWindow = TimeSpan.FromHours(1);

    /// <summary>The minimum time that a customer has to agree to an increased price.</summary>
    public static readonly TimeSpan ShortestConsent = TimeSpan.FromDays(2);

    /// <summary>The time that a customer gets to agree if less than <see cref="ShortestConsent"/> is left.</summary>
    public static readonly TimeSpan ConsentWindow = TimeSpan.FromDays(3);

    /// <summary>How long after the grace a renewal may still begin: an outage of this backend up to this long ends no license.</summary>
    public static readonly TimeSpan CatchUp = TimeSpan.FromDays(7);

    /// <summary>How often a renewal that waits for money, a price or a reinstatement is checked again.</summary>
    public static readonly TimeSpan RecheckEvery = TimeSpan.FromHours(1);

    /// <summary>How long a period that is opened late, after an outage, has before it lapses.</summary>
    public static readonly TimeSpan LateWindow = TimeSpan.FromDays(1);

    /// <summary>
    /// How often a renewal is checked again that waits for another charge of its license, or for the providers' events.
    /// </summary>
    public static readonly TimeSpan AnotherChargeRecheck = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long refunds, credits and invoices wait for a provider's events, counted from the return (payment_event_reads.missed_until).
    /// Meanwhile, operators are told that FetchPaymentEvents fails.
    /// </summary>
    public static readonly TimeSpan LongestWaitForEvents = TimeSpan.FromDays(3);

    /// <summary>How long the providers repeat a webhook that was not acknowledged.</summary>
    public static readonly TimeSpan WebhooksRepeat = TimeSpan.FromDays(3);

    /// <summary>How soon a booking is repeated if the wallet was locked.</summary>
    public static readonly TimeSpan WalletRetry = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan ShortestStep = TimeSpan.FromHours(1);

    /// <summary>Whether the increased price needs the customer's consent.</summary>
    public bool NeedsConsent(decimal amountUsd, decimal? lastPaidUsd) =>
        lastPaidUsd is { } last && amountUsd > last * (1 + PriceRiseShare);

    /// <summary>Whether auto-renewal is on, both for this installation and for the license.</summary>
    public bool AutoRenews(RenewalLicense license) => AutoRenewal && license.AutoRenew;

    /// <summary>
    /// Whether the events of a configured provider are unread: a charge that this database doesn't know may have paid the period.
    /// </summary>
    public bool AwaitsEvents(RenewalFacts facts) => facts.UnreadProviders.Any(IdempotencyKeyLifetimes.ContainsKey);

    /// <summary>
    /// Whether a charge by this provider must wait until events are read: the other provider may have charged the period, too. If the other
    /// one's events are overdue, it is out of reach, and the charge of a customer who has never used it no longer waits for it.
    /// </summary>
    public bool AwaitsEvents(RenewalFacts facts, string provider) => facts.UnreadProviders.Any(
        unread => IdempotencyKeyLifetimes.ContainsKey(unread) && (unread == provider || !facts.OverdueProviders.Contains(unread)));

    /// <summary>Why the license is not renewed, neither automatically nor manually; null if it is.</summary>
    public RenewalBlock? BlockOf(RenewalLicense license) =>
        RenewsPaused && license.Block is RenewalBlock.PausedToxic or RenewalBlock.LockedNoFunds ? null : license.Block;

    /// <summary>First time at which the period after this expiry can be renewed.</summary>
    public DateTimeOffset OpensAt(DateTimeOffset expiresAt) => expiresAt - Warning;

    /// <summary>The last expiry whose renewal can be opened now, inclusive: the inverse of <see cref="OpensAt"/>.</summary>
    public DateTimeOffset OpensUntil(DateTimeOffset now) => now + Warning;

    /// <summary>
    /// The timer opens a renewal only if the license's expiry is later than this time. A license that had lapsed before the last run that
    /// opened all due renewals, or before the first run, is not charged without a request.
    /// </summary>
    /// <param name="now">The present time.</param>
    /// <param name="lastOpened">The start of the last run that opened all due renewals; null before the first one.</param>
    public DateTimeOffset OpensAfter(DateTimeOffset now, DateTimeOffset? lastOpened) =>
        Later(now - CatchUp, lastOpened ?? now) - Grace;

    /// <summary>
    /// When an unpaid period lapses: at the end of the grace, or at the end of the window that starts now, if that is later. SQL:
    /// renewal_gives_up_at, with <see cref="LateWindow"/> as the window.
    /// </summary>
    public DateTimeOffset GivesUpAt(DateTimeOffset periodStart, DateTimeOffset now, TimeSpan window) =>
        Later(periodStart + Grace, now + window);

    /// <summary>
    /// The start of a period that was paid at this time: the old expiry if it was paid before the grace ended, because the license was
    /// valid until then; otherwise now.
    /// </summary>
    public DateTimeOffset PaidFrom(DateTimeOffset expiresAt, DateTimeOffset paidAt, DateTimeOffset now) =>
        paidAt < expiresAt + Grace ? expiresAt : now;

    /// <summary>Whether the attempt's requests may be sent again: its provider is configured and the keys' lifetime isn't over.</summary>
    public bool CanReplay(RenewalAttempt attempt, DateTimeOffset now) =>
        IdempotencyKeyLifetimes.TryGetValue(attempt.Provider, out var lifetime) && now - attempt.FirstSentAt < lifetime;

    /// <summary>
    /// The next attempt after a soft decline. The remaining attempts and the end divide the remaining time into equal steps of at least an
    /// hour. From 7 days before expiry to 3 days after it, the attempts are at −7, −4.5, −2 and +0.5 days.
    /// </summary>
    public static DateTimeOffset NextAttempt(int softDeclines, DateTimeOffset now, DateTimeOffset givesUpAt)
    {
        if (softDeclines >= SoftAttempts || now >= givesUpAt) return givesUpAt;
        var step = (givesUpAt - now) / (SoftAttempts - softDeclines + 1);
        return Earlier(now + (step < ShortestStep ? ShortestStep : step), givesUpAt);
    }

    /// <summary>When a renewal that had attempts at these times may charge a card again; null if it may now.</summary>
    public static DateTimeOffset? CardAllowedAt(IEnumerable<DateTimeOffset> attemptsAt, DateTimeOffset now)
    {
        var recent = attemptsAt.Where(at => at > now - AttemptWindow).Order().ToList();
        return recent.Count < AllAttempts ? null : recent[^AllAttempts] + AttemptWindow;
    }

    /// <summary>The next lookup of the reconciler: after 5 minutes, 1 hour, then daily.</summary>
    /// <param name="lookups">Lookups so far, including the present one (1 or more).</param>
    /// <param name="now">The time of the present lookup.</param>
    /// <param name="retryAfter">How long the provider asked to wait; at most one day of it counts.</param>
    public static DateTimeOffset NextLookup(int lookups, DateTimeOffset now, TimeSpan? retryAfter = null)
    {
        var pace = lookups switch { <= 1 => TimeSpan.FromMinutes(5), 2 => TimeSpan.FromHours(1), _ => TimeSpan.FromDays(1) };
        if (retryAfter > pace) pace = retryAfter.Value;
        return now + (pace < TimeSpan.FromDays(1) ? pace : TimeSpan.FromDays(1));
    }

    /// <summary>
    /// The next try to send evidence: as <see cref="NextLookup"/>, but a try is due 24 hours before the deadline, and then one every
    /// hour.
    /// </summary>
    /// <param name="tries">Tries so far, including the present one (1 or more).</param>
    /// <param name="now">The time of the present try.</param>
    /// <param name="dueAt">The deadline; null if the provider named none.</param>
    public static DateTimeOffset NextEvidence(int tries, DateTimeOffset now, DateTimeOffset? dueAt)
    {
        var next = NextLookup(tries, now);
        if (!(dueAt > now)) return next;
        var lastDay = dueAt.Value - TimeSpan.FromDays(1);
        return Earlier(next, now < lastDay ? lastDay : now + TimeSpan.FromHours(1));
    }

    /// <summary>
    /// When an attempt that charged nothing was due. This is before the end of the period's attempts, so another attempt follows, however
    /// late it is: an outage of the provider ends no license.
    /// </summary>
    internal static DateTimeOffset DueAgain(Renewal renewal) =>
        Earlier(renewal.Attempt!.FirstSentAt, renewal.GivesUpAt - TimeSpan.FromSeconds(1));

    internal static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    internal static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
