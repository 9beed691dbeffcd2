namespace Licensing.Devices;

/// <summary>What happens when a further device checks in while all slots of the license are taken.</summary>
public enum DeviceLimitAction
{
    /// <summary>The license is suspended. This is the guide's rule.</summary>
    Suspend,

    /// <summary>Only the new device is refused.</summary>
    Refuse,
}

/// <param name="MaxDevices">Slots of a license, 1 or more.</param>
public sealed record DevicePolicy(int MaxDevices, DeviceIdentity Identity, DeviceLimitAction LimitAction);

/// <summary>A device that is registered on the license.</summary>
/// <param name="Slot">From 1; null for a device that is registered beyond the limit.</param>
/// <param name="LastSeenAt">Its last accepted check.</param>
/// <param name="RecentNetworks">
/// The <see cref="SourceNetwork"/>s that it was seen from within <see cref="DeviceAdmission.ActiveWithin"/>.
/// </param>
public sealed record RegisteredDevice(
    Guid DeviceId,
    string Key,
    string EaInstanceId,
    long Mt5AccountNumber,
    int? Slot,
    DateTimeOffset LastSeenAt,
    IReadOnlyCollection<System.Net.IPAddress> RecentNetworks);

/// <summary>The facts of the license's history that the decision about a new device needs.</summary>
/// <param name="Changes">Replacements, and removals by the subscriber, within <see cref="DeviceAdmission.ChangesCountFor"/>.</param>
/// <param name="SuspensionLifted">A suspension that this device had caused was lifted.</param>
/// <param name="MarkedFalsePositive">An alert about this device was marked FALSE_POSITIVE.</param>
/// <param name="SharingSuspected">
/// The detector requires that unknown devices are refused, and this device is unknown.
/// </param>
/// <param name="RemovedBySubscriber">
/// The subscriber removed this device within <see cref="DeviceAdmission.ChangesCountFor"/>. It may still run and ask. Without a free slot
/// it is refused: it neither replaces a device nor suspends the license.
/// </param>
public sealed record DeviceHistory(
    int Changes, bool SuspensionLifted, bool MarkedFalsePositive, bool SharingSuspected = false, bool RemovedBySubscriber = false);

/// <summary>What is decided about a device that checks in. One of the nested records.</summary>
public abstract record Admission
{
    private Admission() { }

    /// <summary>It is registered already: nothing changes.</summary>
    public sealed record Known(RegisteredDevice Device) : Admission;

    /// <summary>It gets a free slot.</summary>
    public sealed record FreeSlot(int Slot) : Admission;

    /// <summary>It gets the slot of a device that is removed.</summary>
    public sealed record Replacement(RegisteredDevice Replaced, int Slot) : Admission;

    /// <summary>It is registered beyond the limit, without a slot.</summary>
    public sealed record BeyondLimit : Admission;

    /// <summary>TOO_MANY_DEVICES.</summary>
    /// <param name="Detail">A sentence for the customer.</param>
    /// <param name="Finding">What happened, for operators.</param>
    /// <param name="IsSuspected">The detector suspects sharing.</param>
    public sealed record Refused(string Detail, string Finding, bool IsSuspected = false) : Admission;

    /// <summary>TOO_MANY_DEVICES, and the license is suspended.</summary>
    /// <param name="ActiveDevices">Registered devices active at this moment, 2 or more.</param>
    public sealed record Suspends(int ActiveDevices) : Admission
    {
        internal const string ConcurrentSessions = "Concurrent sessions detected: ";

        /// <summary>The platform's text, for <see cref="SuspensionTexts.Automatic"/>.</summary>
        public string Violation => $"{ConcurrentSessions}{ActiveDevices} active devices";
    }
}

/// <summary>
/// Decides whether a device is admitted to a license. Pure; the caller holds the license's lock while it acts on the decision.
/// </summary>
public static class DeviceAdmission
{
    /// <summary>A device is active for this long after its last check, the end excluded. The platform's number.</summary>
    public static readonly TimeSpan ActiveWithin = TimeSpan.FromMinutes(5);

    /// <summary>A device not seen for this long, the end included, may be replaced by any other device.</summary>
    public static readonly TimeSpan IdleAfter = TimeSpan.FromHours(24);

    /// <summary>Changes (replacements, and removals by the subscriber) of this age or older do not count.</summary>
    public static readonly TimeSpan ChangesCountFor = TimeSpan.FromDays(30);

    /// <summary>Changes allowed within <see cref="ChangesCountFor"/>.</summary>
    public const int MaxChanges = 5;

    private const string Suspected =
        "This license was used in an unusual way, so new devices wait. Sign in and say on its Activity page whether it was you, or contact "
        + "support.";

    private static readonly Admission.Refused Suspicious = new(
        Suspected, "A new device was refused, because the license was used in an unusual way.", IsSuspected: true);

