using System.Diagnostics.Metrics;
using Licensing;
using Licensing.Devices;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <param name="Name">Name of a metric.</param>
/// <param name="Label">Value of its label; for a histogram, the bound of a bucket or <c>sum</c>.</param>
public readonly record struct Counted(string Name, string Label, double Amount);

/// <summary>
/// Counts of this process that are not in the database yet. A license check needs three atomic additions; the sums are written to the
/// database every few seconds.
/// </summary>
public sealed class ProcessCounts
{
    public const string Checks = "license_validations_total";
    public const string CheckSeconds = "license_validation_duration_seconds";
    public const string Records = "usage_records_total";
    public const string IngestLag = "usage_ingest_lag_seconds";
    public const string LocationFailures = "geolocation_failures_total";
    public const string LocationFile = "file";
    public const string LocationService = "service";
    public const string RequestFailures = "request_failures_total";
    public const string MailRelayFailures = "mail_relay_failures_total";
    public const string WrongClock = "wrong_clock_readings_total";
    public const string ReplicaReads = "database_replica_reads_total";
    public const string ReplicaWarnings = "database_replica_unusable_readings_total";
    public const string RelayUnavailable = "unavailable";
    public const string RelayRefusing = "refusing";

    /// <summary>Code of a check without an answer: the database failed or the caller disconnected.</summary>
    public const string NoAnswer = "NO_ANSWER";

    public static readonly IReadOnlyList<string> Codes =
        [.. Enum.GetValues<LicenseCode>().Select(EnumWords.UpperOf), NoAnswer];

    public static readonly IReadOnlyList<double> CheckBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
    public static readonly IReadOnlyList<double> LagBounds = [1, 5, 15, 60, 300, 900, 3600, 21600, 86400];
    public static readonly IReadOnlyList<string> Outcomes = ["accepted", "duplicate", "quarantined"];
    public static readonly IReadOnlyList<string> LocationSources = [LocationFile, LocationService];
    public static readonly IReadOnlyList<string> FailureCodes = ["INTERNAL_ERROR", "DATABASE_UNAVAILABLE", "ISSUER_UNAVAILABLE"];
    public static readonly IReadOnlyList<string> RelayFailures = [RelayUnavailable, RelayRefusing];

    public static readonly IReadOnlyList<string> ReadServers = ["replica", "primary"];

    /// <summary>Why a replica is not used: the states of ReplicaState that have a warning.</summary>
    public static readonly IReadOnlyList<string> ReplicaReasons = ["behind", "unreachable", "not_a_replica"];

    // The same counts for OpenTelemetry, if it is enabled.
    private static readonly Histogram<double> CheckDuration = Telemetry.Meter.CreateHistogram<double>(
        "license_functions.validation.duration", "s", "Duration of a license check's decision, by code.");

    private static readonly Counter<long> RecordCount = Telemetry.Meter.CreateCounter<long>(
        "license_functions.usage.records", "{record}", "Usage records received, by outcome.");

    private readonly long[] codes = new long[Codes.Count];
    private readonly long[] wrongClock = new long[1];
    private readonly long[] replicaReads = new long[ReadServers.Count];
    private readonly long[] replicaWarnings = new long[ReplicaReasons.Count];
    private readonly long[] outcomes = new long[Outcomes.Count];
    private readonly long[] locationFailures = new long[LocationSources.Count];
    private readonly long[] requestFailures = new long[FailureCodes.Count];
    private readonly long[] relayFailures = new long[RelayFailures.Count];
    private readonly Distribution checkSeconds = new(CheckBounds);
    private readonly Distribution ingestLag = new(LagBounds);

    /// <param name="code">Null if there was no answer.</param>
    public void AddCheck(LicenseCode? code, TimeSpan took)
    {
        var index = code is { } known ? (int)known : codes.Length - 1;
        Interlocked.Increment(ref codes[index]);
        checkSeconds.Add(took);
        if (CheckDuration.Enabled)
            CheckDuration.Record(took.TotalSeconds, new KeyValuePair<string, object?>("code", Codes[index]));
    }

