namespace Licensing.Devices;

/// <summary>
/// Limits how often owners lift a suspension for too many devices themselves: anybody who holds the token could cause such a suspension.
/// </summary>
public static class OwnerLift
{
    /// <summary>The least time between two lifts.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromDays(30);

    /// <param name="lastLift">The owner's last lift of this license, or null.</param>
    /// <returns>The earliest time of the next lift, included; null if it is allowed now.</returns>
    public static DateTimeOffset? NotBefore(DateTimeOffset? lastLift, DateTimeOffset now) =>
        lastLift + Pause is { } next && now < next ? next : null;
}
