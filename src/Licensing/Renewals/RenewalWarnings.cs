using System.Globalization;

namespace Licensing.Renewals;

/// <summary>Which mails a customer gets before and around an expiry. Each has a key, so that it is sent once.</summary>
public static class RenewalWarnings
{
    /// <summary>Template of the notice of an automatic charge.</summary>
    public const string UpcomingRenewal = "upcoming_renewal";

    /// <summary>How long before the first automatic attempt the notice is sent.</summary>
    public static readonly TimeSpan NoticeBefore = TimeSpan.FromDays(3);

    /// <summary>Long after the expiry, a mail is sent again if the renewal still waits or continues after this time.</summary>
    private static readonly TimeSpan CountsFor = TimeSpan.FromDays(14);

    /// <summary>When the notice of the automatic charge for the period after this expiry is sent.</summary>
    public static DateTimeOffset NoticeAt(DateTimeOffset expiresAt, RenewalPolicy policy) => policy.OpensAt(expiresAt) - NoticeBefore;

    /// <summary>The last expiry whose notice is due now, inclusive: the inverse of <see cref="NoticeAt"/>.</summary>
    public static DateTimeOffset NoticeUntil(DateTimeOffset now, RenewalPolicy policy) => policy.OpensUntil(now) + NoticeBefore;

    /// <summary>
    /// Whether the notice is due, before the renewal can begin. If the customer turns on auto-renewal or saves a card later, the charge
    /// doesn't wait: <see cref="AtCharge"/> adds the notice, which then names the present time.
    /// </summary>
    /// <param name="expiresAt">The license's expiry.</param>
    /// <param name="forecast">There is no notice if nothing can pay, if something else prevents the renewal, or if the price is 0.</param>
    /// <param name="status">Null before the renewal is opened.</param>
    /// <param name="now">The present time.</param>
    /// <param name="policy">The settings of this installation.</param>
    public static bool IsNoticeDue(
        DateTimeOffset expiresAt, RenewalForecast forecast, RenewalStatus? status, DateTimeOffset now, RenewalPolicy policy) =>
        forecast is { IsHeld: false, With: PaidWith.Wallet or PaidWith.Card or PaidWith.Deferred } && status is null
        && now >= NoticeAt(expiresAt, policy) && now < policy.OpensAt(expiresAt);

    /// <summary>
    /// Whether the customer must be warned, before the expiry or during the grace. Not if the renewal is about to be paid: a mail that says
    /// "expired" would come together with the receipt. Not while a charge is open: it keeps the license valid.
    /// </summary>
    /// <param name="obstacle">Of the forecast; null if the renewal should succeed.</param>
    /// <param name="status">Null before the renewal is opened.</param>
    /// <param name="inGrace">The license has expired.</param>
    public static bool IsWarningDue(string? obstacle, RenewalStatus? status, bool inGrace) => inGrace
        ? status?.IsChargeOpen() is not true && (obstacle is not null || status is not (null or RenewalStatus.Due))
        : obstacle is not null;

    /// <summary>
    /// How long a warning before the expiry waits if the renewal can still be tried. If the attempt fails, only the mail about the failure
    /// is sent. Longer than the pause between two runs of the renewals.
    /// </summary>
    public static readonly TimeSpan WaitsForAttempt = TimeSpan.FromMinutes(20);

    /// <summary>Templates of the mails about an attempt that failed.</summary>
    public static readonly IReadOnlyList<string> OfFailures = ["renewal_failed", "action_needed"];

    /// <summary>Days until the expiry by the calendar (UTC): 0 for today, 1 for tomorrow.</summary>
    public static int DaysLeft(DateTimeOffset expiresAt, DateTimeOffset now) => (expiresAt.UtcDateTime.Date - now.UtcDateTime.Date).Days;

    /// <summary>Identifies a warning by its license, expiry and stage (<see cref="RenewalForecast.WarningDays"/>).</summary>
    public static string WarningKey(Guid subscriptionId, DateTimeOffset expiresAt, int stage) =>
        $"{WarningKeysBeginning(subscriptionId, expiresAt)}{stage}";

    /// <summary>What the keys of all warnings about one expiry begin with; the stage follows.</summary>
    public static string WarningKeysBeginning(Guid subscriptionId, DateTimeOffset expiresAt) =>
        $"expiring:{subscriptionId}:{expiresAt.ToUnixTimeSeconds()}:";

    /// <summary>Identifies the notice of a renewal.</summary>
    /// <param name="with">What will pay. If it or the amount changes, the customer is told again.</param>
    /// <param name="amountUsd">What will be charged.</param>
    public static string NoticeKey(Guid subscriptionId, DateTimeOffset expiresAt, PaidWith with, decimal amountUsd) => string.Create(
        CultureInfo.InvariantCulture,
        $"{UpcomingRenewal}:{subscriptionId}:{expiresAt.ToUnixTimeSeconds()}:{EnumWords.Of(with)}:{decimal.ToInt64(amountUsd * 100)}");

    /// <summary>
    /// The end of a mail's key: empty until a day after the grace, then a number that increases every <see cref="CountsFor"/>. So a renewal
    /// that continues long after the expiry, for example when a suspension ends, sends its mails again: the customer may have got them
    /// months ago.
    /// </summary>
    internal static string KeyEnd(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) =>
        Late(renewal, policy, now) is { } late ? $":{late.Days / CountsFor.Days}" : "";

    private static TimeSpan? Late(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) =>
        now - (renewal.PeriodStart + policy.Grace + RenewalPolicy.LateWindow) is var late && late > TimeSpan.Zero ? late : null;

    /// <summary>
    /// How long the notice of <see cref="AtCharge"/> waits. Most charges have an outcome within seconds: then the customer gets only the
    /// mail about the outcome.
    /// </summary>
    public static readonly TimeSpan AtChargeWaits = TimeSpan.FromMinutes(2);

    /// <summary>
    /// The notice that is added before the first automatic charge of a card, if it was not sent before. The customer can no longer prevent
    /// that charge, and the mail says so. A payment from the wallet is booked at once, so that the mail about the renewal says everything.
    /// </summary>
    /// <returns>
    /// Null if the customer asked for the renewal, or agreed to its price and the expiry is not long ago.
    /// </returns>
    internal static RenewalNotice? AtCharge(Renewal renewal, SavedCard card, RenewalPolicy policy, DateTimeOffset now) =>
        renewal.Type is RenewalType.Auto && (!renewal.PriceAccepted || Late(renewal, policy, now) is not null)
            ? new RenewalNotice(UpcomingRenewal, KeyAtCharge(renewal, policy, now))
            {
                PaidWith = PaidWith.Card,
                PaymentMethodId = card.PaymentMethodId,
                ChargeAt = now,
            }
            : null;

    /// <summary>The key of the notice of a charge, which is withdrawn with the outcome if it was not sent yet.</summary>
    internal static string KeyAtCharge(Renewal renewal, RenewalPolicy policy, DateTimeOffset now) =>
        NoticeKey(renewal.SubscriptionId, renewal.PeriodStart, PaidWith.Card, renewal.ChargedMinor / 100m) + KeyEnd(renewal, policy, now);
}