    public void AddRecords(int accepted, int duplicates, int quarantined)
    {
        Span<int> added = [accepted, duplicates, quarantined];
        for (var i = 0; i < added.Length; i++)
        {
            Interlocked.Add(ref outcomes[i], added[i]);
            RecordCount.Add(added[i], new KeyValuePair<string, object?>("outcome", Outcomes[i]));
        }
    }

    /// <param name="source">A value of <see cref="LocationSources"/>.</param>
    public void AddLocationFailure(string source) => Interlocked.Increment(ref locationFailures[source == LocationFile ? 0 : 1]);

    /// <param name="code">A value of <see cref="FailureCodes"/>.</param>
    public void AddRequestFailure(string code)
    {
        for (var i = 0; i < requestFailures.Length; i++)
        {
            if (FailureCodes[i] == code)
                Interlocked.Increment(ref requestFailures[i]);
        }
    }

    /// <param name="reason">A value of <see cref="RelayFailures"/>.</param>
    public void AddMailRelayFailure(string reason) => Interlocked.Increment(ref relayFailures[reason == RelayUnavailable ? 0 : 1]);

    /// <summary>Counts a reading of the database's clock that differed too much from the machine's.</summary>
    public void AddWrongClock() => Interlocked.Increment(ref wrongClock[0]);

    /// <summary>Counts reads that asked for the replica, by the server that answered them.</summary>
    public void AddReplicaReads(long onReplica, long onPrimary)
    {
        Interlocked.Add(ref replicaReads[0], onReplica);
        Interlocked.Add(ref replicaReads[1], onPrimary);
    }

    /// <summary>Counts a reading at which the replica could not be used.</summary>
    /// <param name="reason">A value of <see cref="ReplicaReasons"/>.</param>
    public void AddReplicaWarning(string reason)
    {
        for (var i = 0; i < replicaWarnings.Length; i++)
        {
            if (ReplicaReasons[i] == reason)
                Interlocked.Increment(ref replicaWarnings[i]);
        }
    }

    /// <param name="lag">Age of the newest record of a batch: about the time that it waited in the queue.</param>
    public void AddBatch(TimeSpan lag) => ingestLag.Add(lag);

    /// <summary>Returns the counts since the last call, without zeros, and resets them.</summary>
    public IReadOnlyList<Counted> Take() =>
    [
        .. Take(Checks, codes, Codes),
        .. Take(Records, outcomes, Outcomes),
        .. Take(LocationFailures, locationFailures, LocationSources),
        .. Take(RequestFailures, requestFailures, FailureCodes),
        .. Take(MailRelayFailures, relayFailures, RelayFailures),
        .. Take(WrongClock, wrongClock, [""]),
        .. Take(ReplicaReads, replicaReads, ReadServers),
        .. Take(ReplicaWarnings, replicaWarnings, ReplicaReasons),
        .. checkSeconds.Take(CheckSeconds),
        .. ingestLag.Take(IngestLag),
    ];

    private static IEnumerable<Counted> Take(string name, long[] counts, IReadOnlyList<string> labels)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            if (Interlocked.Exchange(ref counts[i], 0) is > 0 and var count)
                yield return new Counted(name, labels[i], count);
        }
    }

    private sealed class Distribution(IReadOnlyList<double> bounds)
    {
        private readonly TimeSpan[] limits = [.. bounds.Select(TimeSpan.FromSeconds)];
        private readonly string[] labels = [.. Bounds(bounds), "+Inf"];
        private readonly long[] counts = new long[bounds.Count + 1];
        private long ticks;

        public void Add(TimeSpan value)
        {
            var bucket = 0;
            while (bucket < limits.Length && value > limits[bucket])
                bucket++;
            Interlocked.Increment(ref counts[bucket]);
            Interlocked.Add(ref ticks, Math.Max(0, value.Ticks));
        }

        public IEnumerable<Counted> Take(string name)
        {
            foreach (var counted in ProcessCounts.Take(name, counts, labels))
                yield return counted;
            if (Interlocked.Exchange(ref ticks, 0) is > 0 and var sum)
                yield return new Counted(name, "sum", TimeSpan.FromTicks(sum).TotalSeconds);
        }
    }

    public static IReadOnlyList<string> Bounds(IEnumerable<double> bounds) =>
        [.. bounds.Select(bound => bound.ToString("R", System.Globalization.CultureInfo.InvariantCulture))];
}
