using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CsvHelper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Suspicion;
using Licensing;
using Licensing.Suspicion;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace LicenseTool;

/// <summary>
/// Tries a detection policy on recorded usage: prints what it would have done, and the differences from the policy in force.
/// </summary>
internal static class BacktestCommand
{
    private const int Top = 200;

    // Each license takes about 10 KB of the page.
    private const int MostTop = 2_000;

    public static Command Create()
    {
        var usage = new Option<string?>("--usage")
        {
            Description = "CSV with the columns of license_usage_log, plain or gzip, in the order of arrival",
        };
        var database = new Option<string?>("--database")
        {
            Description = "the last 90 days of this database instead of a file; default without --usage: DATABASE_URL",
        };
        var verdicts = new Option<string?>("--verdicts")
        {
            Description = "output file: subscription_id,detected_at,action,activity_type,severity,description",
        };
        var policy = new Option<string?>("--policy") { Description = "the policy to try, JSON; missing fields have their defaults" };
        var inForce = new Option<string?>("--in-force")
        {
            Description = "the policy in force, JSON; default: that of the settings, as the service reads them",
        };
        var change = new Option<string?>("--change")
        {
            Description = "instead of --policy: the fields of the policy in force to change, as in SHADOW_DETECTION_POLICY, such as "
                + "people_minutes=25,notify_share=0.3",
        };
        var report = new Option<string?>("--report")
        {
            Description = "output file: an HTML page that compares the two policies, license by license",
        };
        var top = Values.Number("--top", $"the most licenses that the report shows in detail, from 1 to {MostTop}", 1, MostTop, Top);
        var labels = new Option<string?>("--labels")
        {
            Description = "CSV subscription_id,label,scenario,first_violation_at; prints recall, false positives and time to detect",
        };
        var command = new Command("backtest", "Tries a detection policy on recorded usage")
        {
            usage, database, verdicts, policy, change, inForce, labels, report, top,
        };
        database.Validators.Add(DatabaseOption.Check);
        command.Validators.Add(result =>
        {
            if (result.GetValue(usage) is null == (result.GetValue(database) ?? DefaultDatabase(result.GetValue(usage))) is null)
                result.AddError("Give either --usage FILE or --database URL.");
            if (result.GetValue(policy) is not null && result.GetValue(change) is not null)
                result.AddError("Give either --policy FILE or --change PAIRS.");
            // Checked here, because the backtest takes minutes.
            if (result.GetValue(report) is { } page && !Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(page))))
                result.AddError($"--report: there is no folder for {page}.");
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            try
            {
                var settings = new SettingReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
                var policyOfService = SuspicionSettings.ReadPolicyInForce(settings);
                settings.ThrowIfFaulty();
                var currentPolicy = arguments.GetValue(inForce) is { } other ? Read(other, policyOfService) : policyOfService;
                var triedPolicy = arguments.GetValue(change) is { } pairs ? Change(currentPolicy, pairs)
                    : Read(arguments.GetValue(policy), currentPolicy);
                var (tried, current) = (new Backtest(triedPolicy), new Backtest(currentPolicy));
                var file = arguments.GetValue(usage);
                await RunAsync(file, arguments.GetValue(database) ?? DefaultDatabase(file), [tried, current], cancellationToken);
                if (arguments.GetValue(verdicts) is { } output)
                    Write(output, tried.Findings);
                Console.WriteLine($"In force: {Limits(currentPolicy)}. Tried: {Limits(triedPolicy)}.");
                Console.WriteLine(Summary(tried));
                Console.WriteLine(Changes(Suspended(current), Suspended(tried)));
                if (arguments.GetValue(report) is { } page)
                {
                    var comparison = PolicyComparison.Of(current, tried, arguments.GetValue(top));
                    await File.WriteAllTextAsync(page, BacktestReport.Write(comparison, currentPolicy, triedPolicy), cancellationToken);
                }

                if (arguments.GetValue(labels) is { } truths)
                    Print(Accuracy.Of(UsageFile.ReadLabels(truths), Suspended(tried)));
                return 0;
            }
            catch (Exception wrong) when (wrong
                is IOException or UnauthorizedAccessException or InvalidDataException or JsonException or SettingsException)
            {
                await Console.Error.WriteLineAsync(wrong.Message);
                return 1;
            }
        });
        return command;
    }

    private static async Task RunAsync(string? file, string? database, Backtest[] backtests, CancellationToken cancellationToken)
    {
        if (file is not null)
        {
            foreach (var (subscription, sample) in UsageFile.Read(file))
                Add(subscription, sample);
        }
        else
        {
            await using var source = NpgsqlDataSource.Create(DatabaseSettings.FromUri(database!));
            await foreach (var (subscription, sample) in new SuspicionStore(new LicenseDatabase(source)).ReadLogAsync(cancellationToken))
                Add(subscription, sample);
        }

        foreach (var backtest in backtests)
            backtest.Finish();

        void Add(Guid subscription, UsageSample sample)
        {
            foreach (var backtest in backtests)
                backtest.Add(subscription, sample.ArrivedAt, sample);
        }
    }

    private static string? DefaultDatabase(string? usage) => usage is null ? Environment.GetEnvironmentVariable("DATABASE_URL") : null;

    /// <summary>The policy of a file. Limits that it doesn't name are those of the policy in force, which come from settings.</summary>
    /// <exception cref="InvalidDataException">A field is outside its range.</exception>
    private static DetectionPolicy Read(string? file, DetectionPolicy inForce)
    {
        var policy = file is null ? new DetectionPolicy() : DetectionPolicyFile.Read(file);
        if (policy.Faults() is { Count: > 0 } faults)
            throw new InvalidDataException($"{file}: {string.Join("; ", faults)}");
        using var document = file is null ? null : JsonDocument.Parse(
            File.ReadAllText(file), new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        return policy with
        {
            DeviceLimit = Names("device_limit") ? policy.DeviceLimit : inForce.DeviceLimit,
            AccountLimit = Names("account_limit") ? policy.AccountLimit : inForce.AccountLimit,
            NetworksInDay = Names("networks_in_day") ? policy.NetworksInDay : inForce.NetworksInDay,
        };

        bool Names(string field) => document?.RootElement.TryGetProperty(field, out _) is true;
    }

    /// <summary>The limits of a policy, which come from settings, in words.</summary>
    internal static string Limits(DetectionPolicy policy) => string.Create(CultureInfo.InvariantCulture,
        $"{policy.DeviceLimit} devices, {(policy.AccountLimit == 0 ? "any number of" : policy.AccountLimit)} accounts, ")
        + string.Create(CultureInfo.InvariantCulture, $"{policy.NetworksInDay} networks a day");

    /// <exception cref="InvalidDataException">A pair is wrong.</exception>
    private static DetectionPolicy Change(DetectionPolicy policy, string pairs)
    {
        var (changed, faults) = DetectionPolicyFile.With(
            policy, pairs.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return faults.Count > 0 ? throw new InvalidDataException($"--change {string.Join("; ", faults)}") : changed;
    }

    private static Dictionary<Guid, DateTimeOffset> Suspended(Backtest backtest) => backtest.Findings
        .Where(finding => finding.Finding.Action == FindingAction.Suspend)
        .GroupBy(finding => finding.SubscriptionId)
        .ToDictionary(group => group.Key, group => group.Min(finding => finding.DetectedAt));

    private static void Write(string path, IReadOnlyList<BacktestFinding> findings)
    {
        using var csv = CsvWriter.ToFile(path);
        csv.WriteHeader(["subscription_id", "detected_at", "action", "activity_type", "severity", "description"]);
        // An incident has one row per action, not per update.
        var steps = findings.GroupBy(finding => finding.SubscriptionId).SelectMany(PolicyComparison.Steps);
        foreach (var finding in steps.OrderBy(finding => finding.DetectedAt).ThenBy(finding => finding.SubscriptionId))
        {
            csv.WriteRecord([
                finding.SubscriptionId.ToString(),
                finding.DetectedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
                finding.Finding.Action.StrongestEffect(), EnumWords.UpperOf(finding.Finding.Type),
                EnumWords.UpperOf(finding.Finding.Severity), finding.Finding.Description]);
        }
    }

    private static string Summary(Backtest backtest)
    {
        var records = backtest.Records;
        var by = backtest.Findings
            .GroupBy(finding => finding.Finding.Action)
            .OrderByDescending(group => group.Key)
            .Select(group => $"{group.Key.StrongestEffect()} {group.Select(finding => finding.SubscriptionId).Distinct().Count()}");
        return string.Create(CultureInfo.InvariantCulture,
            $"{records.Values.Sum()} records of {records.Count} licenses. ")
            + $"Licenses by action: {string.Join(", ", by.DefaultIfEmpty("nothing"))}";
    }

    private static string Changes(Dictionary<Guid, DateTimeOffset> current, Dictionary<Guid, DateTimeOffset> tried)
    {
        var more = tried.Keys.Except(current.Keys).Order().ToList();
        var fewer = current.Keys.Except(tried.Keys).Order().ToList();
        var sooner = tried.Count(pair => current.TryGetValue(pair.Key, out var at) && pair.Value < at);
        var later = tried.Count(pair => current.TryGetValue(pair.Key, out var at) && pair.Value > at);
        return more.Count + fewer.Count + sooner + later == 0
            ? "The policy in force suspends the same licenses at the same times."
            : $"Compared with the policy in force: {more.Count} more suspended{Named(more)}, {fewer.Count} fewer{Named(fewer)}, "
              + $"{sooner} sooner, {later} later.";
    }

    private static string Named(List<Guid> ids) =>
        ids.Count == 0 ? "" : $" ({string.Join(", ", ids.Take(5))}{(ids.Count > 5 ? ", …" : "")})";

    private static void Print(Accuracy accuracy)
    {
        Console.WriteLine($"recall               {Text(accuracy.Recall)}");
        Console.WriteLine($"false positive rate  {Text(accuracy.FalsePositives)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"hours to detect      median {accuracy.MedianHours:0.00}, 90 % within {accuracy.Percentile90Hours:0.0}"));
        foreach (var scenario in accuracy.Scenarios)
        {
            var median = scenario.MedianHours is { } hours ? string.Create(CultureInfo.InvariantCulture, $"  median {hours:0.0} h") : "";
            Console.WriteLine($"  {(scenario.Sharing ? "sharing" : "benign"),-8}{scenario.Scenario,-28}{Text(scenario.Suspended)}{median}");
        }
    }

    private static string Text(Share share)
    {
        var (low, high) = share.Interval();
        return string.Create(CultureInfo.InvariantCulture,
            $"{share.Value:0.0000} ({share.Hits}/{share.Of}), 95 % between {low:0.000} and {high:0.000}");
    }
}
