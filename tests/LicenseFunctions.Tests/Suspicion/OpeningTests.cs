using System.Text.Json.Nodes;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Support;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Suspicion;

/// <summary>Positions that are opened although the license only allows closing them.</summary>
public sealed class OpeningTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Opening_UnderCloseOnly_IsOneAlertForThePeriodAndSuspendsNobody()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndAsync(scene);

        var first = await scene.RecordAndScanAsync([Record(scene, 3600, opened: 2), Record(scene, 3000, opened: 1, ea: "EA-2")]);
        var second = await scene.RecordAndScanAsync([Record(scene, 600, opened: 5)]);

        Assert.Equal((1, 0), (first.Alerts, first.Suspended));
        Assert.Equal(0, second.Alerts);
        var (severity, action, description, json) = await scene.Database.QueryAsync<(string, string, string, string)>(
            """
            select severity, auto_action_taken, description, evidence::text from suspicious_activity_alerts
            where activity_type = 'OPENED_UNDER_CLOSE_ONLY'
            """);
        Assert.Equal(("MEDIUM", "NONE"), (severity, action));
        Assert.Equal("3 positions were opened although the license allowed no new positions (EXPIRED).", description);
        var evidence = JsonNode.Parse(json)!;
        Assert.Equal(3, (int)evidence["opened"]!);
        Assert.Equal([("EA-1", 2), ("EA-2", 1)], evidence["devices"]!.AsArray().Select(
            device => ((string)device!["ea_instance_id"]!, (int)device["opened"]!)));
        Assert.Equal(1, await scene.Database.QueryAsync<long>(
            "select count(*) from close_only_periods p join suspicious_activity_alerts a using (alert_id)"));
        Assert.Equal(1, await scene.Database.QueryAsync<double>(
            "select sum(amount) from metric_increments where label = 'OPENED_UNDER_CLOSE_ONLY'"));
    }

    [Fact]
    public async Task Opening_ThatIsReadAgainAfterAReview_IsNoSecondAlert()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndAsync(scene);
        var record = Record(scene, 3600, opened: 2);
        await scene.RecordAndScanAsync([record]);
        var alert = await scene.AlertIdAsync();
        await scene.Review.RunAsync(
            alert, new AlertReview("RESOLVED", "The ingest server is corrected"), Actor.System, TestContext.Current.CancellationToken);

        var again = await scene.RecordAndScanAsync([record, Record(scene, 60, opened: 1)]);
        await scene.Store.WatchAsync(TimeSpan.FromDays(90), TestContext.Current.CancellationToken);
        var watched = await scene.Scan.RunAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, 0), (again.Alerts, watched.Alerts));
    }

    [Theory]
    [InlineData("update license_tokens set expires_at = now() + interval '20 days'", 3600, 1)]
    [InlineData(null, 3 * 3600 - 60, 1)]
    [InlineData(null, 4 * 3600, 1)]
    [InlineData(null, 3600, 0)]
    [InlineData(null, 3600, null)]
    [InlineData("update license_tokens set is_active = false, revoked_at = now(), revoked_reason = 'Lost'", 3600, 1)]
    public async Task Opening_ThatIsAllowedOrMissing_RaisesNoAlert(string? change, int secondsAgo, int? opened)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndAsync(scene);
        if (change is not null)
            await scene.Database.ExecuteAsync(change);

        var scan = await scene.RecordAndScanAsync([Record(scene, secondsAgo, opened)]);

        Assert.Equal((1, 0), (scan.Records, scan.Alerts));
    }

    // The platform doesn't say when the license ended. The usage record itself must not count as a check that passed.
    [Theory]
    [InlineData("is_active = false", "INACTIVE")]
    [InlineData("state = 'LOCKED_NO_FUNDS', paused_at = null", "LOCKED_NO_FUNDS")]
    [InlineData("state = 'PAUSED_TOXIC', paused_at = null", "PAUSED_TOXIC")]
    public async Task Opening_UnderARefusalWithoutATime_RaisesTheAlert(string change, string code)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Usage.DeviceAsync(
            scene.License, "1001|EA-1", "EA-1", 1001, "198.51.100.4", scene.Usage.Now.AddHours(-4).UtcDateTime);
        await EndAsync(scene, "update subscriptions set " + change);

        var scan = await scene.RecordAndScanAsync([Record(scene, 3600, opened: 2)]);

        Assert.Equal(1, scan.Alerts);
        Assert.Equal(scene.Usage.Now.AddHours(-1).UtcDateTime, await scene.Database.QueryAsync<DateTime>(
            "select last_seen_at from license_devices"));
        Assert.Equal(code, await scene.Database.QueryAsync<string>("select evidence ->> 'code' from suspicious_activity_alerts"));
    }

    // The EA never checks. If the platform doesn't say when the license ended, that was before the subscription's last change.
    [Theory]
    [InlineData(Expire, "EXPIRED")]
    [InlineData("update subscriptions set state = 'LOCKED_NO_FUNDS', paused_at = now() - interval '4 hours'", "LOCKED_NO_FUNDS")]
    [InlineData("update subscriptions set state = 'PAUSED_TOXIC', paused_at = now() - interval '4 hours'", "PAUSED_TOXIC")]
    [InlineData("update subscriptions set state = 'SUSPENDED_ADMIN', paused_at = now() - interval '4 hours'", "SUSPENDED")]
    [InlineData("update subscriptions set is_active = false, updated_at = now() - interval '4 hours'", "INACTIVE")]
    [InlineData("update subscriptions set state = 'PAUSED_TOXIC', updated_at = now() - interval '4 hours'", "PAUSED_TOXIC")]
    public async Task Opening_WithoutARefusedCheck_IsOneAlertForTheRefusal(string change, string code)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndWithoutCheckAsync(scene, change);

        var first = await scene.RecordAndScanAsync([Record(scene, 3 * 3600, opened: 2)]);
        var second = await scene.RecordAndScanAsync([Record(scene, 2 * 3600, opened: 5)]);
        // Now a check is refused. An alert about its period would be a second one about the same end of the license.
        await EndAsync(scene, "select 1");
        var third = await scene.RecordAndScanAsync([Record(scene, 600, opened: 5)]);

        Assert.Equal((1, 0, 0), (first.Alerts, second.Alerts, third.Alerts));
        Assert.Equal([$"{code} 2"], await scene.Database.QueryAllAsync<string>(
            "select (evidence ->> 'code') || ' ' || (evidence ->> 'opened') from suspicious_activity_alerts"));
    }

    [Theory]
    [InlineData(Expire, 4 * 3600 - 600)]
    [InlineData("update subscriptions set is_active = false, updated_at = now() - interval '1 hour'", 3600 - 600)]
    [InlineData("update subscriptions set is_active = false, updated_at = now() - interval '1 hour'", 2 * 3600)]
    [InlineData("update subscriptions set is_active = false, paused_at = now() - interval '9 days'", 3600)]
    // A revoked token never allows closing.
    [InlineData("update license_tokens set is_active = false, revoked_at = now() - interval '4 hours', revoked_reason = 'Lost'", 3600)]
    public async Task Opening_WithoutARefusedCheck_ThatMayBeFromBefore_RaisesNoAlert(string change, int secondsAgo)
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndWithoutCheckAsync(scene, change);

        var scan = await scene.RecordAndScanAsync([Record(scene, secondsAgo, opened: 2)]);

        Assert.Equal((1, 0), (scan.Records, scan.Alerts));
    }

    [Fact]
    public async Task Opening_UnderASuspensionForFraudWithoutACheck_RaisesTheAlert()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await scene.Database.Database.InTransactionAsync(
            (connection, token) => scene.Suspensions.SuspendAsync(connection, new NewSuspension(
                scene.License.SubscriptionId, SuspensionCause.Fraud, SuspensionTexts.ByOperator("Sold in a forum"), Actor.System), token),
            TestContext.Current.CancellationToken);
        await scene.Database.ExecuteAsync("update license_suspensions set suspended_at = now() - interval '4 hours'");

        var scan = await scene.RecordAndScanAsync([Record(scene, 3600, opened: 2)]);

        Assert.Equal(1, scan.Alerts);
        Assert.Equal(0, await scene.Database.QueryAsync<long>("select count(*) from close_only_periods"));
    }

    [Fact]
    public async Task Opening_UnderAnotherRefusalWithoutACheck_IsAnotherAlert()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndWithoutCheckAsync(scene, Expire);
        await scene.RecordAndScanAsync([Record(scene, 3 * 3600, opened: 2)]);
        await scene.Database.ExecuteAsync(
            """
            update suspicious_activity_alerts set detected_at = detected_at - interval '3 hours';
            update license_tokens set expires_at = now() - interval '2 hours';
            """);

        var scan = await scene.RecordAndScanAsync([Record(scene, 3600, opened: 2)]);

        Assert.Equal(1, scan.Alerts);
    }

    [Fact]
    public async Task Opening_OfOneLicenseThatFails_LeavesTheOthers()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        var other = await scene.Usage.LicenseAsync();
        await EndAsync(scene);
        await scene.Database.ExecuteAsync(
            """
            create function refuse_alert() returns trigger language plpgsql as $$ begin raise check_violation; end $$;
            create trigger refuse_alert before insert on suspicious_activity_alerts for each row execute function refuse_alert();
            """);
        string[] records =
            [Record(scene, 3600, opened: 1), scene.Usage.Record(other, secondsAgo: 3600, ea: "EA-8", account: 8, address: "198.51.8.4")];

        var failed = await scene.RecordAndScanAsync(records);
        await scene.Database.ExecuteAsync("drop trigger refuse_alert on suspicious_activity_alerts");
        var after = await scene.Scan.RunAsync(TestContext.Current.CancellationToken);

        // The license that failed was tried twice in this run.
        Assert.Equal((3, 3, 0), (failed.Licenses, failed.Records, failed.Alerts));
        Assert.Equal(1, await scene.Database.QueryAsync<long>("select count(*) from suspicion_states where state::text like '%EA-8%'"));
        Assert.Equal((1, 1), (after.Licenses, after.Alerts));
    }

    [Fact]
    public async Task Alert_AboutAnOpening_IsForOperatorsOnly()
    {
        await using var scene = await SuspicionScene.NewAsync(postgres);
        await EndAsync(scene);
        await scene.RecordAndScanAsync([Record(scene, 3600, opened: 2)]);

        var seen = await scene.Answer.ActivityAsync(scene.License.SubscriptionId, null, TestContext.Current.CancellationToken);

        Assert.Empty(seen.Value.Alerts);
        Assert.Equal("ALERT_NOT_FOUND", (await scene.Answer.AnswerAsync(
            scene.License.SubscriptionId, await scene.AlertIdAsync(), await scene.Database.QueryAsync<Guid>(
                "select subscriber_id from subscriptions where subscription_id = @SubscriptionId", scene.License),
            new AlertAnswer(true), null, Actor.System, TestContext.Current.CancellationToken)).Refusal?.Code);
        Assert.Equal(0, await scene.Database.QueryAsync<long>("select count(*) from outbox where payload ->> 'template' = 'device_alert'"));
    }

    private const string Expire = "update license_tokens set expires_at = now() - interval '4 hours'";

    /// <summary>The license ended, by default four hours ago. Its device's check was refused three hours ago.</summary>
    private static Task<int> EndAsync(SuspicionScene scene, string change = Expire) => scene.Database.ExecuteAsync(
        $"""
        {change};
        insert into close_only_periods (subscription_id, began_at) select subscription_id, now() - interval '3 hours' from license_tokens
        where subscription_id = @SubscriptionId
        """, scene.License);

    /// <summary>The license ended, and no check has come since.</summary>
    private static Task<int> EndWithoutCheckAsync(SuspicionScene scene, string change) => scene.Database.ExecuteAsync(
        $"alter table subscriptions disable trigger subscriptions_updated_at; {change}");

    private static string Record(SuspicionScene scene, int secondsAgo, int? opened, string ea = "EA-1") =>
        scene.Usage.Record(scene.License, secondsAgo: secondsAgo, ea: ea).TrimEnd().TrimEnd('}')
        + $",\"opened\":{opened?.ToString() ?? "null"},\"closed\":1}}";
}
