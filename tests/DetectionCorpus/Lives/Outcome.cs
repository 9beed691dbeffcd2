using Licensing.Suspicion;

namespace DetectionCorpus.Lives;

/// <summary>What a policy does with a life.</summary>
/// <param name="Hours">From the first violation, or from the first record if there is no violation, to the suspension; at least 0.</param>
/// <param name="IsAsked">The customer is asked or new devices are refused, and the license is not suspended.</param>
public sealed record Outcome(LifeLabel Label, Style Style, int Records, bool IsSuspended, bool IsAsked, double? Hours)
{
    /// <summary>Hours from the first violation to the first evidence; null if there is none.</summary>
    public double? HoursToEvidence => (Label.EvidenceAt - Label.FirstViolationAt)?.TotalHours;

    /// <summary>
    /// The records give evidence within 6 hours of the first violation: at the latest then, several people's devices, more than the license
    /// allows, have worked at the same time for longer than a handover, or have returned.
    /// </summary>
    public bool IsSoonEvident => HoursToEvidence <= 6;

    public static Outcome Of(History history, DetectionPolicy policy) => Of(history.Label, history.Style, history.Rows, policy);

    /// <summary>The licenses of the first corpus.</summary>
    public static IEnumerable<Outcome> Of(Corpus corpus, DetectionPolicy policy)
    {
        var labels = corpus.Labels.ToDictionary(label => label.Subscription);
        foreach (var rows in corpus.Rows.GroupBy(row => row.Subscription))
        {
            var label = labels[rows.Key];
            var nature = label.Sharing ? Nature.Shared : Nature.Honest;
            yield return Of(new LifeLabel(rows.Key, nature, label.Scenario, "", label.FirstViolationAt), Style.FullHour, [.. rows], policy);
        }
    }

    private static Outcome Of(LifeLabel label, Style style, IReadOnlyList<Row> rows, DetectionPolicy policy)
    {
        var backtest = new Backtest(policy);
        foreach (var row in rows)
            backtest.Add(row.Subscription, row.ArrivedAt, row.Sample);
        var findings = backtest.Finish();
        var suspended = findings.FirstOrDefault(finding => finding.Finding.Action == FindingAction.Suspend);
        var from = label.FirstViolationAt ?? rows[0].ArrivedAt;
        return new Outcome(
            label, style, rows.Count, suspended is not null,
            suspended is null && findings.Any(finding => finding.Finding.Action >= FindingAction.Notify),
            suspended is null ? null : Math.Max(0, (suspended.DetectedAt - from).TotalHours));
    }

    /// <summary>The median hours to the suspension of those that are suspended; null if none is.</summary>
    public static double? MedianHours(IEnumerable<Outcome> outcomes) => Median(outcomes.Select(outcome => outcome.Hours));

    /// <summary>The median of <see cref="HoursToEvidence"/> of those that have evidence; null if none has.</summary>
    public static double? MedianHoursToEvidence(IEnumerable<Outcome> outcomes) =>
        Median(outcomes.Select(outcome => outcome.HoursToEvidence));

    private static double? Median(IEnumerable<double?> values)
    {
        var hours = values.OfType<double>().Order().ToList();
        return hours.Count == 0 ? null : (hours[(hours.Count - 1) / 2] + hours[hours.Count / 2]) / 2;
    }
}
