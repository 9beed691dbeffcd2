namespace Licensing.Suspicion;

/// <summary>A share with its 95 % confidence interval.</summary>
public readonly record struct Share(int Hits, int Of)
{
    private const double Z = 1.959964;

    public double Value => Of == 0 ? 0 : (double)Hits / Of;

    /// <summary>Wilson's score interval. Unlike the normal approximation it is valid for few cases and for shares near 0 and 1.</summary>
    public (double Low, double High) Interval()
    {
        if (Of == 0)
            return (0, 1);
        var squared = Z * Z;
        var center = (Value + (squared / (2 * Of))) / (1 + (squared / Of));
        var half = Z / (1 + (squared / Of)) * Math.Sqrt((Value * (1 - Value) / Of) + (squared / (4.0 * Of * Of)));
        return (Math.Max(0, center - half), Math.Min(1, center + half));
    }
}

/// <summary>The label of a license in a corpus.</summary>
public sealed record Truth(Guid SubscriptionId, bool Sharing, string Scenario, DateTimeOffset? FirstViolationAt);

/// <summary>The suspended share of one scenario, and the median hours until the suspension.</summary>
public sealed record ScenarioAccuracy(string Scenario, bool Sharing, Share Suspended, double? MedianHours);

/// <summary>
/// The accuracy of suspensions: the first one of each license counts; hours run from the first violation and are not negative.
/// </summary>
public sealed record Accuracy(
    Share Recall, Share FalsePositives, double? MedianHours, double? Percentile90Hours, IReadOnlyList<ScenarioAccuracy> Scenarios)
{
    public static Accuracy Of(IEnumerable<Truth> truths, IReadOnlyDictionary<Guid, DateTimeOffset> suspendedAt)
    {
        var cases = truths.Select(truth => (Truth: truth, Hours: Hours(truth, suspendedAt))).ToList();
        var scenarios = cases
            .GroupBy(x => (x.Truth.Sharing, x.Truth.Scenario))
            .OrderBy(group => group.Key)
            .Select(group => new ScenarioAccuracy(
                group.Key.Scenario, group.Key.Sharing, Suspended(group),
                Quantile(group.Where(x => x.Truth.Sharing).Select(x => x.Hours), 0.5)))
            .ToList();
        var sharing = cases.Where(x => x.Truth.Sharing).ToList();
        return new Accuracy(
            Suspended(sharing), Suspended(cases.Where(x => !x.Truth.Sharing)),
            Quantile(sharing.Select(x => x.Hours), 0.5), Quantile(sharing.Select(x => x.Hours), 0.9), scenarios);
    }

    private static double? Hours(Truth truth, IReadOnlyDictionary<Guid, DateTimeOffset> suspendedAt) =>
        suspendedAt.TryGetValue(truth.SubscriptionId, out var at)
            ? Math.Max(0, (at - (truth.FirstViolationAt ?? at)).TotalHours)
            : null;

    private static Share Suspended(IEnumerable<(Truth Truth, double? Hours)> cases)
    {
        var list = cases.ToList();
        return new Share(list.Count(x => x.Hours is not null), list.Count);
    }

    private static double? Quantile(IEnumerable<double?> hours, double share)
    {
        var sorted = hours.OfType<double>().Order().ToList();
        if (sorted.Count == 0)
            return null;
        var at = share * (sorted.Count - 1);
        var low = (int)at;
        return sorted[low] + ((at - low) * (sorted[Math.Min(low + 1, sorted.Count - 1)] - sorted[low]));
    }
}
