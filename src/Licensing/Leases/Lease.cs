namespace Licensing.Leases;

/// <summary>A signed permission of a device to trade. It is valid while the backend is unreachable.</summary>
/// <param name="LeaseId">The claim jti.</param>
/// <param name="IssuedAt">A whole second.</param>
/// <param name="ExpiresAt">A whole second, excluded.</param>
public sealed record Lease(Guid LeaseId, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt)
{
    /// <summary>The clocks of two processes may differ by this much.</summary>
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Whether a check returns this lease: at most a quarter of its length has passed, and it ends with the paid time at the latest. A
    /// lease that was issued while the clock was ahead would end too late.
    /// </summary>
    /// <param name="end">The end of paid time and grace; null if the license never expires.</param>
    public bool IsFresh(DateTimeOffset now, DateTimeOffset? end) =>
        IssuedAt <= now + ClockDifference && now <= IssuedAt + ((ExpiresAt - IssuedAt) / 4) && !(ExpiresAt > end);
}

/// <summary>What decides how long a lease is.</summary>
/// <param name="FirstSeenAt">When the device was admitted for the first time.</param>
/// <param name="DaysSeen">Days (UTC) on which it was seen, 1 or more.</param>
/// <param name="IsSuspected">An alert about who uses the license is open.</param>
public sealed record LeaseFacts(DateTimeOffset FirstSeenAt, int DaysSeen, bool IsSuspected);

/// <summary>
/// Decides how long a lease is. An offline device doesn't learn of a revocation, so only known devices get long leases. Pure.
/// </summary>
public static class LeaseRules
{
    /// <summary>The length for a new or suspected device.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromHours(1);

    /// <summary>A device is new for this long after it was first seen.</summary>
    public static readonly TimeSpan NewFor = TimeSpan.FromHours(24);

    /// <summary>A device that was seen on this number of days (UTC) gets the longest lease.</summary>
    public const int DaysForLongest = 7;

    /// <param name="longest">LEASE_MAX_HOURS, at least <see cref="Shortest"/>.</param>
    public static TimeSpan Length(LeaseFacts facts, TimeSpan longest, DateTimeOffset now) =>
        facts.IsSuspected || now - facts.FirstSeenAt < NewFor
            ? Shortest
            : Shortest + ((longest - Shortest) * (Math.Clamp(facts.DaysSeen, 1, DaysForLongest) - 1) / (DaysForLongest - 1));

    /// <summary>A new lease.</summary>
    /// <param name="end">The end of paid time and grace, after which no lease is valid; null if the license never expires.</param>
    /// <returns>Null if less than a second is left.</returns>
    public static Lease? Issue(
        Guid leaseId, LeaseFacts facts, TimeSpan longest, DateTimeOffset? end, DateTimeOffset now)
    {
        var issued = WholeSecond(now);
        var expires = WholeSecond(issued + Length(facts, longest, now));
        if (expires > end)
            expires = WholeSecond(end.Value);
        return expires > now ? new Lease(leaseId, issued, expires) : null;
    }

    private static DateTimeOffset WholeSecond(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());
}
