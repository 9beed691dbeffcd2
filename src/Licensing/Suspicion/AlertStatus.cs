namespace Licensing.Suspicion;

/// <summary>The statuses of an alert: open, perhaps under investigation, then closed by a review, which another review may undo.</summary>
public static class AlertStatus
{
    public const string Open = "OPEN";
    public const string Investigating = "INVESTIGATING";
    public const string Resolved = "RESOLVED";
    public const string FalsePositive = "FALSE_POSITIVE";

    public static readonly IReadOnlyList<string> All = [Open, Investigating, Resolved, FalsePositive];

    /// <summary>An alert is open until a review closes it. SQL: is_alert_open.</summary>
    public static readonly IReadOnlyList<string> AllOpen = [Open, Investigating];

    /// <summary>The statuses from which an alert may change to <paramref name="status"/>.</summary>
    public static IReadOnlyList<string> Before(string status) => status switch
    {
        Open => [Investigating, Resolved, FalsePositive],
        Investigating => [Open],
        Resolved or FalsePositive => AllOpen,
        _ => [],
    };

    /// <summary>Whether a review that gives this status needs a reason: all do, except INVESTIGATING.</summary>
    public static bool NeedsReason(string status) => status != Investigating;

    /// <summary>The statuses that a review may give to an alert that is <paramref name="status"/>.</summary>
    public static IReadOnlyList<string> After(string status) => [.. All.Where(next => Before(next).Contains(status))];
}
