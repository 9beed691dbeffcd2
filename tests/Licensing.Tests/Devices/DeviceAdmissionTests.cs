using System.Net;
using Licensing.Devices;
using Xunit;

namespace Licensing.Tests.Devices;

public sealed class DeviceAdmissionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly DevicePolicy Policy = new(MaxDevices: 2, DeviceIdentity.EaAccount, DeviceLimitAction.Suspend);
    private static readonly DeviceHistory Clean = new(Changes: 0, SuspensionLifted: false, MarkedFalsePositive: false);
    private static readonly DeviceClaim NewDevice = Claim("EA-3", 1003, "203.0.113.9");

    private const int Active = 299;   // seconds since the last check, the last that counts as active
    private const int Stopped = 300;  // 5 minutes
    private const int AlmostIdle = (24 * 3600) - 1;
    private const int Idle = 24 * 3600;
    private const int ThirtyDays = 30 * 24 * 3600;

    private static DeviceClaim Claim(string ea, long account, string address) => new(ea, account, IPAddress.Parse(address));

    private static RegisteredDevice Device(
        int number, int secondsAgo, string? ea = null, long? account = null, string? network = null, int? slot = null) =>
        new(
            new Guid(number, 0, 0, new byte[8]), $"{account ?? 1000 + number}|{ea ?? $"EA-{number}"}", ea ?? $"EA-{number}",
                account ?? 1000 + number,
            slot ?? number, Now.AddSeconds(-secondsAgo), [IPAddress.Parse(network ?? $"198.51.100.{number}")]);

    private static Admission Decide(
        DeviceClaim claim, RegisteredDevice[] registered, DeviceHistory? history = null, DevicePolicy? policy = null) =>
        DeviceAdmission.Decide(claim, registered, history ?? Clean, policy ?? Policy, Now);

    [Fact]
    public void Decide_NoDeviceRegistered_GetsTheFirstSlot() =>
        Assert.Equal(new Admission.FreeSlot(1), Decide(NewDevice, []));

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void Decide_OneDeviceRegistered_GetsTheOtherSlot(int taken, int expected) =>
        Assert.Equal(new Admission.FreeSlot(expected), Decide(NewDevice, [Device(1, Active, slot: taken)]));

    [Fact]
    public void Decide_KnownDevice_IsKnownFromAnyAddressWithAllSlotsTaken()
    {
        var known = Device(3, Active);

        Assert.Equal(
            new Admission.Known(known), Decide(NewDevice with { Address = IPAddress.Parse("192.0.2.77") }, [known, Device(2, Active)]));
    }

    [Fact]
    public void Decide_LiteralFingerprint_ANewAddressIsANewDevice()
    {
        var policy = Policy with { Identity = DeviceIdentity.IpEaAccount };
        var known = Device(3, Active) with { Key = "203.0.113.9|1003|EA-3" };

        Assert.Equal(new Admission.Known(known), Decide(NewDevice, [known], policy: policy));
        Assert.Equal(
            new Admission.FreeSlot(1), Decide(NewDevice with { Address = IPAddress.Parse("203.0.113.10") }, [known], policy: policy));
    }

    /// <summary>
    /// All slots are in use: what the new device shares with device 1, how long ago 1 and 2 were seen → which is replaced.
    /// </summary>
    [Theory]
    [InlineData("EA-3", 1001, Stopped, Active, 1)] // the same account on a new EA: moved to another machine
    [InlineData("EA-1", 1003, Stopped, Active, 1)] // the same EA with a new account: another broker
    [InlineData("EA-1", 1003, Active, Active, 0)] // still running there
    [InlineData("EA-3", 1003, Stopped, Active, 0)] // shares nothing: 5 minutes are not enough
    [InlineData("EA-3", 1003, AlmostIdle, Active, 0)]
    [InlineData("EA-3", 1003, Idle, Active, 1)]
    [InlineData("EA-3", 1003, Idle, Idle + 1, 2)] // of two, the one not seen for longer
    [InlineData("EA-3", 1001, Stopped, Idle, 1)] // its own predecessor before another device
    public void Decide_SlotsFull_ReplacesTheRightDevice(string ea, long account, int firstAgo, int secondAgo, int replaced)
    {
        var admission = Decide(Claim(ea, account, "203.0.113.9"), [Device(1, firstAgo), Device(2, secondAgo)]);

        Assert.Equal(replaced, (admission as Admission.Replacement)?.Replaced.Slot ?? 0);
        Assert.Equal(replaced, (admission as Admission.Replacement)?.Slot ?? 0);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public void Decide_ChangesIn30Days_AreLimited(int changes, bool replaces)
    {
        var admission = Decide(NewDevice, [Device(1, Idle), Device(2, Active)], Clean with { Changes = changes });

        Assert.Equal(replaces, admission is Admission.Replacement);
        Assert.Equal(!replaces, admission is Admission.Refused);
    }

    [Theory]
    [InlineData("EA-3", 1003, Idle)]
    [InlineData("EA-1", 1003, Stopped)]
    public void Decide_ADeviceThatTheSubscriberRemoved_DoesNotTakeTheSlotOfTheKeptOne(string ea, long account, int keptAgo)
    {
        var registered = new[] { Device(1, keptAgo), Device(2, Active) };

        var claim = Claim(ea, account, "203.0.113.9");

        Assert.IsType<Admission.Replacement>(Decide(claim, registered));
        Assert.IsType<Admission.Refused>(Decide(claim, registered, Clean with { RemovedBySubscriber = true }));
    }

    /// <summary>The ages of the changes in seconds → the seconds until the next removal; null: now.</summary>
    [Theory]
    [InlineData(new int[0], null)]
    [InlineData(new[] { 1, 2, 3, 4 }, null)]
    [InlineData(new[] { 1, 2, 3, 4, 5 }, ThirtyDays - 5)]
    [InlineData(new[] { 5, 1, 4, 2, 3 }, ThirtyDays - 5)] // in any order
    [InlineData(new[] { 0, 0, 0, 0, 0 }, ThirtyDays)]
    [InlineData(new[] { 1, 2, 3, 4, ThirtyDays - 1 }, 1)]
    [InlineData(new[] { 1, 2, 3, 4, ThirtyDays }, null)] // the oldest is 30 days old
    [InlineData(new[] { 1, 2, 3, 4, 5, 6 }, ThirtyDays - 5)] // one more doesn't make the wait shorter
    public void NextRemoval_ByAgeOfTheChanges_WaitsForTheFifthNewest(int[] ages, int? expected) =>
        Assert.Equal(
            expected is { } seconds ? Now.AddSeconds(seconds) : null,
            DeviceAdmission.NextRemoval(ages.Select(age => Now.AddSeconds(-age)), Now));

    [Theory]
    [InlineData(Active, Active, 2)]
    [InlineData(Active, Stopped, 0)]
    [InlineData(Stopped, Stopped, 0)]
    public void Decide_MoreThanOneActive_Suspends(int firstAgo, int secondAgo, int activeDevices)
    {
        var admission = Decide(NewDevice, [Device(1, firstAgo), Device(2, secondAgo)]);

        Assert.Equal(activeDevices, (admission as Admission.Suspends)?.ActiveDevices ?? 0);
        Assert.Equal(activeDevices == 0, admission is Admission.Refused);
    }

    [Fact]
    public void Suspends_Violation_IsThePlatformsText() =>
        Assert.Equal("Concurrent sessions detected: 2 active devices", new Admission.Suspends(2).Violation);

    /// <summary>Two active devices and a third that is the customer's own: refused, never suspended.</summary>
    [Theory]
    [InlineData("EA-3", 1003, "198.51.100.1", "198.51.100.1", true)]
    [InlineData("EA-3", 1003, "::ffff:198.51.100.1", "198.51.100.1", true)]
    [InlineData("EA-3", 1003, "198.51.100.2", "198.51.100.1", false)]
    [InlineData("EA-3", 1003, "2001:db8:0:1:aaaa::7", "2001:db8:0:1::", true)]
    [InlineData("EA-3", 1003, "2001:db8:0:2:aaaa::7", "2001:db8:0:1::", false)]
    [InlineData("EA-3", 1001, "203.0.113.9", "198.51.100.1", true)]
    [InlineData("EA-1", 1003, "203.0.113.9", "198.51.100.1", true)]
    [InlineData("ea-1", 1003, "203.0.113.9", "198.51.100.1", false)]
    public void Decide_TheCustomersOwnDevice_IsOnlyRefused(string ea, long account, string from, string firstNetwork, bool refusedOnly)
    {
        var admission = Decide(
            Claim(ea, account, from), [Device(1, Active, network: firstNetwork), Device(2, Active, network: "192.0.2.2")]);

        Assert.Equal(refusedOnly, admission is Admission.Refused);
        Assert.Equal(!refusedOnly, admission is Admission.Suspends);
    }

    [Fact]
    public void Decide_AddressOfAnInactiveDevice_DoesNotPreventSuspension()
    {
        RegisteredDevice[] three = [Device(1, Active), Device(2, Active), Device(4, Stopped, network: "203.0.113.9", slot: 3)];

        Assert.IsType<Admission.Suspends>(Decide(NewDevice, three, policy: Policy with { MaxDevices = 3 }));
    }

    [Fact]
    public void Decide_LimitActionRefuse_NeverSuspends() =>
        Assert.IsType<Admission.Refused>(
            Decide(NewDevice, [Device(1, Active), Device(2, Active)], policy: Policy with { LimitAction = DeviceLimitAction.Refuse }));

    [Fact]
    public void Decide_SuspensionLifted_RefusesThatDeviceWithoutSuspending() =>
        Assert.IsType<Admission.Refused>(
            Decide(NewDevice, [Device(1, Active), Device(2, Active)], Clean with { SuspensionLifted = true }));

    [Fact]
    public void Decide_RemovedBySubscriber_RefusesThatDeviceWithoutSuspending() =>
        Assert.IsType<Admission.Refused>(
            Decide(NewDevice, [Device(1, Active), Device(2, Active)], Clean with { RemovedBySubscriber = true }));

    [Fact]
    public void Keep_ARefusedDevice_GetsTheSlotOfTheOneThatLeaves()
    {
        RegisteredDevice[] two = [Device(1, Active), Device(2, Active)];

        Assert.Equal(new Admission.FreeSlot(2), Keep(two, two[1].DeviceId, Clean));
        Assert.Equal(new Admission.FreeSlot(1), Keep(two, two[0].DeviceId, Clean));
    }

    [Fact]
    public void Keep_WhileSharingIsSuspected_IsRefused() =>
        Assert.True(Assert.IsType<Admission.Refused>(
            Keep([Device(1, Active), Device(2, Active)], Device(1, 0).DeviceId, Clean with { SharingSuspected = true })).IsSuspected);

    [Fact]
    public void Keep_InPlaceOfADeviceBeyondTheLimit_IsRefused()
    {
        var beyond = Device(4, Active) with { Slot = null };

        Assert.False(Assert.IsType<Admission.Refused>(
            Keep([Device(1, Active), Device(2, Active), beyond], beyond.DeviceId, Clean)).IsSuspected);
    }

    private static Admission Keep(RegisteredDevice[] registered, Guid leaves, DeviceHistory history) =>
        DeviceAdmission.Keep(NewDevice, registered, leaves, history, Policy, Now);

    [Fact]
    public void Decide_MarkedFalsePositive_IsRegisteredBeyondTheLimit() =>
        Assert.Equal(
            new Admission.BeyondLimit(),
            Decide(NewDevice, [Device(1, Active), Device(2, Active)], Clean with { MarkedFalsePositive = true }));

    [Fact]
    public void Decide_MarkedFalsePositiveWithAFreeSlot_GetsTheSlot() =>
        Assert.Equal(new Admission.FreeSlot(2), Decide(NewDevice, [Device(1, Active)], Clean with { MarkedFalsePositive = true }));

    [Fact]
    public void Decide_DeviceBeyondTheLimit_IsNeverReplaced()
    {
        var beyond = Device(4, Idle) with { Slot = null };

        Assert.IsType<Admission.Refused>(Decide(NewDevice, [Device(1, Active), Device(2, Stopped), beyond]));
    }

    [Fact]
    public void Decide_LimitLowered_TheDeviceAboveItIsNotReplaced() =>
        Assert.IsType<Admission.Refused>(Decide(NewDevice, [Device(1, Active), Device(2, Stopped), Device(4, Idle, slot: 3)]));

    [Theory]
    [InlineData(1, 2, 1)]
    [InlineData(2, 2, 0)]
    [InlineData(3, 2, 0)]
    public void FreeSlots_OfALimit_AreNeverNegative(int used, int slots, int free) =>
        Assert.Equal(free, DeviceAdmission.FreeSlots(used, slots));

    [Fact]
    public void Decide_LimitLowered_AFreeSlotIsNotUsedWhileTheLimitIsReached() =>
        Assert.IsType<Admission.Refused>(Decide(NewDevice, [Device(1, Active), Device(4, Stopped, slot: 3)]));

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    public void SourceNetwork_Address_IsWholeOr64(string address, string network) =>
        Assert.Equal(IPAddress.Parse(network), SourceNetwork.Of(IPAddress.Parse(address)));

    [Fact]
    public void Key_FreeTextWithTheSeparator_IsUnique() =>
        Assert.NotEqual(
            Claim("1003|EA", 9, "192.0.2.1").Key(DeviceIdentity.EaAccount), Claim("EA", 91003, "192.0.2.1").Key(DeviceIdentity.EaAccount));
}
