using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing;
using Licensing.Suspicion;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

/// <summary>A policy in shadow beside the policy in force, over the same usage.</summary>
public sealed class ShadowScanTests(PostgresFixture postgres)
{
    private static readonly ShadowPolicy OnePerson = new(new DetectionPolicy { DeviceLimit = 1 }, "device_limit=1");
    private static readonly ShadowPolicy Same = new(new DetectionPolicy(), "device_limit=2");
    private static readonly ShadowPolicy AlertOnly = new(
        new DetectionPolicy { ConcurrentAtMost = FindingAction.Alert, TurnsAtMost = FindingAction.Alert }, "turns_at_most=ALERT");

    [Fact]
    public async Task Scan_ShadowFindsMore_ListsItAndDoesNothing()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var counts = await ScanAsync(scene, OnePerson, scene.Hours(30, 0, 1, 2));

        Assert.Equal((0, 0), (counts.Alerts, counts.Suspended));
        Assert.Equal("SYNCED", await scene.StateAsync());
        Assert.Equal(
            (0, 0, 0),
            await scene.Database.QueryAsync<(int, int, int)>(
                """
                select (select count(*)::int from suspicious_activity_alerts), (select count(*)::int from license_suspensions),
                       (select count(*)::int from outbox)
                """));
        var page = (await ListAsync(scene, OnePerson)).Value;
        var only = Assert.Single(page.Comparisons);
        Assert.Equal(("device_limit=1", 1L), (page.Policy, page.Licenses["ONLY_SHADOW"]));
        Assert.Equal(("ONLY_SHADOW", null, "SUSPENDED"), (only.Difference, only.Measure, only.ShadowMeasure));
        Assert.Contains("the license allows 1", only.ShadowDescription, StringComparison.Ordinal);
        Assert.False(await scene.Database.QueryAsync<bool>("select state::text like '%\"incidents\": [{%' from suspicion_states"));
    }

    [Fact]
    public async Task Scan_ShadowIsWeakerOrTheSame_SaysSo()
    {
        foreach (var (shadow, difference, shown) in
            (IEnumerable<(ShadowPolicy, string, int)>)[(AlertOnly, "WEAKER", 1), (Same, "SAME", 0)])
        {
            await using var scene = await SuspicionScene.NewAsync(postgres);

            await ScanAsync(scene, shadow, scene.Hours(30, 4, 1, 2));
            await ScanAsync(scene, shadow, scene.Hours(3, 0, 1, 2, 3));

            Assert.Equal(["people CRITICAL OPEN SUSPENDED"], await scene.AlertsAsync());
            Assert.Equal(shown, (await ListAsync(scene, shadow)).Value.Comparisons.Count);
            var row = Assert.Single((await ListAsync(scene, shadow, ("difference", "ALL"))).Value.Comparisons);
            Assert.Equal((difference, "SUSPENDED", await scene.AlertIdAsync()), (row.Difference, row.Measure, row.AlertId));
        }
    }

    [Fact]
    public async Task Scan_OnlyThePolicyInForceFinds_SaysSo()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var many = new ShadowPolicy(new DetectionPolicy { DeviceLimit = 5 }, "device_limit=5");

        await ScanAsync(scene, many, scene.Hours(30, 4, 1, 2));
        await ScanAsync(scene, many, scene.Hours(3, 0, 1, 2, 3));

        Assert.Equal(
            "ONLY_IN_FORCE", Assert.Single((await ListAsync(scene, many, ("difference", "ONLY_IN_FORCE"))).Value.Comparisons).Difference);
    }

    [Fact]
    public async Task Scan_UsageReadAgain_ChangesNothing()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, OnePerson, scene.Hours(30, 0, 1, 2));
        var before = await RowsAsync(scene);

        await WatchAsync(scene, OnePerson);

        Assert.NotEqual("", before);
        Assert.Equal(before, await RowsAsync(scene));
    }

    [Fact]
    public async Task Scan_ShadowBeginsLater_StartsFromTheDetectorsState()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, null, scene.Hours(30, 0, 1, 2));

        await WatchAsync(scene, OnePerson);

        Assert.Equal("SUSPENDED", Assert.Single((await ListAsync(scene, OnePerson)).Value.Comparisons).ShadowMeasure);
    }

    [Fact]
    public async Task Scan_ShadowChanges_StartsAgain()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, OnePerson, scene.Hours(30, 0, 1, 2));

        await WatchAsync(scene, Same);

        Assert.Empty((await ListAsync(scene, Same, ("difference", "ALL"))).Value.Comparisons);
        Assert.Empty((await ListAsync(scene, OnePerson, ("difference", "ALL"))).Value.Comparisons);
        Assert.Equal($"{Same.Key} 0", await scene.Database.QueryAsync<string>(
            "select policy || ' ' || (select count(*) from shadow_alerts) from shadow_states"));
    }

    [Fact]
    public async Task Scan_AfterAReview_TheShadowStartsAgain()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, AlertOnly, scene.Hours(30, 6, 1, 2));
        await ScanAsync(scene, AlertOnly, scene.Hours(5, 3, 1, 2, 3));
        await scene.Review.RunAsync(
            await scene.AlertIdAsync(), new AlertReview("FALSE_POSITIVE", "Backup VPS", true), Actor.Operator(Guid.NewGuid()), Stop);

        await ScanAsync(scene, AlertOnly, scene.Hours(2, 0, 1, 2, 3));

        Assert.Empty((await ListAsync(scene, AlertOnly, ("difference", "ALL"))).Value.Comparisons);
        Assert.True(await scene.Database.QueryAsync<bool>("select bool_and((state ->> 'forgiven_until')::bigint > 0) from shadow_states"));
    }

    [Fact]
    public async Task Scan_ShadowFails_ThePolicyInForceStillActs()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, Same, scene.Hours(30, 4, 1, 2));
        await scene.Database.ExecuteAsync("alter table shadow_alerts add constraint nothing_fits check (false)");

        var counts = await ScanAsync(scene, Same, scene.Hours(3, 0, 1, 2, 3));

        Assert.Equal(1, counts.Suspended);
        Assert.Equal(0, await scene.Database.QueryAsync<int>("select count(*)::int from shadow_alerts"));
    }

    [Fact]
    public async Task Scan_DamagedShadowState_StartsAgain()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, OnePerson, scene.Hours(30, 1, 1, 2));
        await scene.Database.ExecuteAsync("update shadow_states set state = '{\"identities\": 7}'");

        await ScanAsync(scene, OnePerson, scene.Hours(0, 0, 1, 2));

        Assert.Equal("SUSPENDED", Assert.Single((await ListAsync(scene, OnePerson)).Value.Comparisons).ShadowMeasure);
    }

    [Fact]
    public async Task Prune_OtherPolicyOrOldAlerts_RemovesThem()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var store = new ShadowStore(scene.Database.Database);
        await ScanAsync(scene, OnePerson, scene.Hours(30, 0, 1, 2));

        await store.PruneAsync(OnePerson.Key, Stop);
        var kept = await CountAsync();
        await scene.Database.ExecuteAsync("update shadow_alerts set updated_at = now() - interval '31 days'");
        await store.PruneAsync(OnePerson.Key, Stop);
        var old = await CountAsync();
        await store.PruneAsync(null, Stop);

        Assert.Equal(((1, 1), (1, 0), (0, 0)), (kept, old, await CountAsync()));

        Task<(int, int)> CountAsync() => scene.Database.QueryAsync<(int, int)>(
            "select (select count(*)::int from shadow_states), (select count(*)::int from shadow_alerts)");
    }

    [Fact]
    public async Task List_ManyLicenses_HasPages()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await ScanAsync(scene, OnePerson, scene.Hours(30, 0, 1, 2));
        for (var n = 1; n < 25; n++)
            await scene.Usage.LicenseAsync();
        await scene.Database.ExecuteAsync(
            """
            insert into suspicion_states (subscription_id) select subscription_id from subscriptions on conflict do nothing;
            insert into shadow_states (subscription_id, policy, state) select subscription_id, @Key, '{}' from subscriptions
            on conflict do nothing;
            insert into shadow_alerts
            select s.subscription_id, a.incident, a.policy, a.activity_type, a.severity, a.measure, a.description, a.evidence,
                   a.detected_at, a.updated_at
            from subscriptions s, shadow_alerts a on conflict do nothing
            """, new { OnePerson.Key });

        var (seen, cursor, pages) = (new HashSet<Guid>(), default(string), 0);
        do
        {
            var page = (await ListAsync(scene, OnePerson, ("cursor", cursor), ("limit", "10"))).Value;
            seen.UnionWith(page.Comparisons.Select(row => row.SubscriptionId));
            Assert.Equal(25, page.Licenses["ONLY_SHADOW"]);
            (cursor, pages) = (page.Next, pages + 1);
        }
        while (cursor is not null);

        Assert.Equal((25, 3), (seen.Count, pages));
    }

    [Theory]
    [InlineData("difference", "SOME")]
    [InlineData("cursor", "x")]
    [InlineData("limit", "0")]
    public async Task List_WrongQuery_NamesTheField(string field, string value)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var refusal = (await ListAsync(scene, OnePerson, (field, value))).Refusal;

        Assert.Equal(("INVALID_QUERY", field), (refusal?.Code, refusal?.Field));
    }

    [Fact]
    public async Task List_NoPolicyInShadow_SaysSo()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);

        var page = (await ListAsync(scene, null)).Value;

        Assert.Null(page.Policy);
        Assert.Empty(page.Comparisons);
    }

    private static async Task<ScanCounts> ScanAsync(SuspicionScene scene, ShadowPolicy? shadow, IEnumerable<string> records)
    {
        await scene.Usage.SendAsync(Usage.UsageScene.Array(records));
        return await scene.ScanBy(new DetectionPolicy(), shadow: shadow).RunAsync(Stop);
    }

    private static async Task WatchAsync(SuspicionScene scene, ShadowPolicy? shadow)
    {
        Assert.Equal(1, (await scene.Store.WatchAsync(scene.Settings.Policy.WatchPeriod, Stop)).Licenses);
        await scene.ScanBy(new DetectionPolicy(), shadow: shadow).RunAsync(Stop);
    }

    private static Task<string> RowsAsync(SuspicionScene scene) => scene.Database.QueryAsync<string>(
        "select (select string_agg(s::text, '') from shadow_states s) || (select string_agg(a::text, '') from shadow_alerts a)");

    private static Task<Outcome<ShadowPage>> ListAsync(
        SuspicionScene scene, ShadowPolicy? shadow, params (string Name, string? Value)[] query) =>
        new ListShadowAlerts(scene.Database.Database, new ShadowStore(scene.Database.Database), scene.Settings with { Shadow = shadow })
            .RunAsync(
                new QueryCollection(query.ToDictionary(pair => pair.Name, pair => new StringValues(pair.Value))), ListShadowAlerts.MaxPage,
                Stop);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;
}
