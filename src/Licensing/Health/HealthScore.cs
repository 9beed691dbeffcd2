using System.Globalization;
using Licensing.Devices;

namespace Licensing.Health;

/// <summary>
/// The health score of a license, 0 to 100: the guide's four parts (status 40, usage 20, devices 20, nothing suspicious 20), each
/// starting from its full worth, less what is known to be wrong. What isn't known takes nothing.
/// </summary>
public static class HealthScore
{
    public const int StatusWorth = 40;
    public const int UsageWorth = 20;
    public const int DevicesWorth = 20;
    public const int SuspicionWorth = 20;

    /// <summary>A license younger than this isn't blamed for silence.</summary>
    public static readonly TimeSpan Settling = TimeSpan.FromDays(3);

    /// <summary>Payment trouble counts from this long before expiry.</summary>
    public static readonly TimeSpan PaymentHorizon = TimeSpan.FromDays(30);

    /// <summary>Fewer signals than this say nothing about a reject rate.</summary>
    public const int SignalsForARate = 20;

    /// <summary>Device changes in 30 days that are nobody's business: a reinstall, a new VPS.</summary>
    public const int ChangesAllowed = 2;

    public static HealthReport Of(HealthFacts facts)
    {
        var contributions = new List<HealthContribution>();
        AddPart(contributions, HealthPart.Status, StatusWorth, StatusGain(facts), Status(facts));
        AddPart(contributions, HealthPart.Usage, UsageWorth, UsageGain(facts), Usage(facts));
        AddPart(contributions, HealthPart.Devices, DevicesWorth, Count(facts.DevicesUsed, facts.MaxDevices), Devices(facts));
        AddPart(contributions, HealthPart.Suspicion, SuspicionWorth, facts.OpenAlerts.Count == 0 ? "Nothing suspicious is known" : "The worth of a license without alerts", Suspicion(facts));
        return new HealthReport(contributions.Sum(contribution => contribution.Points), contributions);
    }

    /// <summary>Trading time since the last use, or since a young license could be expected to be used; never below zero.</summary>
    public static TimeSpan Silence(HealthFacts facts) =>
        TradingHours.Between(Latest(facts.LastUsedAt, facts.IssuedAt + Settling - TimeSpan.FromDays(1)), facts.Now);

    // A part never falls below zero: the last losses are cut to what is left, so that the sum stays exact.
    private static void AddPart(
        List<HealthContribution> contributions, HealthPart part, int worth, string gain, IEnumerable<HealthContribution> losses)
    {
        contributions.Add(new HealthContribution(part, worth, gain));
        var left = worth;
        foreach (var loss in losses.OrderBy(loss => loss.Points))
        {
            var points = Math.Max(loss.Points, -left);
            left += points;
            contributions.Add(loss with { Points = points });
        }
    }

    private static string StatusGain(HealthFacts facts) => facts.ExpiresAt is { } expiry && expiry > facts.Now
        ? $"The license runs until {expiry.UtcDateTime.ToString("d MMM yyyy", CultureInfo.InvariantCulture)}"
        : "A license in force";

    private static IEnumerable<HealthContribution> Status(HealthFacts facts)
    {
        switch (facts.Status)
        {
            case LicenseStatus.Suspended:
                yield return Loss(HealthPart.Status, StatusWorth, "The license is suspended", HealthAction.Appeal, "See why it was suspended, and appeal if that is wrong");
                break;
            case LicenseStatus.Revoked:
                yield return Loss(HealthPart.Status, StatusWorth, "The license was revoked", HealthAction.ContactSupport, "Ask the platform's support for a new token");
                break;
            case LicenseStatus.Expired:
                yield return Loss(HealthPart.Status, StatusWorth, "The license has expired", HealthAction.Renew, "Renew the license");
                break;
            case LicenseStatus.Grace:
                yield return Loss(HealthPart.Status, 25, "The license has expired and runs on in its grace days", HealthAction.Renew, "Renew now: the license stops when the grace days end");
                break;
            default:
                foreach (var loss in Payment(facts))
                    yield return loss;
                break;
        }
    }

