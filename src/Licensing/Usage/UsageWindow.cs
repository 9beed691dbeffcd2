namespace Licensing.Usage;

/// <summary>The times that a record may carry, both ends inclusive.</summary>
/// <remarks>
/// A record's identity lives as long as its raw row, 90 days: an older one could be counted again, and would open a
/// partition that retention has just dropped. A day is left between the two. Five minutes ahead forgive a device's clock.
/// </remarks>
public readonly record struct UsageWindow(DateTime From, DateTime To)
{
    public static readonly TimeSpan Past = TimeSpan.FromDays(89);
    public static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);

    /// <param name="now">Any offset; the window is in UTC.</param>
    public static UsageWindow At(DateTimeOffset now) => new(now.UtcDateTime - Past, now.UtcDateTime + Ahead);

    public UsageFault? Judge(DateTime loggedAt) =>
        loggedAt < From ? new(UsageFault.TooOld, "logged_at is more than 89 days ago", "logged_at")
        : loggedAt > To ? new(UsageFault.InFuture, "logged_at is more than 5 minutes ahead", "logged_at")
        : null;
}
