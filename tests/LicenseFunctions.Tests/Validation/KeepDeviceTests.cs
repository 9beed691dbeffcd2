using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>The subscriber keeps a refused device in place of another, with the rules of a removal and of an admission.</summary>
public sealed class KeepDeviceTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Keep_ARefusedDevice_WorksFromThenOn_AndTheOtherIsRefusedWithoutSuspending()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        Assert.Equal(LicenseCode.Suspended, (await scene.SuspendByThirdAsync()).Verdict.Code);
        await scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        var before = await HistoryAsync(scene);
        var waiting = Assert.Single(before.Waiting);
        Assert.Equal(("EA-3", 3L, "GB", true), (waiting.EaInstanceId, waiting.Mt5AccountNumber, waiting.CountryCode, waiting.HasSuspended));

        var kept = (await KeepAsync(scene, waiting.AlertId, await DeviceAsync(scene, "EA-1"))).Value;

        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-2", 2, "198.51.100.2")).Verdict.Code);
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-1", 1, "192.0.2.1")).Verdict.Code);
        Assert.Equal(0, await scene.CountAsync("license_suspensions where closed_at is null"));
        Assert.Equal(1, await scene.CountAsync("license_device_changes"));
        var after = await HistoryAsync(scene);
        Assert.Equal("EA-1", Assert.Single(after.Waiting).EaInstanceId);
        var entry = after.Entries.Single(one => one.What == "KEPT");
        Assert.Equal(
            ("SUBSCRIBER", kept.DeviceId, "EA-1", "203.0.113.9"),
            (entry.By, entry.Device.DeviceId, entry.Other?.EaInstanceId, entry.Network));
        Assert.Equal(["ADDED EA-1", "ADDED EA-2", "KEPT EA-3", "REFUSED EA-1", "REFUSED EA-3"],
            after.Entries.Select(one => $"{one.What} {one.Device.EaInstanceId}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Keep_AfterALift_ClosesOnlyTheAlertAboutTheRefusal()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        Task<IReadOnlyList<(string, string?, bool)>> OutcomesAsync() => scene.Database.QueryAllAsync<(string, string?, bool)>(
            "select activity_type, suspension_ended, is_device_kept from listed_alerts order by activity_type");
        Assert.Equal([("CONCURRENT_SESSIONS", null, false)], await OutcomesAsync());
        await scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        Assert.Equal([("CONCURRENT_SESSIONS", "OWNER", false)], await OutcomesAsync());
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);

        Assert.Null((await KeepAsync(
            scene, Assert.Single((await HistoryAsync(scene)).Waiting).AlertId, await DeviceAsync(scene, "EA-1"))).Refusal);

        Assert.Equal(
            "CONCURRENT_SESSIONS OPEN, TOO_MANY_DEVICES RESOLVED: The customer kept this device in place of another.",
            await scene.Database.QueryAsync<string>(
                """
                select string_agg(concat_ws(': ', activity_type || ' ' || status, resolution_notes), ', ' order by activity_type)
                from suspicious_activity_alerts
                """));
        Assert.Equal("RESOLVED", await scene.Database.QueryAsync<string>(
            "select data ->> 'status' from license_events where type = 'alert.reviewed'"));
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'alert.resolved'"));
        // The operators' list says what came of both.
        Assert.Equal([("CONCURRENT_SESSIONS", "OWNER", true), ("TOO_MANY_DEVICES", null, true)], await OutcomesAsync());
    }

    /// <summary>A device that an operator allowed needs no other device's slot, and the pages count its own.</summary>
    [Fact]
    public async Task Grant_ByAFalseAlarm_LeavesNothingToDecide_UntilTheAlertIsReopened()
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        var waiting = Assert.Single((await HistoryAsync(scene)).Waiting);
        var review = new ReviewAlert(
            scene.Database.Database, new AlertStore(scene.Database.Database), scene.Suspensions, scene.Time);
        Task<Outcome<ReviewedAlert>> ReviewAsync(string status, bool reinstate = false) => review.RunAsync(
            waiting.AlertId, new AlertReview(status, "Checked", reinstate), Actor.System, LicenseScene.Stop);

        Assert.Null((await ReviewAsync("FALSE_POSITIVE", reinstate: true)).Refusal);
        Assert.Empty((await HistoryAsync(scene)).Waiting);
        Assert.Equal("REFUSED_DEVICE_NOT_FOUND", (await KeepAsync(scene, waiting.AlertId, await DeviceAsync(scene, "EA-1"))).Refusal?.Code);

        Assert.Null((await ReviewAsync("OPEN")).Refusal);
        Assert.Equal("EA-3", Assert.Single((await HistoryAsync(scene)).Waiting).EaInstanceId);
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);

        Assert.Null((await ReviewAsync("FALSE_POSITIVE")).Refusal);
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);
        var list = (await new ListDevices(scene.Database.Database, scene.Devices, scene.LastSeen, scene.Settings, scene.Time).RunAsync(
            scene.SubscriptionId, scene.SubscriberId, LicenseScene.Stop)).Value;
        Assert.Equal((3, 3, 0, 1), (list.SlotsUsed, list.MaxDevices, list.SlotsFree, list.SlotsGranted));
        Assert.Equal(
            [("EA-1", false, true), ("EA-2", false, true), ("EA-3", true, false)],
            list.Devices.Select(one => (one.EaInstanceId, one.HasExtraSlot, one.FreesSlot)).Order());

        // The pages offer only what is accepted.
        await scene.CheckAsync("EA-4", 4, "203.0.113.4");
        var next = Assert.Single((await HistoryAsync(scene)).Waiting).AlertId;
        Assert.Equal("NO_FREE_SLOT", (await KeepAsync(scene, next, await DeviceAsync(scene, "EA-3"))).Refusal?.Code);
        Assert.Null((await KeepAsync(scene, next, await DeviceAsync(scene, "EA-1"))).Refusal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Grant_ByAFalseAlarmAfterAnAppeal_IsTakenBackWithTheAppealsAlert(bool isAlertReviewed)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'RESOLVED'");
        await scene.Database.Database.InTransactionAsync(
            async (connection, token) => await AlertStore.AppealAsync(
                connection, scene.SubscriptionId, Assert.Single(await SuspensionStore.OpenAsync(connection, scene.SubscriptionId, token)),
                "It is my laptop", scene.SubscriberId, scene.Time.GetUtcNow().UtcDateTime, token),
            LicenseScene.Stop);
        var appeal = await scene.Database.QueryAsync<Guid>(
            "select alert_id from suspicious_activity_alerts where activity_type = 'APPEAL'");
        var review = new ReviewAlert(
            scene.Database.Database, new AlertStore(scene.Database.Database), scene.Suspensions, scene.Time);
        Task<bool> IsGrantedAsync() => scene.Database.QueryAsync<bool>(
            "select is_device_granted(subscription_id, device_key) from license_suspensions");

        if (isAlertReviewed)
        {
            Assert.Null((await review.RunAsync(
                appeal, new AlertReview("FALSE_POSITIVE", "Checked", Reinstate: true), Actor.System, LicenseScene.Stop)).Refusal);
        }
        else
        {
            Assert.Null((await scene.Reinstating.RunAsync(
                scene.SubscriptionId, new ReinstateRequest("Checked", FalsePositive: true), Actor.System, LicenseScene.Stop)).Refusal);
        }

        Assert.Equal("FALSE_POSITIVE: Checked", await StatusAsync(scene, appeal));
        Assert.Equal("FALSE_POSITIVE", await scene.Database.QueryAsync<string>(
            "select suspension_ended from listed_alerts where alert_id = @appeal", new { appeal }));
        Assert.True(await IsGrantedAsync());
        Assert.Null((await review.RunAsync(appeal, new AlertReview("OPEN", "The wrong one"), Actor.System, LicenseScene.Stop)).Refusal);
        Assert.False(await IsGrantedAsync());
    }

    [Fact]
    public async Task Keep_AgainstTheRulesOfNewDevices_IsRefusedAndChangesNothing()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.SuspendByThirdAsync()).Verdict.Code);
        var alert = Assert.Single((await HistoryAsync(scene)).Waiting).AlertId;
        var leaves = await DeviceAsync(scene, "EA-1");

        Assert.Equal("LICENSE_NOT_FOUND", (await KeepAsync(scene, alert, leaves, Guid.NewGuid())).Refusal?.Code);
        Assert.Equal("REFUSED_DEVICE_NOT_FOUND", (await KeepAsync(scene, Guid.NewGuid(), leaves)).Refusal?.Code);
        Assert.Equal("DEVICE_NOT_FOUND", (await KeepAsync(scene, alert, Guid.NewGuid())).Refusal?.Code);
        await scene.SuspectAsync(("EA-1", 1), ("EA-2", 2));
        Assert.Equal("NEW_DEVICES_WAIT", (await KeepAsync(scene, alert, leaves)).Refusal?.Code);
        await scene.Database.ExecuteAsync(
            """
            delete from suspicion_states;
            insert into license_device_changes (subscription_id, changed_at, replaced_device_id)
            select subscription_id, now(), device_id from license_devices, generate_series(1, 5) where ea_instance_id = 'EA-2'
            """);
        Assert.Equal("DEVICE_CHANGE_LIMIT", (await KeepAsync(scene, alert, leaves)).Refusal?.Code);
        Assert.Equal(2, await scene.CountAsync("license_devices where removed_at is null"));
        await scene.Database.ExecuteAsync("delete from license_device_changes");
        Assert.Null((await KeepAsync(scene, alert, leaves)).Refusal);
        Assert.Equal("RESOLVED: The customer kept this device in place of another.", await StatusAsync(scene, alert));
        Assert.Equal("RESOLVED", await scene.Database.QueryAsync<string>(
            "select data ->> 'status' from license_events where type = 'alert.reviewed' and data ->> 'alert_id' = @id",
            new { id = alert.ToString() }));
        Assert.Equal(1, await scene.CountAsync("audit_log where action = 'alert.resolved'"));
        Assert.Equal("REFUSED_DEVICE_NOT_FOUND", (await KeepAsync(scene, alert, await DeviceAsync(scene, "EA-2"))).Refusal?.Code);
    }

    /// <summary>An earlier alert, which was closed, names the same device.</summary>
    [Fact]
    public async Task Keep_ADeviceThatIsSomebodyElses_IsRefusedWithEachOfItsAlerts()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, action: DeviceLimitAction.Refuse);
        await scene.SuspendByThirdAsync();
        var earlier = Assert.Single((await HistoryAsync(scene)).Waiting).AlertId;
        await scene.Database.ExecuteAsync("update suspicious_activity_alerts set status = 'RESOLVED'");
        await scene.CheckAsync("EA-3", 3, "203.0.113.9");
        await scene.CheckAsync("EA-4", 4, "203.0.113.4");
        Assert.Equal(3, await scene.CountAsync("suspicious_activity_alerts"));

        await scene.Database.ExecuteAsync(
            """
            update suspicious_activity_alerts set customer_denied_at = now()
            where status = 'OPEN' and evidence -> 'refused_device' ->> 'ea_instance_id' = 'EA-3'
            """);

        Assert.Equal("EA-4", Assert.Single((await HistoryAsync(scene)).Waiting).EaInstanceId);
        Assert.Equal("REFUSED_DEVICE_NOT_FOUND", (await KeepAsync(scene, earlier, await DeviceAsync(scene, "EA-1"))).Refusal?.Code);
    }

    /// <summary>Neither a check nor the mail about the end of the suspension says that a device is refused that gets a slot.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reinstate_AfterTheCustomerMadeRoom_NamesNoRefusedDevice(bool isKept)
    {
        await using var scene = await LicenseScene.NewAsync(postgres);
        await scene.SuspendByThirdAsync();
        async Task<string> DetailAsync() => (await scene.CheckAsync("EA-2", 2, "198.51.100.2")).Verdict.Detail;
        Assert.EndsWith(". Refused device: EA-3", await DetailAsync(), StringComparison.Ordinal);

        var leaves = await DeviceAsync(scene, "EA-1");
        if (isKept)
        {
            Assert.Null((await KeepAsync(scene, Assert.Single((await HistoryAsync(scene)).Waiting).AlertId, leaves)).Refusal);
        }
        else
        {
            Assert.Null((await new ChangeDevice(scene.Database.Database, scene.Invalidation).RemoveAsync(
                scene.SubscriptionId, leaves, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop)).Refusal);
        }

        Assert.EndsWith("2 active devices", await DetailAsync(), StringComparison.Ordinal);
        await scene.Reinstating.RunForSubscriberAsync(
            scene.SubscriptionId, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);
        Assert.Equal(1, await scene.CountAsync(
            "outbox where payload ->> 'template' = 'reinstated' and payload #>> '{model,refused_ea}' is null"));
        Assert.Equal(LicenseCode.Valid, (await scene.CheckAsync("EA-3", 3, "203.0.113.9")).Verdict.Code);
    }

    private static Task<Outcome<KeptDevice>> KeepAsync(LicenseScene scene, Guid alert, Guid leaves, Guid? subscriber = null) =>
        new KeepDevice(scene.Database.Database, scene.LastSeen, scene.Invalidation, scene.Settings).RunAsync(
            scene.SubscriptionId, subscriber ?? scene.SubscriberId, new DeviceChoice(alert, leaves), Actor.Owner(scene.SubscriberId),
            LicenseScene.Stop);

    private static Task<string> StatusAsync(LicenseScene scene, Guid alert) => scene.Database.QueryAsync<string>(
        "select concat_ws(': ', status, resolution_notes) from suspicious_activity_alerts where alert_id = @alert", new { alert });

    private static Task<Guid> DeviceAsync(LicenseScene scene, string ea) =>
        scene.Database.QueryAsync<Guid>("select device_id from license_devices where ea_instance_id = @ea", new { ea });

    private static async Task<DeviceHistoryList> HistoryAsync(LicenseScene scene) =>
        (await new ListDeviceHistory(scene.Database.Database, scene.Devices, scene.Time).RunAsync(
            scene.SubscriptionId, scene.SubscriberId, LicenseScene.Stop)).Value;
}
