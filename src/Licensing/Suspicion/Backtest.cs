namespace Licensing.Suspicion;

/// <summary>A finding of a backtest, and when the detector would have reported it.</summary>
public sealed record BacktestFinding(Guid SubscriptionId, DateTimeOffset DetectedAt, Finding Finding);

/// <summary>Runs the detector over recorded usage as the timer does: once a minute, in the order of arrival.</summary>
public sealed class Backtest(DetectionPolicy policy)
{
    private readonly Dictionary<Guid, License> _licenses = [];
    private readonly List<BacktestFinding> _findings = [];
    private static readonly TimeSpan _farAhead = TimeSpan.FromDays(1);

    private long _minute;
    private (Guid Subscription, UsageSample Sample)? _ahead;

    /// <summary>
    /// The findings so far at which an incident began or its action rose; updates are not kept, because a license may have thousands.
    /// A license has none after its suspension, because its token no longer works.
    /// </summary>
    public IReadOnlyList<BacktestFinding> Findings => _findings;

    /// <summary>The number of records by license.</summary>
    public IReadOnlyDictionary<Guid, int> Records => _licenses.ToDictionary(pair => pair.Key, pair => pair.Value.Records);

    /// <summary>Adds a record in the order of arrival.</summary>
    /// <param name="arrivedAt">
    /// When the record arrived; null if that is not known. A time before the latest one counts as the latest.
    /// </param>
    public void Add(Guid subscription, DateTimeOffset? arrivedAt, UsageSample sample)
    {
        if (!_licenses.TryGetValue(subscription, out var license))
            _licenses[subscription] = license = new License();
        license.Records++;
        if (arrivedAt is { } known)
        {
            Add(license, subscription, known, sample with { ArrivedAt = known });
            return;
        }

        // One record far ahead of all others has a wrong time. If the next one is as far ahead, there was no usage in between.
        if (_ahead is { } ahead)
        {
            _ahead = null;
            if (sample.LoggedAt >= ahead.Sample.LoggedAt - _farAhead)
                Add(_licenses[ahead.Subscription], ahead.Subscription, ahead.Sample.LoggedAt, ahead.Sample);
        }

        if (_minute > 0 && sample.LoggedAt > DateTimeOffset.FromUnixTimeSeconds(_minute * 60) + _farAhead)
            _ahead = (subscription, sample);
        else
            Add(license, subscription, sample.LoggedAt, sample);
    }

    private void Add(License license, Guid subscription, DateTimeOffset arrivedAt, UsageSample sample)
    {
        var minute = Math.Max(_minute, arrivedAt.ToUnixTimeSeconds() / 60);
        _minute = minute;
        if (license.Suspended)
            return;
        if (license.Waiting.Count > 0 && license.Minute != minute)
            Tick(subscription, license);
        license.Minute = minute;
        license.Waiting.Add(sample);
    }

    /// <summary>Runs the detector over the records that still wait for the end of their minute.</summary>
    public IReadOnlyList<BacktestFinding> Finish()
    {
        foreach (var (subscription, license) in _licenses)
            Tick(subscription, license);
        return _findings;
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
        {
            if (license.Reported.TryGetValue(finding.Incident, out var before) && before >= finding.Action)
                continue;
            license.Reported[finding.Incident] = finding.Action;
            _findings.Add(new BacktestFinding(subscription, detectedAt, finding));
        }

        license.Suspended = observation.Findings.Any(finding => finding.Action == FindingAction.Suspend);
        if (license.Suspended)
            license.State = new DetectionState();
    }

    private sealed class License
    {
        public DetectionState State { get; set; } = new();

        public List<UsageSample> Waiting { get; } = [];

        public Dictionary<string, FindingAction> Reported { get; } = [];

        public long Minute { get; set; }

        public int Records { get; set; }

        public bool Suspended { get; set; }
    }
}
