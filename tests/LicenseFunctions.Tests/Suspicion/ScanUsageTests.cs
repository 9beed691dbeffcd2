using System.Net;
using System.Text.Json;
using Dapper;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing.Suspicion;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

public sealed class ScanUsageTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Scan_TwoPeople_FindsNothing()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var counts = await scene.RecordAndScanAsync(scene.Hours(30, 0, 1, 2));

        Assert.Equal((1, 62, 0), (counts.Licenses, counts.Records, counts.Suspended));
        Assert.Empty(await scene.AlertsAsync());
        Assert.Equal("SYNCED", await scene.StateAsync());
    }

    [Fact]
    public async Task Scan_ThreePeopleAtOnce_SuspendsAndSendsMails()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        await scene.RecordAndScanAsync(scene.Hours(30, 4, 1, 2));
        var counts = await scene.RecordAndScanAsync(scene.Hours(3, 0, 1, 2, 3));

        Assert.Equal(1, counts.Suspended);
        Assert.Equal(["people CRITICAL OPEN SUSPENDED"], await scene.AlertsAsync());
        Assert.Equal("SUSPENDED_ADMIN", await scene.StateAsync());
        var reason = await scene.Database.QueryAsync<string>("select paused_reason from subscriptions where paused_reason is not null");
        Assert.StartsWith("License suspended: ", reason, StringComparison.Ordinal);
        Assert.Equal(["alert_webhook", "email operator_alerts", "email suspended"], await scene.Database.QueryAllAsync<string>(
            "select trim(kind || ' ' || coalesce(payload ->> 'template', '')) from outbox order by 1"));
        Assert.Equal("PEOPLE_AT_ONCE 3", await scene.Database.QueryAsync<string>(
            """
            select (payload #>> '{model,summary,code}') || ' ' || (payload #>> '{model,summary,people}')
            from outbox where payload ->> 'template' = 'suspended'
            """));
    }

    [Fact]
    public async Task Scan_IncidentGoesOn_UpdatesItsAlert()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 6, 1, 2));
        for (var hour = 5; hour >= 0; hour--)
            await scene.RecordAndScanAsync(scene.Hours(hour, hour, 1, 2, 3));

        Assert.Equal(["people CRITICAL OPEN SUSPENDED"], await scene.AlertsAsync());
    }

    [Fact]
    public async Task Scan_RowsReadAgain_ChangeNothing()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(20, 0, 1, 2));
        var before = await scene.Database.QueryAsync<string>("select state::text from suspicion_states");

        await scene.Database.ExecuteAsync(
            """
            insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
            select array[subscription_id], array[min(logged_at)], array[max(logged_at)] from license_usage_log group by subscription_id
            """);
        await scene.Scan.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal(before, await scene.Database.QueryAsync<string>("select state::text from suspicion_states"));
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task Scan_OfALicenseThatIsUsedAgain_MakesItDueForScoringIfItIsSilent(bool isSilent, int marks)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            "insert into license_health (subscription_id, is_silent) values (@SubscriptionId, @isSilent)",
            new { scene.License.SubscriptionId, isSilent });

        await scene.RecordAndScanAsync(scene.Hours(1, 0, 1));

        Assert.Equal(marks, await scene.Database.QueryAsync<int>(
            "select count(*)::int from health_marks where subscription_id = @SubscriptionId", new { scene.License.SubscriptionId }));
    }

    [Fact]
    public async Task Scan_OlderTransactionCommitsLate_SkipsNothing()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var other = await scene.Usage.LicenseAsync();
        await using var late = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var held = await late.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await late.ExecuteAsync("select record_license_usage(@TokenHash, @SubscriptionId, '198.51.100.7', 'EA-9', 1009)", other);

        var before = await scene.RecordAndScanAsync(scene.Hours(2, 1, 1));
        await held.CommitAsync(TestContext.Current.CancellationToken);
        await scene.Usage.SumAsync();
        var after = await scene.Scan.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal((1, 1), (before.Licenses, after.Licenses));
        Assert.Equal(2, await scene.Database.QueryAsync<int>("select count(*) from suspicion_states where state::text like '%EA-%'"));
    }

    [Fact]
    public async Task Scan_WorkerDiesBeforeItsCommit_TheNextOneFindsTheSameRows()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Usage.SendAsync([.. scene.Hours(3, 0, 1)]);
        await using (var dead = await scene.Database.Source.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await using var lost = await dead.BeginTransactionAsync(TestContext.Current.CancellationToken);
            Assert.NotEmpty(await SuspicionStore.ClaimAsync(dead, 100, TestContext.Current.CancellationToken));
            // While one worker holds the rows, another takes none of them.
            Assert.Equal(0, (await scene.Scan.RunAsync(TestContext.Current.CancellationToken)).Licenses);
        }

        Assert.Equal(4, (await scene.Scan.RunAsync(TestContext.Current.CancellationToken)).Records);
    }

    [Fact]
    public async Task Scan_ReviewBySql_IsApplied()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 6, 1, 2));
        await scene.RecordAndScanAsync(scene.Hours(5, 3, 1, 2, 3));
        // The statements of the integration guide.
        await scene.Database.ExecuteAsync(
            """
            update license_tokens set is_active = true, revoked_at = null, revoked_reason = null where subscription_id = @SubscriptionId;
            update suspicious_activity_alerts
            set status = 'FALSE_POSITIVE', resolved_at = now(), resolution_notes = 'User has legitimate backup VPS'
            where severity <> 'LOW'
            """, scene.License);

        await scene.RecordAndScanAsync(scene.Hours(2, 0, 1, 2, 3));

        Assert.Equal(["people CRITICAL FALSE_POSITIVE SUSPENDED"], await scene.AlertsAsync());
        Assert.True(await scene.Database.QueryAsync<bool>("select bool_and(is_active) from license_tokens"));
        Assert.All((await StateAsync(scene)).Identities, identity => Assert.True(identity.Trusted));
    }

    [Fact]
    public async Task Scan_StormOfAlerts_IsOneMail()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.ExecuteAsync(
            """
            insert into suspicious_activity_alerts (activity_type, severity)
            select 'CONCURRENT_SESSIONS', 'HIGH' from generate_series(1, 5000)
            """);

        await scene.Scan.RunAsync(TestContext.Current.CancellationToken);
        await scene.Scan.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal("20 4980", await scene.Database.QueryAsync<string>(
            """
            select jsonb_array_length(payload -> 'model' -> 'alerts') || ' ' || (payload -> 'model' ->> 'more')
            from outbox where kind = 'email'
            """));
    }

    [Fact]
    public async Task Watch_LimitLowered_IsFoundWithoutNewUse()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 0, 1, 2));
        var strict = scene.ScanBy(new DetectionPolicy { DeviceLimit = 1 });

        var nothing = await strict.RunAsync(TestContext.Current.CancellationToken);
        var watched = await scene.Store.WatchAsync(scene.Settings.Policy.WatchPeriod, TestContext.Current.CancellationToken);
        var counts = await strict.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, 1, 1, 1), (nothing.Licenses, watched.Licenses, counts.Licenses, counts.Suspended));
    }

    [Fact]
    public async Task Watch_LicenseOutOfUse_IsNotExamined()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.RecordAndScanAsync(scene.Hours(30, 5, 1, 2));

        Assert.Equal(0, (await scene.Store.WatchAsync(scene.Settings.Policy.WatchPeriod, TestContext.Current.CancellationToken)).Licenses);
    }

    [Fact]
    public async Task Scan_RecordsOfTheSqlFunction_GetTheirLocations()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        foreach (var address in (string[])["41.58.1.2", "192.168.1.2"])
            await scene.Database.ExecuteAsync(
                "select record_license_usage(@TokenHash, @SubscriptionId, @address::inet, 'EA-1', 1001)",
                new { scene.License.TokenHash, scene.License.SubscriptionId, address });

        await scene.Usage.SumAsync();
        await scene.ScanBy(new DetectionPolicy(), new OneNetwork()).RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["NG Lagos 6.5", "nowhere"], await scene.Database.QueryAllAsync<string>(
            """
            select coalesce(country_code || ' ' || city || ' ' || round(latitude::numeric, 1), 'nowhere')
            from license_usage_log order by host(ip_address) collate "C" desc
            """));
        Assert.Contains((await StateAsync(scene)).Identities[0].Networks, network => network.Location?.City == "Lagos");
    }

    private sealed class OneNetwork : IGeolocator
    {
        public ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("No network call in a transaction.");

        public Location? LocateHere(IPAddress address) =>
            address.ToString().StartsWith("41.", StringComparison.Ordinal) ? new Location("NG", "Lagos", 6.5, 3.4) : null;
    }

    private static async Task<DetectionState> StateAsync(SuspicionScene scene) => JsonSerializer.Deserialize<DetectionState>(
        await scene.Database.QueryAsync<string>("select state::text from suspicion_states"), SuspicionStore.Json)!;
}
