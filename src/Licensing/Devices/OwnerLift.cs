namespace Licensing.Devices;

/// <summary>The owner's own lift of a suspension for too many devices: whoever holds a token could bring one about.</summary>
public static class OwnerLift
{
    /// <summary>How long after one lift the next may come.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromDays(30);

    /// <param name="lastLift">The owner's last lift of this license, or null.</param>
    /// <returns>From when on he may, included; null for at once.</returns>
    public static DateTimeOffset? NotBefore(DateTimeOffset? lastLift, DateTimeOffset now) =>
        lastLift + Pause is { } next && now < next ? next : null;
}
