using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LicenseFunctions.Health;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;
using Licensing.Suspicion;
using Microsoft.Extensions.Configuration;

namespace LicenseTool;

/// <summary>Prints the health of a license: the score with the points of each part, usage, devices, alerts and recommendations.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var database = new DatabaseOption();
        var subscription = Values.IdArgument(
            "SUBSCRIPTION", "The license's subscription_id", "a subscription_id", "Example: 00000000-0000-4000-8000-000000000301");
        var maxDevices = FromSetting("--max-devices", SharedSettings.MaxDevicesPerLicense);
        var graceDays = FromSetting("--grace-days", SharedSettings.GracePeriodDays);
        var command = new Command("report", "Prints a license's health: score, usage, devices, alerts, recommendations")
        {
            subscription, database, maxDevices, graceDays,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var source = database.Open(arguments);
            var licenses = new LicenseDatabase(source);
            var health = new HealthStore(licenses);
            var id = arguments.GetValue(subscription);
            void Fail(Guid _, Exception failure) => throw new InvalidOperationException("The license's facts can't be read.", failure);
            if (await health.LoadAsync([id], arguments.GetValue(maxDevices), Renewals(), Fail, cancellationToken) is [var row])
            {
                var (devices, _) = await new DeviceStore(licenses).ListAsync(id, row.Facts.Now.AddDays(-30), cancellationToken);
                var alerts = await new AlertStore(licenses).ListAsync(
                    new AlertFilter([.. AlertStatus.AllOpen], null, id, null, null), AlertOrder.Queue, null, 100, cancellationToken);
                var scored = Score(row, TimeSpan.FromDays(arguments.GetValue(graceDays)));
                Write(Console.Out, scored, await health.DetailsAsync(id, cancellationToken), devices, alerts);
                return 0;
            }

            await Console.Error.WriteLineAsync("There is no such license.");
            return 1;
        });
        return command;
    }

    // The providers are assumed to be configured, because an operator's machine doesn't have the backend's secrets.
    private static RenewalPolicy Renewals()
    {
        var reader = new SettingReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        var settings = RenewalSettings.Read(reader);
        reader.ThrowIfFaulty();
        return settings.Policy(new Dictionary<string, TimeSpan>
        {
            [PaymentProviders.Stripe] = TimeSpan.Zero,
            [PaymentProviders.PayPal] = TimeSpan.Zero,
        });
    }

    private static Option<int> FromSetting(string name, WholeSetting from)
    {
        var (setting, byDefault, min, max) = from;
        return new Option<int>(name)
        {
            Description = $"The value that the backend uses, {min} to {max}; default: {setting}, else {byDefault}",
            CustomParser = result => Values.ReadNumber(result, name, min, max, byDefault),
            DefaultValueFactory = result =>
            {
                if (Environment.GetEnvironmentVariable(setting) is not { Length: > 0 } text)
                    return byDefault;
                if (SettingReader.TryParseWhole(text, min, max) is { } value)
                    return value;
                result.AddError($"{setting} is not a whole number from {min} to {max}. Example: {setting}={byDefault}");
                return byDefault;
            },
        };
    }

    // The present score. It may differ from the stored one.
    private static (Guid Id, HealthFacts Facts, HealthReport Report) Score(HealthRow row, TimeSpan grace)
    {
        var verdict = LicenseVerdict.Of(row.License, row.Facts.Now, grace);
        var facts = row.Facts with { Status = LicenseStatuses.Of(verdict, row.License.ExpiresAt, row.Facts.Now) };
        return (row.SubscriptionId, facts, HealthScore.Of(facts));
    }

    private static void Write(
        TextWriter to, (Guid Id, HealthFacts Facts, HealthReport Report) scored, HealthDetails around, List<DeviceRow> devices,
        IReadOnlyList<AlertRow> alerts)
    {
        var (id, facts, report) = scored;
        to.WriteLine($"License {id}");
        to.WriteLine($"Status  {EnumWords.UpperOf(facts.Status)}{Expiry(facts)}");
        to.WriteLine($"Health  {report.Score}/100 {Bar(report.Score)}");
        to.WriteLine();
        foreach (var contribution in report.Contributions)
            to.WriteLine($"  {contribution.Points,4:+0;-0;0}  {EnumWords.Of(contribution.Part),-9}  {contribution.Reason}");
        to.WriteLine($"  {report.Score,4}");
        WriteUse(to, facts, around.Usage);
        WriteDevices(to, facts, devices);
        WriteAlerts(to, alerts);
        WriteChanges(to, around.Changes);
        WriteRecommendations(to, report);
    }

    private static void WriteUse(TextWriter to, HealthFacts facts, DailyUsage usage)
    {
        to.WriteLine();
        to.WriteLine("Usage (24 h)");
        to.WriteLine($"  signals received {usage.SignalsReceived24h}, executed {usage.SignalsExecuted24h}, " +
            $"rejected {usage.SignalsRejected24h}");
        to.WriteLine($"  mean latency {(usage.AvgLatencyMs is { } latency ? $"{latency} ms" : "unknown")}");
        to.WriteLine($"  last activity {(facts.LastUsedAt is { } last ? Minute(last.UtcDateTime) : "none yet")}");
    }

    private static void WriteDevices(TextWriter to, HealthFacts facts, List<DeviceRow> devices)
    {
        to.WriteLine();
        to.WriteLine($"Devices ({facts.DevicesUsed} of {facts.MaxDevices})");
        foreach (var device in devices.Where(device => device.RemovedAt is null))
        {
            to.WriteLine(
                $"  {device.Name ?? device.EaInstanceId}, account {device.Mt5AccountNumber}, {device.IpAddress}, " +
                $"last seen {Minute(device.LastSeenAt)}");
        }
    }

    private static void WriteAlerts(TextWriter to, IReadOnlyList<AlertRow> alerts)
    {
        to.WriteLine();
        to.WriteLine($"Open alerts ({alerts.Count})");
        foreach (var alert in alerts)
            to.WriteLine($"  {alert.Severity} {alert.ActivityType}, {Minute(alert.DetectedAt)}: {alert.Description}");
    }

    private static void WriteChanges(TextWriter to, IReadOnlyList<ScoreChange> changes)
    {
        to.WriteLine();
        to.WriteLine("Changes of the score");
        foreach (var change in changes)
        {
            to.WriteLine($"  {change.Day}  {(change.From is { } from ? $"{from} to {change.To}" : $"{change.To}")}");
            // A reason that came and went on that day, or only changed its points, is left out.
            foreach (var reason in Reasons(change.Gained).Except(Reasons(change.Lost)))
                to.WriteLine($"    new: {reason}");
            foreach (var reason in Reasons(change.Lost).Except(Reasons(change.Gained)))
                to.WriteLine($"    no longer: {reason}");
        }
    }

    private static void WriteRecommendations(TextWriter to, HealthReport report)
    {
        to.WriteLine();
        to.WriteLine("Recommendations");
        foreach (var recommendation in report.Recommendations.Select(one => one.Recommendation).Distinct().DefaultIfEmpty("none"))
            to.WriteLine($"  {recommendation}");
    }

    private static string Expiry(HealthFacts facts) => facts.ExpiresAt is not { } expiry
        ? ", never expires"
        : $", {(expiry > facts.Now ? "expires" : "expired")} {Minute(expiry.UtcDateTime)} " +
            $"({InDays(RenewalWarnings.DaysLeft(expiry, facts.Now))})";

    // By the calendar, as in the mails and on the pages.
    private static string InDays(int days) => days switch
    {
        0 => "today",
        1 => "tomorrow",
        -1 => "yesterday",
        > 1 => string.Create(CultureInfo.InvariantCulture, $"in {days} days"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{-days} days ago"),
    };

    private static string Bar(int score) => new string('#', score / 5).PadRight(20, '.');

    private static IEnumerable<string?> Reasons(string contributions) =>
        JsonNode.Parse(contributions)!.AsArray().Select(contribution => (string?)contribution!["reason"]);

    private static string Minute(DateTime time) => time.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