    /// <param name="registered">Every device that is registered on the license.</param>
    public static Admission Decide(
        DeviceClaim claim, IReadOnlyCollection<RegisteredDevice> registered, DeviceHistory history, DevicePolicy policy, DateTimeOffset now)
    {
        var key = claim.Key(policy.Identity);
        if (registered.FirstOrDefault(device => device.Key == key) is { } known)
            return new Admission.Known(known);
        var active = registered.Where(device => IsActive(device, now)).ToList();
        var refused = history is { SharingSuspected: true, MarkedFalsePositive: false } && !IsTheCustomer(claim, registered, active);
        if (LowestFreeSlot(registered, policy.MaxDevices) is { } free)
            return refused ? Suspicious : new Admission.FreeSlot(free);
        if (history.MarkedFalsePositive)
            return new Admission.BeyondLimit();

        // It would take the slot back from the device that the subscriber has kept.
        var replaced = history.RemovedBySubscriber ? null : FindReplaceable(claim, registered, policy, now);
        if (replaced is not null && history.Changes < MaxChanges)
            return refused ? Suspicious : new Admission.Replacement(replaced, replaced.Slot!.Value);

        var suspends = active.Count > 1
            && policy.LimitAction == DeviceLimitAction.Suspend
            && !history.SuspensionLifted
            && !history.RemovedBySubscriber
            && !IsTheCustomer(claim, registered, active);
        return suspends ? new Admission.Suspends(active.Count) : Refuse(policy, replaced);
    }

    /// <summary>
    /// Decides about a refused device that the subscriber keeps in place of another one, as about a check after that one's removal. Only
    /// <see cref="Admission.FreeSlot"/> admits it: it never replaces a further device and never suspends the license.
    /// </summary>
    /// <param name="registered">Every device that is registered on the license.</param>
    /// <param name="leaves">The device that is removed.</param>
    public static Admission Keep(
        DeviceClaim claim, IReadOnlyCollection<RegisteredDevice> registered, Guid leaves, DeviceHistory history, DevicePolicy policy,
        DateTimeOffset now) =>
        Decide(
            claim, [.. registered.Where(device => device.DeviceId != leaves)], history,
            policy with { LimitAction = DeviceLimitAction.Refuse }, now);

    /// <summary>
    /// The time at which the subscriber may remove the next device; null if it may do so now. Without this limit, alternating
    /// removals and checks would let any number of devices use the license.
    /// </summary>
    /// <param name="changes">The times of the license's changes, in any order.</param>
    public static DateTimeOffset? NextRemoval(IEnumerable<DateTimeOffset> changes, DateTimeOffset now) =>
        changes.Select(changedAt => changedAt + ChangesCountFor)
            .Where(end => end > now)
            .OrderDescending()
            .Skip(MaxChanges - 1)
            .Select(end => (DateTimeOffset?)end)
            .FirstOrDefault();

    /// <summary>Whether its last check is less than <see cref="ActiveWithin"/> ago.</summary>
    public static bool IsActive(RegisteredDevice device, DateTimeOffset now) => now - device.LastSeenAt < ActiveWithin;

    /// <summary>
    /// The number of slots that new devices may get. After the limit was lowered, a low slot may be free while devices in higher slots
    /// already reach the limit; the number is then 0.
    /// </summary>
    public static int FreeSlots(int used, int slots) => Math.Max(0, slots - used);

    private static int? LowestFreeSlot(IReadOnlyCollection<RegisteredDevice> registered, int slots)
    {
        if (FreeSlots(registered.Count(device => device.Slot is not null), slots) == 0)
            return null;
        for (var slot = 1; slot <= slots; slot++)
            if (registered.All(device => device.Slot != slot))
                return slot;
        return null;
    }

    // The device's own predecessor comes first (reinstalled, moved to another machine, another broker), then the device that was not seen
    // for the longest time. Devices beyond the limit, and devices in slots above a lowered limit, are never replaced.
    private static RegisteredDevice? FindReplaceable(
        DeviceClaim claim, IReadOnlyCollection<RegisteredDevice> registered, DevicePolicy policy, DateTimeOffset now) =>
        registered
            .Where(device => device.Slot <= policy.MaxDevices)
            .Where(device => Shares(claim, device) ? !IsActive(device, now) : now - device.LastSeenAt >= IdleAfter)
            .OrderByDescending(device => Shares(claim, device))
            .ThenBy(device => device.LastSeenAt)
            .FirstOrDefault();

    // Customers don't lend their own trading account, and a device in the network of an active device is at the same home. A token that
    // was stolen or resold is used from another network with another account. Only that case suspends the license.
    private static bool IsTheCustomer(DeviceClaim claim, IEnumerable<RegisteredDevice> registered, IEnumerable<RegisteredDevice> active)
    {
        var network = SourceNetwork.Of(claim.Address);
        return registered.Any(device => Shares(claim, device)) || active.Any(device => device.RecentNetworks.Contains(network));
    }

    private static bool Shares(DeviceClaim claim, RegisteredDevice device) =>
        claim.Mt5AccountNumber == device.Mt5AccountNumber || claim.EaInstanceId == device.EaInstanceId;

    private static Admission.Refused Refuse(DevicePolicy policy, RegisteredDevice? replaced) => replaced is null
        ? new Admission.Refused(
            $"All {policy.MaxDevices} slots of this license are taken. Remove a device, or stop one: after 5 minutes a device with "
            + "the same MT5 account or EA instance can replace it. After 24 hours any device can.",
            $"A new device was refused, because all {policy.MaxDevices} slots were taken.")
        : new Admission.Refused(
            $"This license changed devices {MaxChanges} times in 30 days. Wait until the oldest change is 30 days old, or contact support.",
            $"A new device was refused, because the license changed devices {MaxChanges} times in 30 days.");
}
