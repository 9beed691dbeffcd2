using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

/// <summary>The running backend with a real Prometheus: the dashboard's queries, the alert rules, the exposition.</summary>
public sealed partial class MonitoringTests(PostgresFixture postgres)
{
    private const string Folder = "docs/monitoring";

    [Fact]
    public async Task Panels_OfARunningBackend_EachQueryReturnsNumbers()
    {
        await using var database = await postgres.NewDatabaseAsync();
        var license = await MetricScene.NewLicenseAsync(database);
        await MetricScene.ScoreAsync(database, license, 85, "ACTIVE");
        await MetricScene.ScoreAsync(database, await MetricScene.NewLicenseAsync(database), 45, "SUSPENDED");
        // Prometheus sees no increase in the first sample of a counter, so everything is counted after the first scrape.
        // The test sets the scores, so no timer may score these licenses meanwhile.
        await using var app = await RunningApp.StartAsync(
            database, ("OUTBOX_SCHEDULE", "* * * * * *"), ("SCAN_SCHEDULE", "* * * * * *"), ("HEALTH_SCHEDULE", RunningApp.Never));
        await using var prometheus = await Prometheus.StartAsync(app.Client.BaseAddress!);
        await prometheus.UntilAsync("sum(auto_renewals_total)", values => values is [0]);
        await UseAsync(app, database, license);

        await prometheus.UntilAsync("sum(auto_renewals_total)", values => values is [4]);
        foreach (var query in Queries())
            await prometheus.UntilAsync(query, values => values.Count > 0 && values.All(double.IsFinite));

        Assert.Equal([0.75], await prometheus.QueryAsync(QueryOf("Auto-Renewal Success Rate")));
        Assert.Equal([1], await prometheus.QueryAsync(QueryOf("License Health Distribution")));
        Assert.Equal([65], await prometheus.QueryAsync(
            "max(license_health_score_distribution_sum) / max(license_health_score_distribution_count)"));
    }

    [Fact]
    public async Task Metrics_OfAnEmptyBackend_PassPromtoolAndHaveTheGuidesNames()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartAsync(
            database, ("METRICS_TOKEN", "a-token-of-the-scrape"), ("OUTBOX_SCHEDULE", "*/5 * * * * *"));
        Assert.Equal(401, (await app.GetAsync("/metrics")).Status);
        Assert.Equal(401, (await app.GetAsync("/metrics", "Bearer a-token-of-the-scrap")).Status);

        var (status, _, response) = await app.GetAsync("/metrics", "Bearer a-token-of-the-scrape");

        Assert.Equal(200, status);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        foreach (var line in (string[])["# TYPE license_health_score gauge", "# TYPE suspicious_activities_total counter",
            "suspicious_activities_total{type=\"GEOGRAPHIC_ANOMALY\"} 0", "auto_renewals_total{status=\"success\"} 0",
            "auto_renewals_total{status=\"failed\"} 0", "device_violations_total 0", "timer_interval_seconds{timer=\"DrainOutbox\"} 5"])
        {
            Assert.Contains("\n" + line + "\n", text, StringComparison.Ordinal);
        }

        Assert.Equal("", await PromtoolAsync(text, "check", "metrics"));
    }

    [Fact]
    public async Task Checks_CountedByAStoppedInstance_AreReadFromAnother()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using (var first = await RunningApp.StartAsync(database))
        {
            await CheckAsync(first);
            await using var prometheus = await Prometheus.StartAsync(first.Client.BaseAddress!);
            await prometheus.UntilAsync("license_validations_total{code=\"NOT_FOUND\"}", values => values is [1]);
        }

        await using var second = await RunningApp.StartAsync(database);
        Assert.Contains(
            "license_validations_total{code=\"NOT_FOUND\"} 1\n",
            await second.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_PassTheirTests() =>
        Assert.Contains("SUCCESS", await PromtoolAsync("", "test", "rules", Path.Combine(Repository.Root, Folder, "alerts.test.yml")),
            StringComparison.Ordinal);

    [Fact]
    public void Rules_EachHaveATestThatFiresAndOneThatDoesNot()
    {
        var rules = Alert().Matches(Repository.Read(Folder + "/alerts.rules.yml")).Select(match => match.Groups[1].Value).ToList();
        var tests = Repository.Read(Folder + "/alerts.test.yml");

        Assert.NotEmpty(rules);
        Assert.All(rules, rule =>
        {
            Assert.Contains($"alertname: {rule}, exp_alerts: []", tests, StringComparison.Ordinal);
            Assert.Contains($"alertname: {rule}\n        exp_alerts:\n          - exp_labels", tests, StringComparison.Ordinal);
        });
    }

    // At least one event for each rate and quantile of the panels.
    private static async Task UseAsync(RunningApp app, TestDatabase database, Guid license)
    {
        await CheckAsync(app);
        await app.PostAsync("/api/v1/usage", $"Bearer {RunningApp.Token("service")}", "[{}]");
        await database.ExecuteAsync(
            """
            insert into license_renewal_history (subscription_id, renewal_type, amount_usd, status)
            select @license, 'auto', 10, unnest(array['success', 'success', 'success', 'failed']);
            insert into license_usage_log (logged_at, token_hash, subscription_id) values (now(), 'x', @license);
            -- As another instance that takes batches from the queue would.
            insert into metric_increments (name, label, amount)
                values ('usage_ingest_lag_seconds', '5', 3), ('usage_ingest_lag_seconds', 'sum', 9);
            """,
            new { license });
    }

    private static async Task CheckAsync(RunningApp app)
    {
        var (status, _, _) =
            await app.PostAsync("/api/v1/licenses/validate", "License nobody-has-this-token",
            new { ea_instance_id = "EA-1", mt5_account_number = 1001 });
        Assert.Equal(200, status);
    }

    private static IEnumerable<JsonNode> Panels() =>
        JsonNode.Parse(Repository.Read(Folder + "/license-management.dashboard.json"))!["panels"]!.AsArray().Select(panel => panel!)
            .Where(panel => (string?)panel["type"] != "row");

    private static List<string> Queries()
    {
        var queries = Panels().SelectMany(panel => panel["targets"]!.AsArray().Select(target => (string)target!["expr"]!)).ToList();
        Assert.True(queries.Count > 30, $"Only {queries.Count} queries were found in the dashboard");
        return queries;
    }

    private static string QueryOf(string title) => (string)Panels()
        .Single(panel => (string?)panel["title"] == title)["targets"]![0]!["expr"]!;

    /// <returns>The output of promtool, which must succeed.</returns>
    private static async Task<string> PromtoolAsync(string input, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("promtool", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) + await errors;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output);
        return output;
    }

    [GeneratedRegex("- alert: (\\w+)")]
    private static partial Regex Alert();
}
