using Licensing.Suspicion;

namespace DetectionCorpus;

/// <summary>Simple rules that the detector is compared with: the first suspension of each license by them.</summary>
public static class Baselines
{
    private const double SpeedKmh = 900;

    /// <summary>
    /// The rules of the integration guide, taken literally. A device is an address, EA and account. A license with more than two devices is
    /// suspended for more than 3 addresses or 2 cities in 24 hours, more than one active device in 5 minutes, or more than 5 device changes
    /// in a day.
    /// </summary>
    public static Dictionary<Guid, DateTimeOffset> GuideRules(Corpus corpus)
    {
        var suspended = new Dictionary<Guid, DateTimeOffset>();
        foreach (var license in corpus.Rows.GroupBy(row => row.Subscription))
        {
            var devices = new HashSet<(string, string?, long?)>();
            var day = new Queue<(UsageSample Sample, (string, string?, long?) Device)>();
            foreach (var row in license)
            {
                var device = (row.Sample.Address?.ToString() ?? "", row.Sample.EaInstanceId, row.Sample.Account);
                day.Enqueue((row.Sample, device));
                while (day.Peek().Sample.LoggedAt <= row.Sample.LoggedAt.AddDays(-1))
                    day.Dequeue();
                devices.Add(device);
                if (devices.Count > 2 && Violates(day, row.Sample.LoggedAt))
                {
                    suspended[license.Key] = row.ArrivedAt;
                    break;
                }
            }
        }

        return suspended;
    }

    private static bool Violates(Queue<(UsageSample Sample, (string, string?, long?) Device)> day, DateTimeOffset now)
    {
        var changes = day.Zip(day.Skip(1)).Count(pair => pair.First.Device != pair.Second.Device);
        return changes > 5
            || day.Select(seen => seen.Sample.Address).Distinct().Count() > 3
            || day.Select(seen => seen.Sample.Location?.City).OfType<string>().Distinct().Count() > 2
            || day.Where(seen => seen.Sample.LoggedAt > now.AddMinutes(-5)).Select(seen => seen.Device).Distinct().Count() > 1;
    }

    /// <summary>
    /// Impossible travel alone: two consecutive records of one license in locations that no aircraft can connect in the time between them.
    /// </summary>
    public static Dictionary<Guid, DateTimeOffset> SpeedOnly(Corpus corpus)
    {
        var suspended = new Dictionary<Guid, DateTimeOffset>();
        foreach (var license in corpus.Rows.GroupBy(row => row.Subscription))
        {
            var last = default(UsageSample?);
            foreach (var row in license)
            {
                if (last is { } before && Location.LeastKm(before.Location, row.Sample.Location, 0) is { } km
                    && km > SpeedKmh * Math.Max(1.0 / 60, Math.Abs((row.Sample.LoggedAt - before.LoggedAt).TotalHours)))
                {
                    suspended[license.Key] = row.ArrivedAt;
                    break;
                }

                last = row.Sample;
            }
        }

        return suspended;
    }

    public static Dictionary<Guid, DateTimeOffset> Detector(Corpus corpus, DetectionPolicy policy)
    {
        var backtest = new Backtest(policy);
        foreach (var row in corpus.Rows)
            backtest.Add(row.Subscription, row.ArrivedAt, row.Sample);
        return backtest.Finish()
            .Where(finding => finding.Finding.Action == FindingAction.Suspend)
            .GroupBy(finding => finding.SubscriptionId)
            .ToDictionary(group => group.Key, group => group.Min(finding => finding.DetectedAt));
    }

    public static Accuracy Score(Corpus corpus, Dictionary<Guid, DateTimeOffset> suspended) =>
        Accuracy.Of(
            corpus.Labels.Select(label => new Truth(label.Subscription, label.Sharing, label.Scenario, label.FirstViolationAt)), suspended);
}
