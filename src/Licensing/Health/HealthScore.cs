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

    private const int GracePoints = 25;

    private const string AskAboutThePrice = "Ask the master or the platform's support about the next period";

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

    // What is lost contradicts the reason for the full points, so these then only say what they are for.
    private static Why StatusGain(HealthFacts facts) => facts switch
    {
        { Status: not (LicenseStatus.Active or LicenseStatus.PendingRenewal) } =>
            new Why(HealthReason.WhileValid, "Points of a valid license"),
        { ExpiresAt: { } expiry } when expiry > facts.Now => new Why(
            HealthReason.RunsUntil, $"The license runs until {expiry.UtcDateTime.ToString("MMM d, yyyy", CultureInfo.InvariantCulture)}",
            new HealthValues(Until: expiry)),
        _ => new Why(HealthReason.Valid, "The license is valid"),
    };

    /// <summary>Whether expert advisors can trade, so that it makes sense to use the license, and to use it better.</summary>
    private static bool CanTrade(HealthFacts facts) =>
        facts.Status is LicenseStatus.Active or LicenseStatus.PendingRenewal or LicenseStatus.Grace;

    private static IEnumerable<HealthContribution> Status(HealthFacts facts)
    {
        switch (facts.Status)
        {
            case LicenseStatus.Suspended when facts.Code == LicenseCode.LockedNoFunds:
                yield return Loss(
                    HealthPart.Status, StatusPoints,
                    new Why(HealthReason.LockedNoFunds, "The platform has locked the subscription because funds are missing"),
                    HealthAction.ContactSupport, "Add money to the wallet, or ask the platform's support");
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
            case LicenseStatus.Suspended when facts.CanLift:
                yield return Loss(
                    HealthPart.Status, StatusPoints,
                    new Why(HealthReason.SuspendedLiftable, "The license is suspended"),
                    HealthAction.LiftSuspension, "Lift the suspension");
                break;
            case LicenseStatus.Suspended:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Suspended, "The license is suspended"),
                    HealthAction.Appeal, "See why it was suspended, and appeal if that is wrong");
                break;
            case LicenseStatus.Revoked:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Revoked, "The license was revoked"),
                    HealthAction.ContactSupport, "If you didn't end the license, write to support");
                break;
            case LicenseStatus.Expired or LicenseStatus.Grace when facts.Payment.IsChargeOpen:
                yield return new Why(HealthReason.PaymentChecked, "The license has expired, and a payment for it is being checked")
                    .ToContribution(HealthPart.Status, facts.Status is LicenseStatus.Grace ? -GracePoints : -StatusPoints);
                break;
            case LicenseStatus.Expired or LicenseStatus.Grace when facts.Payment.Obstacle is PaymentSource.NoActivePrice:
                yield return Loss(
                    HealthPart.Status, facts.Status is LicenseStatus.Grace ? GracePoints : StatusPoints,
                    new Why(HealthReason.ExpiredWithoutPrice, "The license has expired, and the master has no active price to renew it"),
                    HealthAction.ContactSupport, AskAboutThePrice);
                break;
            case LicenseStatus.Expired:
                yield return Loss(
                    HealthPart.Status, StatusPoints, new Why(HealthReason.Expired, "The license has expired"),
                    HealthAction.Renew, "Renew the license");
                break;
            case LicenseStatus.Grace:
                yield return Loss(
                    HealthPart.Status, GracePoints, new Why(HealthReason.InGrace, "The license has expired and is in its grace period"),
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
        if (facts.Payment.IsChargeOpen || facts.ExpiresAt is not { } expiry || expiry - facts.Now > PaymentHorizon)
            yield break;

        var left = expiry - facts.Now;
        // As in the mails, and as the pages show the expiry beside it.
        var daysLeft = RenewalWarnings.DaysLeft(expiry, facts.Now);
        var points = left < TimeSpan.FromDays(3) ? 15 : left < TimeSpan.FromDays(7) ? 10 : 5;
        if (facts.Payment is { AutoRenew: false, Obstacle: not PaymentSource.NoActivePrice })
            yield return Loss(
                HealthPart.Status, points,
                new Why(
                    HealthReason.EndsWithoutRenewal, $"The license ends {OnDay(daysLeft)}, and auto-renewal is off",
                    new HealthValues(Days: daysLeft)),
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
            HealthAction.ContactSupport, AskAboutThePrice),
        PaymentSource.PriceConsent => (
            new Why(HealthReason.PriceConsent, "The price of the next period has increased, and consent to it is missing"),
            HealthAction.Renew, "Agree to the new price on the Renewals page or with the link in our email"),
        PaymentSource.NoPaymentMethod => (
            new Why(HealthReason.NoPaymentMethod, "The wallet balance is too low for the next period, and no payment method is saved"),
            HealthAction.AddPaymentMethod, "Save a payment method, or add money to the wallet"),
        PaymentSource.UnknownProvider => (
            new Why(
                HealthReason.UnknownPaymentProvider,
                "The wallet balance is too low for the next period, and the saved payment method can't be charged"),
            HealthAction.ReplaceCard, "Save a payment method, or add money to the wallet"),
        PaymentSource.AmountTooSmall => (
            new Why(
                HealthReason.AmountTooSmall,
                "The wallet balance is too low for the next period, and its price is too small to be charged"),
            HealthAction.Renew, "Add money to the wallet"),
        RenewalForecast.CardExpires => (
            new Why(HealthReason.CardExpires, "The saved card expires before the renewal"),
            HealthAction.ReplaceCard, "Save a card that is valid for longer, or add money to the wallet"),
        // Any other code is a decline of the card.
        _ => (
            new Why(HealthReason.PaymentDeclined, "The last payment was declined"),
            HealthAction.ReplaceCard, "Save another payment method, or add money to the wallet"),
    };

    private static Why UsageGain(HealthFacts facts) =>
        SilencePoints(facts) > 0 ? new Why(HealthReason.WhileUsed, "Points of a license that is used every trading day")
        : facts.LastUsedAt is null ? new Why(HealthReason.NoUseKnown, "No use is known yet")
        : new Why(HealthReason.InUse, "The license was used on the last trading day");

    private static int SilencePoints(HealthFacts facts)
    {
        var silence = Silence(facts);
        return silence < TimeSpan.FromDays(1) ? 0
            : silence < TimeSpan.FromDays(3) ? 5
            : silence < TimeSpan.FromDays(7) ? 10
            : silence < TimeSpan.FromDays(14) ? 15
            : UsagePoints;
    }

    private static IEnumerable<HealthContribution> Usage(HealthFacts facts)
    {
        if (SilencePoints(facts) is > 0 and var points)
            yield return LossOfUse(
                facts, HealthPart.Usage, points,
                facts.LastUsedAt is { } last
                    ? new Why(HealthReason.Unused, $"Last used {Days(facts.Now - last)} ago", InDays(facts.Now - last))
                    : new Why(HealthReason.NotUsedYet, "Not used yet"),
                HealthAction.StartExpertAdvisor, "Start the expert advisor in MetaTrader 5, and turn on Algo Trading");

        if (facts.SignalsReceived < MinSignalsForRate)
            yield break;
        // The log may have contradicting counters from before they were rejected.
        var rate = Math.Clamp((double)facts.SignalsRejected / facts.SignalsReceived, 0, 1);
        var percent = (int)Math.Round(100 * rate, MidpointRounding.AwayFromZero);
        var rejected = rate < 0.1 ? 0 : rate < 0.25 ? 4 : rate < 0.5 ? 8 : 12;
        if (rejected > 0)
            yield return LossOfUse(
                facts, HealthPart.Usage, rejected,
                new Why(
                    HealthReason.SignalsRejected,
                    string.Create(CultureInfo.InvariantCulture, $"{percent}% of the signals of the last 7 days were rejected"),
                    new HealthValues(Percent: percent)),
                HealthAction.CheckExpertAdvisor,
                "Check the terminal's journal. The usual causes are margin, symbol names and price deviation");
    }

    private static string Count(HealthFacts facts) =>
        string.Create(CultureInfo.InvariantCulture, $"{facts.DevicesUsed} of {facts.MaxDevices} slots are taken");

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
            yield return LossOfUse(
                facts, HealthPart.Devices, Math.Min(12, 4 * changes),
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
        var reason = $"An alert of {EnumWords.Of(alert.Severity)} severity is open";
        var values = new HealthValues(Severity: severity);
        return alert.CanAnswer
            ? Loss(
                HealthPart.Suspicion, points, new Why(HealthReason.AlertOpen, reason, values),
                HealthAction.AnswerAlert, "Answer the alert on the Activity page")
            : new Why(HealthReason.AlertInReview, $"{reason} until it is reviewed", values)
                .ToContribution(HealthPart.Suspicion, -points);
    });

    private static HealthContribution Loss(HealthPart part, int points, Why why, HealthAction action, string recommendation) =>
        why.ToContribution(part, -points) with { Action = action, Recommendation = recommendation };

    /// <summary>A loss that only use regains: without a recommendation while the license can't be used.</summary>
    private static HealthContribution LossOfUse(
        HealthFacts facts, HealthPart part, int points, Why why, HealthAction action, string recommendation) =>
        CanTrade(facts) ? Loss(part, points, why, action, recommendation) : why.ToContribution(part, -points);

    /// <summary>A reason as a sentence and as a code with values.</summary>
    private sealed record Why(HealthReason Code, string Sentence, HealthValues? Values = null)
    {
        public HealthContribution ToContribution(HealthPart part, int points) =>
            new(part, points, Sentence) { Code = Code, Values = Values ?? new HealthValues() };
    }

    private static DateTimeOffset Latest(DateTimeOffset? one, DateTimeOffset other) => one is { } known && known > other ? known : other;

    private static HealthValues InDays(TimeSpan span) => new(Days: (int)span.TotalDays);

    private static string OnDay(int days) => days switch
    {
        0 => "today",
        1 => "tomorrow",
        _ => string.Create(CultureInfo.InvariantCulture, $"in {days} days"),
    };

    private static string Days(TimeSpan span) =>
        span < TimeSpan.FromDays(1) ? "less than a day"
        : span < TimeSpan.FromDays(2) ? "a day"
        : string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} days");
}
