using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CsvHelper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Suspicion;
using Licensing.Suspicion;
using Npgsql;

namespace LicenseTool;

/// <summary>Tries a detection policy on recorded use: what it would have done and when, and what would change against the one in force.</summary>
internal static class BacktestCommand
{
    public static Command Create()
    {
        var usage = new Option<string?>("--usage") { Description = "CSV in the columns of license_usage_log, plain or gzip, in the order of arrival" };
        var database = new Option<string?>("--database") { Description = "instead of a file: the last 90 days of this database; DATABASE_URL where neither is given" };
        var verdicts = new Option<string?>("--verdicts") { Description = "where to write subscription_id,detected_at,action,activity_type,severity,description" };
        var policy = new Option<string?>("--policy") { Description = "the policy to try, JSON; what it leaves out keeps its default" };
        var inForce = new Option<string?>("--in-force") { Description = "the policy in force, JSON; DETECTION_POLICY where it isn't given, else the defaults" };
        var labels = new Option<string?>("--labels") { Description = "CSV subscription_id,label,scenario,first_violation_at: prints recall, false positives and time to detect" };
        var command = new Command("backtest", "Try a detection policy on recorded use") { usage, database, verdicts, policy, inForce, labels };
        database.Validators.Add(DatabaseOption.Check);
        command.Validators.Add(result =>
        {
            if (result.GetValue(usage) is null == (result.GetValue(database) ?? Otherwise(result.GetValue(usage))) is null)
                result.AddError("Which use? --usage FILE or --database URL, one of them.");
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            try
            {
                var tried = new Backtest(Read(arguments.GetValue(policy)));
                var now = new Backtest(Read(arguments.GetValue(inForce) ?? Environment.GetEnvironmentVariable("DETECTION_POLICY")));
                await PlayAsync(arguments.GetValue(usage), arguments.GetValue(database) ?? Otherwise(arguments.GetValue(usage)), [tried, now], cancellationToken);
                if (arguments.GetValue(verdicts) is { } output)
                    Write(output, tried.Verdicts);
                Console.WriteLine(Summary(tried));
                Console.WriteLine(Changes(Suspended(now), Suspended(tried)));
                if (arguments.GetValue(labels) is { } truths)
                    Print(Accuracy.Of(UsageFile.ReadLabels(truths), Suspended(tried)));
                return 0;
            }
            catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
            {
                await Console.Error.WriteLineAsync(wrong.Message);
                return 1;
            }
        });
        return command;
    }

    private static async Task PlayAsync(string? file, string? database, Backtest[] backtests, CancellationToken cancellationToken)
    {
        if (file is not null)
        {
            foreach (var (subscription, use) in UsageFile.Read(file))
                Take(subscription, use);
        }
        else
        {
            await using var source = NpgsqlDataSource.Create(DatabaseSettings.FromUri(database!));
            await foreach (var (subscription, use) in new SuspicionStore(new LicenseDatabase(source)).ReadLogAsync(cancellationToken))
                Take(subscription, use);
        }

        foreach (var backtest in backtests)
            backtest.Finish();

        void Take(Guid subscription, Use use)
        {
            foreach (var backtest in backtests)
                backtest.Take(subscription, use.LoggedAt, use);
        }
    }

    private static string? Otherwise(string? usage) => usage is null ? Environment.GetEnvironmentVariable("DATABASE_URL") : null;

    private static DetectionPolicy Read(string? file) =>
        file is null ? new DetectionPolicy() : JsonSerializer.Deserialize<DetectionPolicy>(File.ReadAllText(file), SuspicionStore.Json)
            ?? throw new JsonException($"{file} holds no policy.");

    private static Dictionary<Guid, DateTimeOffset> Suspended(Backtest backtest) => backtest.Verdicts
        .Where(verdict => verdict.Finding.Action == FindingAction.Suspend)
        .GroupBy(verdict => verdict.SubscriptionId)
        .ToDictionary(group => group.Key, group => group.Min(verdict => verdict.DetectedAt));

    private static void Write(string path, IReadOnlyList<Verdict> verdicts)
    {
        using var csv = CsvWriter.ToFile(path);
        csv.WriteHeader(["subscription_id", "detected_at", "action", "activity_type", "severity", "description"]);
        var told = new Dictionary<(Guid, string), FindingAction>();
        foreach (var verdict in verdicts.OrderBy(verdict => verdict.DetectedAt).ThenBy(verdict => verdict.SubscriptionId))
        {
            // An incident that only goes on is one row for each thing that was done about it.
            var incident = (verdict.SubscriptionId, verdict.Finding.Incident);
            if (told.TryGetValue(incident, out var before) && before >= verdict.Finding.Action)
                continue;
            told[incident] = verdict.Finding.Action;
            csv.WriteRecord([
                verdict.SubscriptionId.ToString(), verdict.DetectedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
                Done(verdict.Finding.Action), verdict.Finding.Type.Word(), verdict.Finding.Severity.Word(), verdict.Finding.Description]);
        }
    }

    private static string Done(FindingAction action) => action switch
    {
        FindingAction.Suspend => "SUSPENDED",
        FindingAction.Refuse => "REFUSED",
        FindingAction.Notify => "NOTIFIED",
        _ => "NONE",
    };

    private static string Summary(Backtest backtest)
    {
        var records = backtest.Records;
        var by = backtest.Verdicts
            .GroupBy(verdict => verdict.Finding.Action)
            .OrderByDescending(group => group.Key)
            .Select(group => $"{Done(group.Key)} {group.Select(verdict => verdict.SubscriptionId).Distinct().Count()}");
        return string.Create(CultureInfo.InvariantCulture,
            $"{records.Values.Sum()} records of {records.Count} licenses. Licenses by what is done: {string.Join(", ", by.DefaultIfEmpty("nothing"))}");
    }

    private static string Changes(Dictionary<Guid, DateTimeOffset> now, Dictionary<Guid, DateTimeOffset> tried)
    {
        var more = tried.Keys.Except(now.Keys).Order().ToList();
        var fewer = now.Keys.Except(tried.Keys).Order().ToList();
        var sooner = tried.Count(pair => now.TryGetValue(pair.Key, out var at) && pair.Value < at);
        var later = tried.Count(pair => now.TryGetValue(pair.Key, out var at) && pair.Value > at);
        return more.Count + fewer.Count + sooner + later == 0
            ? "Against the policy in force nothing changes."
            : $"Against the policy in force: {more.Count} more suspended{Named(more)}, {fewer.Count} fewer{Named(fewer)}, {sooner} sooner, {later} later.";
    }

    private static string Named(List<Guid> ids) => ids.Count == 0 ? "" : $" ({string.Join(", ", ids.Take(5))}{(ids.Count > 5 ? ", …" : "")})";

    private static void Print(Accuracy accuracy)
    {
        Console.WriteLine($"recall               {Text(accuracy.Recall)}");
        Console.WriteLine($"false positive rate  {Text(accuracy.FalsePositives)}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"hours to detect      median {accuracy.MedianHours:0.00}, 90 % within {accuracy.Percentile90Hours:0.0}"));
        foreach (var scenario in accuracy.Scenarios)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {(scenario.Sharing ? "sharing" : "benign"),-8}{scenario.Scenario,-28}{Text(scenario.Suspended)}{(scenario.MedianHours is { } hours ? $"  median {hours:0.0} h" : "")}"));
    }

    private static string Text(Share share)
    {
        var (low, high) = share.Interval();
        return string.Create(CultureInfo.InvariantCulture, $"{share.Value:0.0000} ({share.Hits}/{share.Of}), 95 % between {low:0.000} and {high:0.000}");
    }
}
