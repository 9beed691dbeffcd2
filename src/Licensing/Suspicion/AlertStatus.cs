namespace Licensing.Suspicion;

/// <summary>The life of an alert: open, perhaps looked into, then judged; a judgement stays.</summary>
public static class AlertStatus
{
    public const string Open = "OPEN";
    public const string Investigating = "INVESTIGATING";
    public const string Resolved = "RESOLVED";
    public const string FalsePositive = "FALSE_POSITIVE";

    public static readonly IReadOnlyList<string> All = [Open, Investigating, Resolved, FalsePositive];

    /// <summary>The statuses from which an alert may get to one.</summary>
    public static IReadOnlyList<string> Before(string status) => status switch
    {
        Investigating => [Open],
        Resolved or FalsePositive => [Open, Investigating],
        _ => [],
    };
}
