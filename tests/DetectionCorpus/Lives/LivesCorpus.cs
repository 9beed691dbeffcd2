namespace DetectionCorpus.Lives;

/// <summary>How many lives of each nature.</summary>
public sealed record LifeCounts(int Honest = 300, int Shared = 200, int Ambiguous = 40);

/// <summary>
/// A second corpus, based on how traders work and not on the detector. A life is 14 days of one license.
/// </summary>
public static class LivesCorpus
{
    /// <summary>The first of the seeds on which a detector may be tuned.</summary>
    public const int TuningSeed = 41_000;

    /// <summary>The first of the seeds on which the accuracy is reported.</summary>
    public const int ReportSeed = 830_000;

    /// <summary>Maximum number of devices of a license.</summary>
    private const int DeviceLimit = 2;

    /// <summary>The kinds of lives. Those of <see cref="HeldOutLives"/> are only in the held-out world.</summary>
    public static IReadOnlyList<Kind> Kinds(LifeParameters parameters) =>
        parameters == LifeParameters.Open
            ? [.. HonestLives.All, .. SharedLives.All, .. Adversaries.All, .. AmbiguousLives.All]
            : [.. HonestLives.All, .. SharedLives.All, .. Adversaries.All, .. AmbiguousLives.All, .. HeldOutLives.All];

    /// <summary>The kinds of sharers who know the rules.</summary>
    public static IReadOnlyList<Kind> AdversaryKinds => Adversaries.All;

    /// <summary>The same seed gives the same lives. A life does not depend on the number of others.</summary>
    /// <param name="accountsPerLicense">
    /// The term on accounts that are in use at once or in turns; null if only devices are limited.
    /// </param>
    public static IEnumerable<History> Generate(int seed, LifeParameters parameters, LifeCounts counts, int? accountsPerLicense = null) =>
        Numbered(Kinds(parameters), counts).Select(life => One(seed, life.Number, life.Kind, parameters, accountsPerLicense));

    /// <summary>So many lives of each nature, of all its kinds in turn.</summary>
    internal static IEnumerable<(Kind Kind, int Number)> Numbered(IReadOnlyList<Kind> all, LifeCounts counts)
    {
        foreach (var nature in Enum.GetValues<Nature>())
        {
            var kinds = all.Where(kind => ListedAs(kind) == nature).ToArray();
            var count = nature switch { Nature.Honest => counts.Honest, Nature.Shared => counts.Shared, _ => counts.Ambiguous };
            for (var i = 0; i < count && kinds.Length > 0; i++)
                yield return (kinds[i % kinds.Length], i / kinds.Length);
        }
    }

    public static History One(int seed, int number, Kind kind, LifeParameters parameters, int? accountsPerLicense = null)
    {
        var random = new Random(Hash(seed, number, kind.Name));
        var id = new byte[16];
        random.NextBytes(id);
        var subscription = new Guid(id);
        var life = new Life(random, parameters);
        kind.Write(life);
        var uses = Agenda.Possible(life.Uses, kind.Nature == Nature.Shared || kind.ByTerm ? null : DeviceLimit);
        var style = random.Next(20) switch { < 8 => Style.FullHour, < 15 => Style.Event, _ => Style.FiveMinutes };
        var recorder = new Recorder(random, parameters, style, subscription, life.Located);
        var records = uses.SelectMany(recorder.Record).OrderBy(record => record.Row.ArrivedAt).ToList();
        var label = Label(subscription, kind, records, parameters, accountsPerLicense);
        if (label.FirstViolationAt is { } violation)
            label = label with { EvidenceAt = EvidenceAt(kind, uses, records, parameters, violation, accountsPerLicense) };
        return new History(label, style, [.. records.Select(record => record.Row)], uses);
    }

    private static DateTimeOffset? EvidenceAt(
        Kind kind, List<Use> uses, List<RecordedUse> records, LifeParameters parameters, DateTimeOffset violation, int? accountsPerLicense)
    {
        var hour = kind.ByTerm
            ? FirstEvidence.OfAccounts(uses, accountsPerLicense ?? int.MaxValue)
            : FirstEvidence.OfDevices(uses, DeviceLimit);
        if (hour is null)
            return null;
        var at = parameters.Start.AddHours(hour.Value);
        return records.Find(record => record.Row.ArrivedAt >= at && record.Row.ArrivedAt >= violation)?.Row.ArrivedAt;
    }

    /// <summary>Lives that only a term makes shared count as sharers, so that their number doesn't depend on the term.</summary>
    private static Nature ListedAs(Kind kind) => kind.ByTerm && kind.Nature == Nature.Ambiguous ? Nature.Shared : kind.Nature;

    private static LifeLabel Label(
        Guid subscription, Kind kind, IEnumerable<RecordedUse> records, LifeParameters parameters, int? accountsPerLicense)
    {
        var limit = accountsPerLicense ?? int.MaxValue;
        var devices = new Dictionary<Terminal, double>();
        foreach (var record in records.OrderBy(record => record.From))
        {
            var isKnown = devices.ContainsKey(record.Use.Terminal);
            devices[record.Use.Terminal] = record.From;
            if (!isKnown && IsViolation(record.From - 168))
                return new(subscription, Nature.Shared, kind.Name, kind.Reason, parameters.Start.AddHours(record.From));
        }

        return new(subscription, kind.Nature, kind.Name, kind.Reason, null);

        bool IsViolation(double since)
        {
            var recent = devices.Where(seen => seen.Value >= since).Select(seen => seen.Key).ToList();
            return kind.ByTerm
                ? recent.Select(terminal => terminal.Account).OfType<long>().Distinct().Count() > limit
                : kind.Nature == Nature.Shared
                    && recent.Select(terminal => terminal.Person).Distinct().Count() > 1
                    && recent.Select(terminal => terminal.Device).Distinct().Count() > DeviceLimit;
        }
    }

    /// <summary>The same in every process; string.GetHashCode is not.</summary>
    internal static int Hash(int seed, int number, string kind)
    {
        var hash = 2_166_136_261;
        foreach (var value in kind)
            hash = unchecked((hash ^ value) * 16_777_619);
        return unchecked((int)((((hash * 31) + (uint)seed) * 1_009) + (uint)number) * 16_777_619);
    }
}
