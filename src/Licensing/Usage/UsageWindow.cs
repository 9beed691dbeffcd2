namespace Licensing.Usage;

/// <summary>The times that a record may have; both ends are inclusive.</summary>
/// <remarks>
/// Duplicates are recognized by the stored rows, which are deleted after 90 days. An older record could be counted twice, and would create
/// a partition that the retention has just dropped. The window is one day shorter than that. It ends five minutes in the future, because
/// the clock of a device may be fast.
/// </remarks>
public readonly record struct UsageWindow(DateTime From, DateTime To)
{
    public static readonly TimeSpan Past = TimeSpan.FromDays(89);
    public static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);

    /// <param name="now">Any offset; the window is in UTC.</param>
    public static UsageWindow At(DateTimeOffset now) => new(now.UtcDateTime - Past, now.UtcDateTime + Ahead);

    /// <returns>Null if the time is inside the window.</returns>
    public UsageFault? Check(DateTime loggedAt) =>
        loggedAt < From ? new(UsageFault.TooOld, "logged_at is more than 89 days ago", "logged_at")
        : loggedAt > To ? new(UsageFault.InFuture, "logged_at is more than 5 minutes ahead", "logged_at")
        : null;
}
