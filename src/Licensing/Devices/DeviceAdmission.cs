namespace Licensing.Devices;

/// <summary>What a further device leads to while others of the license are in use.</summary>
public enum DeviceLimitAction
{
    /// <summary>The license is suspended: the guide's rule.</summary>
    Suspend,

    /// <summary>Only the newcomer is refused.</summary>
    Refuse,
}

/// <param name="MaxDevices">Slots of a license, 1 or more.</param>
public sealed record DevicePolicy(int MaxDevices, DeviceIdentity Identity, DeviceLimitAction LimitAction);

/// <summary>A device that has a place on the license.</summary>
/// <param name="Slot">From 1; null for a place beyond the limit.</param>
/// <param name="LastSeenAt">Its last accepted check.</param>
/// <param name="RecentNetworks">The <see cref="SourceNetwork"/>s that it was seen from within <see cref="DeviceAdmission.ActiveWithin"/>.</param>
public sealed record RegisteredDevice(
    Guid DeviceId,
    string Key,
    string EaInstanceId,
    long Mt5AccountNumber,
    int? Slot,
    DateTimeOffset LastSeenAt,
    IReadOnlyCollection<System.Net.IPAddress> RecentNetworks);

/// <summary>What happened on the license before, as far as it bears on a newcomer.</summary>
/// <param name="Changes">Replacements within <see cref="DeviceAdmission.ChangesCountFor"/>.</param>
/// <param name="SuspensionLifted">A suspension that this very newcomer had led to was lifted.</param>
/// <param name="FoundHonest">An alert about this very newcomer was marked FALSE_POSITIVE.</param>
/// <param name="SharingSuspected">The detector asks that devices which the license's use doesn't know be refused, and this is one.</param>
public sealed record DeviceHistory(int Changes, bool SuspensionLifted, bool FoundHonest, bool SharingSuspected = false);

/// <summary>What becomes of a device that checks in. One of the nested records.</summary>
public abstract record Admission
{
    private Admission() { }

    /// <summary>It has a place already: nothing changes.</summary>
    public sealed record Known(RegisteredDevice Device) : Admission;

    /// <summary>It takes a slot that nobody has.</summary>
    public sealed record FreeSlot(int Slot) : Admission;

    /// <summary>It takes the slot of a device that gives way.</summary>
    public sealed record Replacement(RegisteredDevice Leaving, int Slot) : Admission;

    /// <summary>It gets a place beyond the limit, for itself alone.</summary>
    public sealed record BeyondLimit : Admission;

    /// <summary>TOO_MANY_DEVICES.</summary>
    /// <param name="Detail">A sentence for the customer.</param>
    public sealed record Refused(string Detail) : Admission;

    /// <summary>TOO_MANY_DEVICES, and the license is suspended.</summary>
    /// <param name="ActiveDevices">Registered devices active at this moment, 2 or more.</param>
    public sealed record Suspends(int ActiveDevices) : Admission
    {
        /// <summary>The platform's words for it, after "License suspended: " and "Auto-suspended: ".</summary>
        public string Violation => $"Concurrent sessions detected: {ActiveDevices} active devices";
    }
}

/// <summary>Who gets a place on a license. Pure; the caller holds the license's lock while it acts on the answer.</summary>
public static class DeviceAdmission
{
    /// <summary>A device is active for this long after its last check, the end excluded. The platform's number.</summary>
    public static readonly TimeSpan ActiveWithin = TimeSpan.FromMinutes(5);

    /// <summary>A device not seen for this long, the end included, gives way to any other.</summary>
    public static readonly TimeSpan IdleAfter = TimeSpan.FromHours(24);

    /// <summary>Replacements older than this no longer count.</summary>
    public static readonly TimeSpan ChangesCountFor = TimeSpan.FromDays(30);

    /// <summary>Replacements allowed within <see cref="ChangesCountFor"/>.</summary>
    public const int MaxChanges = 5;

    private const string Suspected =
        "This license seems to be shared, so no further device is admitted. Answer the mail that asked about it, or ask the support.";

