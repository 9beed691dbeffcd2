using System.Globalization;
using Licensing.Devices;
using Licensing.Renewals;
using Licensing.Suspicion;

namespace Licensing.Health;

/// <summary>
/// The health score of a license, 0 to 100: the sum of the guide's four parts (status 40, usage 20, devices 20, nothing suspicious 20).
/// Each part starts with its full points and loses points for known problems. Unknown facts cost no points.
/// </summary>
public static class HealthScore
{
    public const int StatusPoints = 40;
    public const int UsagePoints = 20;
    public const int DevicesPoints = 20;
    public const int SuspicionPoints = 20;

    /// <summary>A license younger than this loses no points for missing use.</summary>
    public static readonly TimeSpan Settling = TimeSpan.FromDays(3);

    /// <summary>Payment problems count from this long before expiry.</summary>
    public static readonly TimeSpan PaymentHorizon = TimeSpan.FromDays(30);

    /// <summary>The reject rate counts from this number of signals.</summary>
    public const int MinSignalsForRate = 20;

    /// <summary>Device changes in 30 days that cost no points: a reinstallation, a new VPS.</summary>
    public const int ChangesAllowed = 2;

    public static HealthReport Of(HealthFacts facts)
    {
        var contributions = new List<HealthContribution>();
        AddPart(contributions, HealthPart.Status, StatusPoints, StatusGain(facts), Status(facts));
        AddPart(contributions, HealthPart.Usage, UsagePoints, UsageGain(facts), Usage(facts));
        AddPart(
            contributions, HealthPart.Devices, DevicesPoints,
            new Why(HealthReason.DevicesInUse, Count(facts), new HealthValues(Used: facts.DevicesUsed, Max: facts.MaxDevices)),
            Devices(facts));
        var noAlerts = facts.OpenAlerts.Count == 0
            ? new Why(HealthReason.NoOpenAlert, "No alert is open")
            : new Why(HealthReason.WithoutOpenAlerts, "Points of a license without open alerts");
        AddPart(contributions, HealthPart.Suspicion, SuspicionPoints, noAlerts, Suspicion(facts));
        return new HealthReport(contributions.Sum(contribution => contribution.Points), contributions);
    }

    /// <summary>Trading time since the last use, or since a new license was expected to be used; never below zero.</summary>
    public static TimeSpan Silence(HealthFacts facts) =>
        TradingHours.Between(Latest(facts.LastUsedAt, facts.IssuedAt + Settling - TimeSpan.FromDays(1)), facts.Now);

    // No part falls below zero: the last losses are cut to the points that are left, so that the sum is exact.
    private static void AddPart(
        List<HealthContribution> contributions, HealthPart part, int full, Why gain, IEnumerable<HealthContribution> losses)
    {
        contributions.Add(gain.ToContribution(part, full));
        var left = full;
        foreach (var loss in losses.OrderBy(loss => loss.Points))
        {
            var points = Math.Max(loss.Points, -left);
            left += points;
            contributions.Add(loss with { Points = points });
        }
    }

    private static Why StatusGain(HealthFacts facts) => facts.ExpiresAt is { } expiry && expiry > facts.Now
        ? new Why(
            HealthReason.RunsUntil, $"The license runs until {expiry.UtcDateTime.ToString("MMM d, yyyy", CultureInfo.InvariantCulture)}",
            new HealthValues(Until: expiry))
        : new Why(HealthReason.Valid, "The license is valid");

