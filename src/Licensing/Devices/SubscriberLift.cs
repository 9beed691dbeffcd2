namespace Licensing.Devices;

/// <summary>
/// Limits how often a subscriber may lift a suspension for too many devices. The subscriber may lift it at all because anybody with the
/// token can cause such a suspension.
/// </summary>
public static class SubscriberLift
{
    /// <summary>The minimum time between two lifts: whole days.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromDays(30);

    /// <summary>Whether the subscriber may lift a suspension for this cause now.</summary>
    /// <param name="lastLift">The subscriber's last lift of this license, or null.</param>
    public static bool IsAllowed(string cause, DateTimeOffset? lastLift, DateTimeOffset now) =>
        cause == SuspensionCause.DeviceLimit && NotBefore(lastLift, now) is null;

    /// <param name="lastLift">The subscriber's last lift of this license, or null.</param>
    /// <returns>The earliest time of the next lift, included; null if it is allowed now.</returns>
    public static DateTimeOffset? NotBefore(DateTimeOffset? lastLift, DateTimeOffset now) =>
        lastLift + Interval is { } next && now < next ? next : null;
}
