using Licensing.Suspicion;

namespace DetectionCorpus;

/// <summary>What the detector is compared with: first suspensions of each license by simple rules, taken literally.</summary>
public static class Baselines
{
    private const double SpeedKmh = 900;

    /// <summary>
    /// The guide's: a device is address, EA and account; from the third one on, more than 3 addresses in 24 h, more than 2 places, more than one
    /// device active in 5 minutes or more than 5 changes of device in a day suspend.
    /// </summary>
    public static Dictionary<Guid, DateTimeOffset> GuideRules(Corpus corpus)
    {
        var suspended = new Dictionary<Guid, DateTimeOffset>();
        foreach (var license in corpus.Rows.GroupBy(row => row.Subscription))
        {
            var devices = new HashSet<(string, string?, long?)>();
            var day = new Queue<(Use Use, (string, string?, long?) Device)>();
            foreach (var row in license)
            {
                var device = (row.Use.Address?.ToString() ?? "", row.Use.EaInstanceId, row.Use.Account);
                day.Enqueue((row.Use, device));
                while (day.Peek().Use.LoggedAt <= row.Use.LoggedAt.AddDays(-1))
                    day.Dequeue();
                devices.Add(device);
                if (devices.Count > 2 && Violates(day, row.Use.LoggedAt))
                {
                    suspended[license.Key] = row.ArrivedAt;
                    break;
                }
            }
        }

        return suspended;
    }

    private static bool Violates(Queue<(Use Use, (string, string?, long?) Device)> day, DateTimeOffset now)
    {
        var changes = day.Zip(day.Skip(1)).Count(pair => pair.First.Device != pair.Second.Device);
        return changes > 5
            || day.Select(seen => seen.Use.Address).Distinct().Count() > 3
            || day.Select(seen => seen.Use.Place?.City).OfType<string>().Distinct().Count() > 2
            || day.Where(seen => seen.Use.LoggedAt > now.AddMinutes(-5)).Select(seen => seen.Device).Distinct().Count() > 1;
    }

    /// <summary>Impossible travel alone: two records of one license in a row whose places are further apart than an aircraft flies.</summary>
    public static Dictionary<Guid, DateTimeOffset> SpeedOnly(Corpus corpus)
    {
        var suspended = new Dictionary<Guid, DateTimeOffset>();
        foreach (var license in corpus.Rows.GroupBy(row => row.Subscription))
        {
            var last = default(Use?);
            foreach (var row in license)
            {
                if (last is { } before && Place.LeastKm(before.Place, row.Use.Place, 0) is { } km
                    && km > SpeedKmh * Math.Max(1.0 / 60, Math.Abs((row.Use.LoggedAt - before.LoggedAt).TotalHours)))
                {
                    suspended[license.Key] = row.ArrivedAt;
                    break;
                }

                last = row.Use;
            }
        }

        return suspended;
    }

    public static Dictionary<Guid, DateTimeOffset> Detector(Corpus corpus, DetectionPolicy policy)
    {
        var backtest = new Backtest(policy);
        foreach (var row in corpus.Rows)
            backtest.Take(row.Subscription, row.ArrivedAt, row.Use);
        return backtest.Finish()
            .Where(verdict => verdict.Finding.Action == FindingAction.Suspend)
            .GroupBy(verdict => verdict.SubscriptionId)
            .ToDictionary(group => group.Key, group => group.Min(verdict => verdict.DetectedAt));
    }

    public static Accuracy Judge(Corpus corpus, Dictionary<Guid, DateTimeOffset> suspended) =>
        Accuracy.Of(corpus.Labels.Select(label => new Truth(label.Subscription, label.Sharing, label.Scenario, label.FirstViolationAt)), suspended);
}
