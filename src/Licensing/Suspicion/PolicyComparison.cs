namespace Licensing.Suspicion;

/// <summary>What the policy that is tried changes for a license, compared with the policy in force.</summary>
public enum PolicyChange
{
    /// <summary>It is suspended, and was not.</summary>
    NewlySuspended,

    /// <summary>It is not suspended, and was.</summary>
    NoLongerSuspended,

    /// <summary>The strongest action is stronger, without a suspension.</summary>
    Stronger,

    /// <summary>The strongest action is weaker, without a suspension.</summary>
    Weaker,

    /// <summary>The strongest action is the same, but earlier.</summary>
    Sooner,

    /// <summary>The strongest action is the same, but later.</summary>
    Later,
}

/// <summary>A license for which the policy changes something.</summary>
/// <param name="Records">Its usage records.</param>
/// <param name="InForce">The findings of the policy in force at which an incident began or its action rose, in the order of time.</param>
/// <param name="Tried">Those of the policy that is tried.</param>
public sealed record ChangedLicense(
    Guid SubscriptionId, PolicyChange Change, int Records, IReadOnlyList<BacktestFinding> InForce, IReadOnlyList<BacktestFinding> Tried);

/// <summary>Compares two backtests over the same usage.</summary>
/// <param name="Licenses">The number of licenses by the strongest action of both policies; null: no finding.</param>
/// <param name="Changes">The number of licenses by change.</param>
/// <param name="Changed">The most important changes: in the order of <see cref="PolicyChange"/>, then the strongest action first.</param>
public sealed record PolicyComparison(
    int Records, IReadOnlyDictionary<(FindingAction? InForce, FindingAction? Tried), int> Licenses,
    IReadOnlyDictionary<PolicyChange, int> Changes, IReadOnlyList<ChangedLicense> Changed)
{
    /// <param name="most">The most licenses in <see cref="Changed"/>; the counts are of all.</param>
    public static PolicyComparison Of(Backtest inForce, Backtest tried, int most)
    {
        var (before, after) = (inForce.Findings.ToLookup(one => one.SubscriptionId), tried.Findings.ToLookup(one => one.SubscriptionId));
        var records = tried.Records;
        var licenses = new Dictionary<(FindingAction?, FindingAction?), int>();
        var changes = Enum.GetValues<PolicyChange>().ToDictionary(change => change, _ => 0);
        var changed = new List<(Guid Id, PolicyChange Change, FindingAction Strongest)>();
        foreach (var id in records.Keys)
        {
            var (old, now) = (Strongest(before[id]), Strongest(after[id]));
            licenses[(old?.Action, now?.Action)] = licenses.GetValueOrDefault((old?.Action, now?.Action)) + 1;
            if (Change(old, now) is not { } change)
                continue;
            changes[change]++;
            changed.Add((id, change, (FindingAction)Math.Max((int)(old?.Action ?? 0), (int)(now?.Action ?? 0))));
        }

        return new PolicyComparison(records.Values.Sum(), licenses, changes, [.. changed
            .OrderBy(one => one.Change).ThenByDescending(one => one.Strongest).ThenBy(one => one.Id)
            .Take(most)
            .Select(one => new ChangedLicense(one.Id, one.Change, records[one.Id], Steps(before[one.Id]), Steps(after[one.Id])))]);
    }

    /// <summary>The findings at which an incident began or its action rose.</summary>
    public static IReadOnlyList<BacktestFinding> Steps(IEnumerable<BacktestFinding> findings)
    {
        var reported = new Dictionary<string, FindingAction>(StringComparer.Ordinal);
        var steps = new List<BacktestFinding>();
        foreach (var finding in findings.OrderBy(finding => finding.DetectedAt))
        {
            if (reported.TryGetValue(finding.Finding.Incident, out var before) && before >= finding.Finding.Action)
                continue;
            reported[finding.Finding.Incident] = finding.Finding.Action;
            steps.Add(finding);
        }

        return steps;
    }

    private static PolicyChange? Change((FindingAction Action, DateTimeOffset At)? old, (FindingAction Action, DateTimeOffset At)? now) =>
        (old, now) switch
        {
            (null, null) => null,
            ({ Action: FindingAction.Suspend }, not { Action: FindingAction.Suspend }) => PolicyChange.NoLongerSuspended,
            (not { Action: FindingAction.Suspend }, { Action: FindingAction.Suspend }) => PolicyChange.NewlySuspended,
            (null, _) => PolicyChange.Stronger,
            (_, null) => PolicyChange.Weaker,
            _ when now.Value.Action > old.Value.Action => PolicyChange.Stronger,
            _ when now.Value.Action < old.Value.Action => PolicyChange.Weaker,
            _ when now.Value.At < old.Value.At => PolicyChange.Sooner,
            _ when now.Value.At > old.Value.At => PolicyChange.Later,
            _ => null,
        };

    /// <summary>The strongest action, and when it was first found.</summary>
    private static (FindingAction Action, DateTimeOffset At)? Strongest(IEnumerable<BacktestFinding> findings) => findings
        .GroupBy(finding => finding.Finding.Action)
        .OrderByDescending(group => group.Key)
        .Select(group => ((FindingAction, DateTimeOffset)?)(group.Key, group.Min(finding => finding.DetectedAt)))
        .FirstOrDefault();
}
