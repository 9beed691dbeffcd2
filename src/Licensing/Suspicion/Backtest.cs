namespace Licensing.Suspicion;

/// <summary>What the detector would have done, and when.</summary>
public sealed record Verdict(Guid SubscriptionId, DateTimeOffset DetectedAt, Finding Finding);

/// <summary>Plays records to the detector as the timer would, once a minute, in the order of their arrival.</summary>
public sealed class Backtest(DetectionPolicy policy)
{
    private readonly Dictionary<Guid, License> _licenses = [];
    private readonly List<Verdict> _verdicts = [];
    private long _minute;

    /// <summary>Of the records so far. A license that was suspended is left alone from then on: its token no longer works.</summary>
    public IReadOnlyList<Verdict> Verdicts => _verdicts;

    /// <summary>Licenses with records, and the records of each.</summary>
    public IReadOnlyDictionary<Guid, int> Records => _licenses.ToDictionary(pair => pair.Key, pair => pair.Value.Records);

    /// <param name="arrivedAt">When the record came; where that isn't known, the record's own time. It never runs backwards.</param>
    public void Take(Guid subscription, DateTimeOffset arrivedAt, Use use)
    {
        var minute = Math.Max(_minute, arrivedAt.ToUnixTimeSeconds() / 60);
        _minute = minute;
        if (!_licenses.TryGetValue(subscription, out var license))
            _licenses[subscription] = license = new License();
        license.Records++;
        if (license.Suspended)
            return;
        if (license.Waiting.Count > 0 && license.Minute != minute)
            Tick(subscription, license);
        license.Minute = minute;
        license.Waiting.Add(use);
    }

    /// <summary>Judges what still waits for its minute.</summary>
    public IReadOnlyList<Verdict> Finish()
    {
        foreach (var (subscription, license) in _licenses)
            Tick(subscription, license);
        return _verdicts;
    }

    private void Tick(Guid subscription, License license)
    {
        if (license.Suspended || license.Waiting.Count == 0)
            return;
        var observation = Detector.Observe(license.State, license.Waiting, policy);
        license.Waiting.Clear();
        license.State = observation.State;
        var detectedAt = DateTimeOffset.FromUnixTimeSeconds((license.Minute + 1) * 60);
        foreach (var finding in observation.Findings)
            _verdicts.Add(new Verdict(subscription, detectedAt, finding));
        license.Suspended = observation.Findings.Any(finding => finding.Action == FindingAction.Suspend);
    }

    private sealed class License
    {
        public LicenseUse State { get; set; } = new();

        public List<Use> Waiting { get; } = [];

        public long Minute { get; set; }

        public int Records { get; set; }

        public bool Suspended { get; set; }
    }
}