    /// <param name="registered">Every device with a place on the license.</param>
    public static Admission Decide(
        DeviceClaim newcomer, IReadOnlyCollection<RegisteredDevice> registered, DeviceHistory history, DevicePolicy policy, DateTimeOffset now)
    {
        var key = newcomer.Key(policy.Identity);
        if (registered.FirstOrDefault(device => device.Key == key) is { } known)
            return new Admission.Known(known);
        var active = registered.Where(device => IsActive(device, now)).ToList();
        var refused = history is { SharingSuspected: true, FoundHonest: false } && !IsTheCustomer(newcomer, registered, active);
        if (LowestFreeSlot(registered, policy.MaxDevices) is { } free)
            return refused ? new Admission.Refused(Suspected) : new Admission.FreeSlot(free);
        if (history.FoundHonest)
            return new Admission.BeyondLimit();

        var leaving = GivesWay(newcomer, registered, policy, now);
        if (leaving is not null && history.Changes < MaxChanges)
            return refused ? new Admission.Refused(Suspected) : new Admission.Replacement(leaving, leaving.Slot!.Value);

        var suspends = active.Count > 1
            && policy.LimitAction == DeviceLimitAction.Suspend
            && !history.SuspensionLifted
            && !IsTheCustomer(newcomer, registered, active);
        return suspends ? new Admission.Suspends(active.Count) : new Admission.Refused(Explain(policy, leaving));
    }

    /// <summary>Whether its last check is less than <see cref="ActiveWithin"/> ago.</summary>
    public static bool IsActive(RegisteredDevice device, DateTimeOffset now) => now - device.LastSeenAt < ActiveWithin;

    private static int? LowestFreeSlot(IReadOnlyCollection<RegisteredDevice> registered, int slots)
    {
        // After the limit was lowered a slot below it may be free while as many devices as it allows hold others.
        if (registered.Count(device => device.Slot is not null) >= slots)
            return null;
        for (var slot = 1; slot <= slots; slot++)
            if (registered.All(device => device.Slot != slot))
                return slot;
        return null;
    }

    // Its own predecessor first (reinstalled, moved to another machine, another broker), then whoever is gone the longest.
    // A place beyond the limit belongs to one device and passes to none; nor does a slot above a limit that was lowered.
    private static RegisteredDevice? GivesWay(
        DeviceClaim newcomer, IReadOnlyCollection<RegisteredDevice> registered, DevicePolicy policy, DateTimeOffset now) =>
        registered
            .Where(device => device.Slot <= policy.MaxDevices)
            .Where(device => Shares(newcomer, device) ? !IsActive(device, now) : now - device.LastSeenAt >= IdleAfter)
            .OrderByDescending(device => Shares(newcomer, device))
            .ThenBy(device => device.LastSeenAt)
            .FirstOrDefault();

    // Nobody lends out his own trading account, and who sits on the line of an active device is at home with it. A token
    // that was stolen or resold comes from elsewhere with another account: only that suspends.
    private static bool IsTheCustomer(DeviceClaim newcomer, IEnumerable<RegisteredDevice> registered, IEnumerable<RegisteredDevice> active)
    {
        var network = SourceNetwork.Of(newcomer.Address);
        return registered.Any(device => Shares(newcomer, device)) || active.Any(device => device.RecentNetworks.Contains(network));
    }

    private static bool Shares(DeviceClaim newcomer, RegisteredDevice device) =>
        newcomer.Mt5AccountNumber == device.Mt5AccountNumber || newcomer.EaInstanceId == device.EaInstanceId;

    private static string Explain(DevicePolicy policy, RegisteredDevice? leaving) => leaving is null
        ? $"All {policy.MaxDevices} devices of this license are in use. Remove one of them; or stop it: after 5 minutes it gives way to a device "
            + "with the same MT5 account or EA instance, after 24 hours to any other."
        : $"This license changed devices {MaxChanges} times in 30 days. Remove a device that is no longer used to make room for this one.";
}
