namespace Licensing.Suspicion;

/// <summary>What the detector would have done, and when.</summary>
public sealed record Verdict(Guid SubscriptionId, DateTimeOffset DetectedAt, Finding Finding);

/// <summary>Plays records to the detector as the timer would, once a minute, in the order of their arrival.</summary>
public sealed class Backtest(DetectionPolicy policy)
{
    private readonly Dictionary<Guid, Licence> _licences = [];
    private readonly List<Verdict> _verdicts = [];
    private long _minute;

    /// <summary>Of the records so far. A licence that was suspended is left alone from then on: its token no longer works.</summary>
    public IReadOnlyList<Verdict> Verdicts => _verdicts;

    /// <summary>Licences with records, and the records of each.</summary>
    public IReadOnlyDictionary<Guid, int> Records => _licences.ToDictionary(pair => pair.Key, pair => pair.Value.Records);

    /// <param name="arrivedAt">When the record came; where that isn't known, the record's own time. It never runs backwards.</param>
    public void Take(Guid subscription, DateTimeOffset arrivedAt, Use use)
    {
        var minute = Math.Max(_minute, arrivedAt.ToUnixTimeSeconds() / 60);
        _minute = minute;
        if (!_licences.TryGetValue(subscription, out var licence))
            _licences[subscription] = licence = new Licence();
        licence.Records++;
        if (licence.Suspended)
            return;
        if (licence.Waiting.Count > 0 && licence.Minute != minute)
            Tick(subscription, licence);
        licence.Minute = minute;
        licence.Waiting.Add(use);
    }

    /// <summary>Judges what still waits for its minute.</summary>
    public IReadOnlyList<Verdict> Finish()
    {
        foreach (var (subscription, licence) in _licences)
            Tick(subscription, licence);
        return _verdicts;
    }

    private void Tick(Guid subscription, Licence licence)
    {
        if (licence.Suspended || licence.Waiting.Count == 0)
            return;
        var observation = Detector.Observe(licence.State, licence.Waiting, policy);
        licence.Waiting.Clear();
        licence.State = observation.State;
        var detectedAt = DateTimeOffset.FromUnixTimeSeconds((licence.Minute + 1) * 60);
        foreach (var finding in observation.Findings)
            _verdicts.Add(new Verdict(subscription, detectedAt, finding));
        licence.Suspended = observation.Findings.Any(finding => finding.Action == FindingAction.Suspend);
    }

    private sealed class Licence
    {
        public LicenseUse State { get; set; } = new();

        public List<Use> Waiting { get; } = [];

        public long Minute { get; set; }

        public int Records { get; set; }

        public bool Suspended { get; set; }
    }
}