    // The nearer the expiry, the more a renewal in doubt weighs: 5 points from 30 days on, 10 within 7, 15 within 3.
    private static IEnumerable<HealthContribution> Payment(HealthFacts facts)
    {
        if (facts.ExpiresAt is not { } expiry || expiry - facts.Now > PaymentHorizon)
            yield break;

        var left = expiry - facts.Now;
        var weight = left < TimeSpan.FromDays(3) ? 15 : left < TimeSpan.FromDays(7) ? 10 : 5;
        var payment = facts.Payment;
        if (payment.Fee is null)
        {
            yield return Loss(HealthPart.Status, weight, "The master offers no price at present, so the license can't be renewed", HealthAction.ContactSupport, "Ask the master or the platform's support about the next period");
            yield break;
        }

        if (!payment.AutoRenew)
            yield return Loss(HealthPart.Status, weight, $"The license ends in {Days(left)} and isn't renewed by itself", HealthAction.TurnOnAutoRenewal, "Turn auto-renewal on, or renew by hand");
        if (payment.Fee == 0 || payment.WalletAvailable >= payment.Fee)
            yield break;

        if (!payment.HasCard)
            yield return Loss(HealthPart.Status, weight, "The wallet holds too little for the next period, and no card is saved", HealthAction.AddPaymentMethod, "Save a card, or top up the wallet");
        else if (payment.CardExpiresAt <= expiry)
            yield return Loss(HealthPart.Status, weight, "The saved card expires before the renewal", HealthAction.ReplaceCard, "Save a card that is good for longer, or top up the wallet");
        else if (payment.LastDeclined)
            yield return Loss(HealthPart.Status, weight, "The last payment was declined", HealthAction.ReplaceCard, "Save another card, or top up the wallet");
    }

    private static string UsageGain(HealthFacts facts) => facts.LastUsedAt is null ? "Nothing is known against its use" : "The license is in use";

    private static IEnumerable<HealthContribution> Usage(HealthFacts facts)
    {
        var silence = Silence(facts);
        var points = silence < TimeSpan.FromDays(1) ? 0
            : silence < TimeSpan.FromDays(3) ? 5
            : silence < TimeSpan.FromDays(7) ? 10
            : silence < TimeSpan.FromDays(14) ? 15
            : UsageWorth;
        if (points > 0)
            yield return Loss(HealthPart.Usage, points, facts.LastUsedAt is { } last ? $"Last used {Days(facts.Now - last)} ago" : "Not used yet", HealthAction.StartExpertAdvisor, "Start the expert advisor in MetaTrader 5, with AutoTrading on");

        if (facts.SignalsReceived < SignalsForARate)
            yield break;
        var rate = (double)facts.SignalsRejected / facts.SignalsReceived;
        var rejected = rate < 0.1 ? 0 : rate < 0.25 ? 4 : rate < 0.5 ? 8 : 12;
        if (rejected > 0)
            yield return Loss(HealthPart.Usage, rejected, $"{rate.ToString("P0", CultureInfo.InvariantCulture)} of the last 7 days' signals were rejected", HealthAction.CheckExpertAdvisor, "Look at the terminal's journal: margin, symbol names and price deviation reject most signals");
    }

    private static string Count(int used, int max) => string.Create(CultureInfo.InvariantCulture, $"{used} of {max} devices in use");

    private static IEnumerable<HealthContribution> Devices(HealthFacts facts)
    {
        if (facts.DevicesUsed > facts.MaxDevices)
            yield return Loss(HealthPart.Devices, Math.Min(DevicesWorth, 10 * (facts.DevicesUsed - facts.MaxDevices)), $"{Count(facts.DevicesUsed, facts.MaxDevices)}, more than allowed", HealthAction.RemoveDevice, "Remove devices that aren't used any more");
        var changes = facts.DeviceChanges - ChangesAllowed;
        if (changes > 0)
            yield return Loss(HealthPart.Devices, Math.Min(12, 4 * changes), string.Create(CultureInfo.InvariantCulture, $"{facts.DeviceChanges} device changes in 30 days"), HealthAction.KeepDevices, "Keep the expert advisor on the same machines and accounts");
    }

    private static IEnumerable<HealthContribution> Suspicion(HealthFacts facts) => facts.OpenAlerts.Select(severity => Loss(
        HealthPart.Suspicion,
        severity switch { AlertSeverity.Low => 3, AlertSeverity.Medium => 7, AlertSeverity.High => 14, _ => SuspicionWorth },
        $"An alert of severity {severity.ToString().ToUpperInvariant()} is open",
        HealthAction.AnswerAlert,
        "Answer the alert: say whether it was you"));

    private static HealthContribution Loss(HealthPart part, int points, string reason, HealthAction action, string recommendation) =>
        new(part, -points, reason, action, recommendation);

    private static DateTimeOffset Latest(DateTimeOffset? one, DateTimeOffset other) => one is { } known && known > other ? known : other;

    private static string Days(TimeSpan span) =>
        span < TimeSpan.FromDays(1) ? "less than a day"
        : span < TimeSpan.FromDays(2) ? "a day"
        : string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} days");
}
