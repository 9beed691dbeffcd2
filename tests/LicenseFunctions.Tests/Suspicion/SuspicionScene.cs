using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Licensing.Suspicion;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

/// <summary>A license whose usage comes through the ingest, and the scan of it.</summary>
internal sealed class SuspicionScene : IAsyncDisposable
{
    private SuspicionScene(UsageScene usage, License license)
    {
        Usage = usage;
        License = license;
        var database = usage.Database.Database;
        Settings = new SuspicionSettings(new DetectionPolicy(), "security@example.com", new Uri("https://hook.example"), [1, 2, 3]);
        Suspensions = new SuspensionStore(database, new LicenseInvalidation(), usage.Time);
        Store = new SuspicionStore(database);
        Links = new SignedLinks([new byte[32]], usage.Time);
        Skipped = new SkippedRows(database, TimeProvider.System, NullLogger<SkippedRows>.Instance);
        Scan = new ScanUsage(Store, Suspensions, Settings, Links, Skipped, usage.Time, NullLogger<ScanUsage>.Instance);
        Alerts = new ListAlerts(database, new AlertStore(database));
        Review = new ReviewAlert(database, new AlertStore(database), Suspensions, usage.Time);
        Answer = new AnswerSuspicion(database, new AlertStore(database), Settings, Links, usage.Time);
    }

    public ScanUsage ScanBy(DetectionPolicy policy, IGeolocator? geolocator = null, ShadowPolicy? shadow = null) => new(
        Store, Suspensions, Settings with { Policy = policy, Shadow = shadow }, Links, Skipped, Usage.Time,
        NullLogger<ScanUsage>.Instance, geolocator);

    public UsageScene Usage { get; }

    public License License { get; }

    public SuspicionSettings Settings { get; }

    public SuspensionStore Suspensions { get; }

    public SuspicionStore Store { get; }

    public SignedLinks Links { get; }

    public SkippedRows Skipped { get; }

    public ScanUsage Scan { get; }

    public ListAlerts Alerts { get; }

    public ReviewAlert Review { get; }

    public AnswerSuspicion Answer { get; }

    public TestDatabase Database => Usage.Database;

    public static async Task<SuspicionScene> NewAsync(PostgresFixture postgres)
    {
        var usage = await UsageScene.NewAsync(postgres);
        return new SuspicionScene(usage, await usage.LicenseAsync());
    }

    /// <summary>Records of some devices, one per device and hour, with sessions of almost an hour.</summary>
    public IEnumerable<string> Hours(int fromHoursAgo, int toHoursAgo, params int[] devices)
    {
        for (var hour = fromHoursAgo; hour >= toHoursAgo; hour--)
            foreach (var device in devices)
                yield return Usage
                    .Record(License, secondsAgo: hour * 3600, ea: $"EA-{device}", account: 1000 + device, address: $"198.51.{device}.4")
                    .Replace("\"session_duration_sec\":60", "\"session_duration_sec\":3500", StringComparison.Ordinal);
    }

    public async Task<ScanCounts> RecordAndScanAsync(IEnumerable<string> records)
    {
        await Usage.SendAsync(UsageScene.Array(records));
        return await Scan.RunAsync(TestContext.Current.CancellationToken);
    }

    public Task<IReadOnlyList<string>> AlertsAsync() => Database.QueryAllAsync<string>(
        """
        select incident || ' ' || severity || ' ' || status || ' ' || auto_action_taken from suspicious_activity_alerts
        where severity <> 'LOW' order by detected_at, incident
        """);

    public Task<Guid> AlertIdAsync() => Database.QueryAsync<Guid>(
        "select alert_id from suspicious_activity_alerts where severity <> 'LOW' order by detected_at desc limit 1");

    public Task<string> StateAsync() => Database.QueryAsync<string>(
        "select state::text from subscriptions where subscription_id = @SubscriptionId", new { License.SubscriptionId });

    public ValueTask DisposeAsync() => Usage.DisposeAsync();
}