    private static IEnumerable<HealthContribution> Status(HealthFacts facts)
    {
        switch (facts.Status)
        {
            case LicenseStatus.Suspended when facts.Code == LicenseCode.LockedNoFunds:
                yield return Loss(
                    HealthPart.Status, StatusPoints,
                    new Why(HealthReason.LockedNoFunds, "The platform has locked the subscription because funds are missing"),
                    HealthAction.ContactSupport, "Top up the wallet, or ask the platform's support");
                break;
            case LicenseStatus.Suspended when facts.Code == LicenseCode.PausedToxic:
                yield return Loss(
                    HealthPart.Status, StatusPoints,
                    new Why(HealthReason.PausedToxic, "The platform has paused the subscription because of poor market conditions"),
                    HealthAction.ContactSupport, "Ask the platform's support when trading will resume");
                break;
            case LicenseStatus.Suspended when facts.Code == LicenseCode.Inactive:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Inactive, "The subscription is not active"),
                    HealthAction.ContactSupport, "Ask the platform's support to activate the subscription");
                break;
            case LicenseStatus.Suspended:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Suspended, "The license is suspended"),
                    HealthAction.Appeal, "See why it was suspended, and appeal if that is wrong");
                break;
            case LicenseStatus.Revoked:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Revoked, "The license was revoked"),
                    HealthAction.ContactSupport, "Ask the platform's support for a new token");
                break;
            case LicenseStatus.Expired:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Expired, "The license has expired"),
                    HealthAction.Renew, "Renew the license");
                break;
            case LicenseStatus.Grace:
                yield return Loss(
                    HealthPart.Status, 25, new Why(HealthReason.InGrace, "The license has expired and is in its grace period"),
                    HealthAction.Renew, "Renew now: the license stops when the grace period ends");
                break;
            default:
                foreach (var loss in Payment(facts))
                    yield return loss;
                break;
        }
    }

    // A doubtful renewal loses more points near the expiry: 5 within 30 days, 10 within 7, 15 within 3.
    private static IEnumerable<HealthContribution> Payment(HealthFacts facts)
    {
        if (facts.ExpiresAt is not { } expiry || expiry - facts.Now > PaymentHorizon)
            yield break;

        var left = expiry - facts.Now;
        var points = left < TimeSpan.FromDays(3) ? 15 : left < TimeSpan.FromDays(7) ? 10 : 5;
        if (facts.Payment is { AutoRenew: false, Obstacle: not PaymentSource.NoActivePrice })
            yield return Loss(
                HealthPart.Status, points,
                new Why(
                    HealthReason.EndsWithoutRenewal, $"The license ends in {Days(left)} and auto-renewal is off", InDays(left)),
                HealthAction.TurnOnAutoRenewal, "Turn on auto-renewal, or renew manually");
        if (facts.Payment.Obstacle is { } obstacle)
        {
            var (reason, action, recommendation) = Describe(obstacle);
            yield return Loss(HealthPart.Status, points, reason, action, recommendation);
        }
    }

    private static (Why Reason, HealthAction Action, string Recommendation) Describe(string obstacle) => obstacle switch
    {
        PaymentSource.NoActivePrice => (
            new Why(HealthReason.NoActivePrice, "The master has no active price, so the license can't be renewed"),
            HealthAction.ContactSupport, "Ask the master or the platform's support about the next period"),
        PaymentSource.PriceConsent => (
            new Why(HealthReason.PriceConsent, "The price of the next period has increased, and consent to it is missing"),
            HealthAction.Renew, "Agree to the new price on the Renewals page, or with the link in the email"),
        PaymentSource.NoPaymentMethod => (
            new Why(HealthReason.NoPaymentMethod, "The wallet balance is too low for the next period, and no payment method is saved"),
            HealthAction.AddPaymentMethod, "Save a payment method, or top up the wallet"),
        PaymentSource.UnknownProvider => (
            new Why(
                HealthReason.UnknownPaymentProvider,
                "The wallet balance is too low for the next period, and the saved payment method can't be charged"),
            HealthAction.ReplaceCard, "Save a payment method, or top up the wallet"),
        PaymentSource.AmountTooSmall => (
            new Why(
                HealthReason.AmountTooSmall,
                "The wallet balance is too low for the next period, and its price is too small to be charged"),
            HealthAction.Renew, "Top up the wallet"),
        RenewalForecast.CardExpires => (
            new Why(HealthReason.CardExpires, "The saved card expires before the renewal"),
            HealthAction.ReplaceCard, "Save a card that is valid for longer, or top up the wallet"),
        // Any other code is a decline of the card.
        _ => (
            new Why(HealthReason.PaymentDeclined, "The last payment was declined"),
            HealthAction.ReplaceCard, "Save another payment method, or top up the wallet"),
    };

    private static Why UsageGain(HealthFacts facts) => facts.LastUsedAt is null
        ? new Why(HealthReason.NoUseKnown, "No use is known yet")
        : new Why(HealthReason.InUse, "The license is in use");

    private static IEnumerable<HealthContribution> Usage(HealthFacts facts)
    {
        var silence = Silence(facts);
        var points = silence < TimeSpan.FromDays(1) ? 0
            : silence < TimeSpan.FromDays(3) ? 5
            : silence < TimeSpan.FromDays(7) ? 10
            : silence < TimeSpan.FromDays(14) ? 15
            : UsagePoints;
        if (points > 0)
            yield return Loss(
                HealthPart.Usage, points,
                facts.LastUsedAt is { } last
                    ? new Why(HealthReason.Unused, $"Last used {Days(facts.Now - last)} ago", InDays(facts.Now - last))
                    : new Why(HealthReason.NotUsedYet, "Not used yet"),
                HealthAction.StartExpertAdvisor, "Start the expert advisor in MetaTrader 5, with AutoTrading on");

        if (facts.SignalsReceived < MinSignalsForRate)
            yield break;
        // The log may have contradicting counters from before they were rejected.
        var rate = Math.Clamp((double)facts.SignalsRejected / facts.SignalsReceived, 0, 1);
        var rejected = rate < 0.1 ? 0 : rate < 0.25 ? 4 : rate < 0.5 ? 8 : 12;
        if (rejected > 0)
            yield return Loss(
                HealthPart.Usage, rejected,
                new Why(
                    HealthReason.SignalsRejected,
                    $"{rate.ToString("P0", CultureInfo.InvariantCulture)} of the last 7 days' signals were rejected",
                    new HealthValues(Percent: (int)Math.Round(100 * rate, MidpointRounding.AwayFromZero))),
                HealthAction.CheckExpertAdvisor,
                "Check the terminal's journal. The usual causes are margin, symbol names and price deviation");
    }

    private static string Count(HealthFacts facts) =>
        string.Create(CultureInfo.InvariantCulture, $"{facts.DevicesUsed} of {facts.MaxDevices} devices in use");

    private static IEnumerable<HealthContribution> Devices(HealthFacts facts)
    {
        if (facts.DevicesUsed > facts.MaxDevices)
            yield return Loss(
                HealthPart.Devices, Math.Min(DevicesPoints, 10 * (facts.DevicesUsed - facts.MaxDevices)),
                new Why(
                    HealthReason.TooManyDevices, $"{Count(facts)}, more than allowed",
                    new HealthValues(Used: facts.DevicesUsed, Max: facts.MaxDevices)),
                HealthAction.RemoveDevice, "Remove devices that are no longer used");
        var changes = facts.DeviceChanges - ChangesAllowed;
        if (changes > 0)
            yield return Loss(
                HealthPart.Devices, Math.Min(12, 4 * changes),
                new Why(
                    HealthReason.DeviceChanges,
                    string.Create(CultureInfo.InvariantCulture, $"{facts.DeviceChanges} device changes in 30 days"),
                    new HealthValues(Changes: facts.DeviceChanges)),
                HealthAction.KeepDevices, "Keep the expert advisor on the same devices and accounts");
    }

    private static IEnumerable<HealthContribution> Suspicion(HealthFacts facts) => facts.OpenAlerts.Select(alert =>
    {
        var points = alert.Severity switch
        {
            AlertSeverity.Low => 3,
            AlertSeverity.Medium => 7,
            AlertSeverity.High => 14,
            _ => SuspicionPoints,
        };
        var severity = EnumWords.UpperOf(alert.Severity);
        var reason = $"An alert of severity {severity} is open";
        var values = new HealthValues(Severity: severity);
        return alert.CanAnswer
            ? Loss(
                HealthPart.Suspicion, points, new Why(HealthReason.AlertOpen, reason, values),
                HealthAction.AnswerAlert, "Answer the alert on the Activity page")
            : new Why(HealthReason.AlertInReview, $"{reason} and under review", values)
                .ToContribution(HealthPart.Suspicion, -points);
    });

    private static HealthContribution Loss(HealthPart part, int points, Why why, HealthAction action, string recommendation) =>
        why.ToContribution(part, -points) with { Action = action, Recommendation = recommendation };

    /// <summary>A reason as a sentence and as a code with values.</summary>
    private sealed record Why(HealthReason Code, string Sentence, HealthValues? Values = null)
    {
        public HealthContribution ToContribution(HealthPart part, int points) =>
            new(part, points, Sentence) { Code = Code, Values = Values ?? new HealthValues() };
    }

    private static DateTimeOffset Latest(DateTimeOffset? one, DateTimeOffset other) => one is { } known && known > other ? known : other;

    private static HealthValues InDays(TimeSpan span) => new(Days: (int)span.TotalDays);

    private static string Days(TimeSpan span) =>
        span < TimeSpan.FromDays(1) ? "less than a day"
        : span < TimeSpan.FromDays(2) ? "a day"
        : string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} days");
}
