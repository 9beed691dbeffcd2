using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Licenses;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Validation;
using Licensing;
using Licensing.Devices;
using Xunit;

namespace LicenseFunctions.Tests.Validation;

/// <summary>Removals by the subscriber count as changes of devices, so that they let no more devices in than replacements do.</summary>
public sealed class ChangeDeviceTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Remove_AndCheckInTurn_AdmitsNoMoreDevicesThanReplacements()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, maxDevices: 1, DeviceLimitAction.Refuse);
        var refusals = new List<Refusal>();
        for (var device = 0; device < 20; device++)
        {
            await scene.CheckAsync($"EA-{device}", device + 1, $"198.51.100.{device}");
            if ((await RemoveAsync(scene, scene.SubscriberId)).Refusal is { } refusal)
                refusals.Add(refusal);
        }

        Assert.Equal(6, await scene.CountAsync("license_devices")); // the first, and five changes
        Assert.Equal(15, refusals.Count);
        Assert.All(refusals, refusal => Assert.Equal((RefusalKind.TooMany, "DEVICE_CHANGE_LIMIT"), (refusal.Kind, refusal.Code)));
        Assert.All(refusals, refusal => Assert.InRange(refusal.RetryAfter!.Value, TimeSpan.FromDays(29), TimeSpan.FromDays(30)));
    }

    [Fact]
    public async Task Remove_AfterReplacements_CountsThemTogether()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, maxDevices: 1);
        await scene.CheckAsync("EA-0", 1);
        for (var change = 1; change <= 3; change++)
        {
            scene.Time.Advance(DeviceAdmission.ActiveWithin);
            Assert.True((await scene.CheckAsync($"EA-{change}", 1)).IsNew); // replaces
        }

        for (var change = 4; change <= 5; change++)
        {
            Assert.Null((await RemoveAsync(scene, scene.SubscriberId)).Refusal);
            Assert.True((await scene.CheckAsync($"EA-{change}", 1)).IsNew);
        }

        Assert.Equal("DEVICE_CHANGE_LIMIT", (await RemoveAsync(scene, scene.SubscriberId)).Refusal?.Code);
        scene.Time.Advance(DeviceAdmission.ActiveWithin);
        Assert.Equal(LicenseCode.TooManyDevices, (await scene.CheckAsync("EA-6", 1)).Verdict.Code);
    }

    [Theory]
    [InlineData("30 days", true)]
    [InlineData("29 days 23 hours", false)]
    public async Task Remove_AfterFiveChanges_WaitsUntilTheOldestIs30DaysOld(string age, bool removed)
    {
        await using var scene = await ChangedFiveTimesAsync();
        await scene.Database.ExecuteAsync(
            """
            update license_device_changes set changed_at = now() - @age::interval
            where change_id = (select min(change_id) from license_device_changes)
            """,
            new { age });
        scene.Time.Advance(TimeSpan.FromDays(20)); // the process's clock doesn't count

        Assert.Equal(removed, (await RemoveAsync(scene, scene.SubscriberId)).Refusal is null);
    }

    [Fact]
    public async Task Remove_ByAnOperator_IsNotLimitedAndNotCounted()
    {
        await using var scene = await ChangedFiveTimesAsync();

        Assert.Null((await RemoveAsync(scene, null)).Refusal);

        Assert.Equal(5, await scene.CountAsync("license_device_changes"));
        Assert.True((await scene.CheckAsync("EA-9", 9)).IsNew);
    }

    [Fact]
    public async Task Remove_AnUnknownDeviceAtTheLimit_IsNotFound()
    {
        await using var scene = await ChangedFiveTimesAsync();

        var outcome = await Change(scene).RemoveAsync(
            scene.SubscriptionId, Guid.NewGuid(), scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop);

        Assert.Equal("DEVICE_NOT_FOUND", outcome.Refusal?.Code);
    }

    [Fact]
    public async Task Remove_ManyAtOnce_AreLimited()
    {
        await using var scene = await LicenseScene.NewAsync(postgres, maxDevices: 8);
        for (var device = 1; device <= 8; device++)
            await scene.CheckAsync($"EA-{device}", device);
        var devices = await scene.Database.QueryAllAsync<Guid>("select device_id from license_devices");

        var outcomes = await Task.WhenAll(devices.Select(device => Change(scene).RemoveAsync(
            scene.SubscriptionId, device, scene.SubscriberId, Actor.Owner(scene.SubscriberId), LicenseScene.Stop)));

        Assert.Equal(5, outcomes.Count(outcome => outcome.Refusal is null));
        Assert.Equal(3, await scene.CountAsync("license_devices where removed_at is null"));
    }

    private async Task<LicenseScene> ChangedFiveTimesAsync()
    {
        var scene = await LicenseScene.NewAsync(postgres, maxDevices: 1);
        for (var device = 1; device <= 5; device++)
        {
            await scene.CheckAsync($"EA-{device}", device);
            Assert.Null((await RemoveAsync(scene, scene.SubscriberId)).Refusal);
        }

        await scene.CheckAsync("EA-6", 6);
        return scene;
    }

    private static ChangeDevice Change(LicenseScene scene) => new(scene.Database.Database, scene.Invalidation);

    /// <summary>Removes the registered device.</summary>
    private static async Task<Outcome<bool>> RemoveAsync(LicenseScene scene, Guid? subscriberId) =>
        await Change(scene).RemoveAsync(
            scene.SubscriptionId,
            await scene.Database.QueryAsync<Guid>("select device_id from license_devices where removed_at is null"),
            subscriberId, subscriberId is { } id ? Actor.Owner(id) : Actor.Operator(Guid.NewGuid()), LicenseScene.Stop);
}
