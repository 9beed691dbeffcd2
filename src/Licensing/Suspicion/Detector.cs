namespace Licensing.Suspicion;

/// <summary>The state after some records, and what is new about the license.</summary>
/// <param name="Findings">Matters that are new, worse than reported, or due for an update.</param>
public sealed record Observation(LicenseUse State, IReadOnlyList<Finding> Findings);

/// <summary>
/// The detector: one license's state and new records give the next state and findings. The timer, the check online and the backtest all call
/// this. What decides is use: people beyond the limit at once or in turns. Addresses and places explain, they never suspend alone.
/// </summary>
public static class Detector
{
    private const double LeastShare = 0.1;
    private const long Hour = 3600;

    /// <summary>Takes records in, in any order; those older than the policy's memory are left out. <paramref name="before"/> stays as it is.</summary>
    public static Observation Observe(LicenseUse before, IEnumerable<Use> uses, DetectionPolicy policy)
    {
        var state = before.Copy();
        var speed = default(Evidence);
        foreach (var use in uses)
        {
            speed = Movement.Speed(state, use, policy) ?? speed;
            Gather.Take(state, use, policy);
        }

        Gather.Forget(state, policy);
        var found = Judge(state, policy).ToList();
        if (speed is not null)
            found.Add(Finding(ActivityType.GeographicAnomaly, Severity.Low, FindingAction.Alert, $"speed:{Key(speed.Devices[^1])}", speed));
        return new Observation(state, [.. found.Where(finding => Report(state, finding, policy))]);
    }

    /// <summary>
    /// What a person judged: nothing before <paramref name="until"/> counts any more, and these devices are the owner's from now on.
    /// </summary>
    public static LicenseUse Forgive(LicenseUse before, DateTimeOffset until, IEnumerable<(string? EaInstanceId, long? Account)> trusted)
    {
        var state = before.Copy();
        state.ForgivenUntil = Math.Max(state.ForgivenUntil, until.ToUnixTimeSeconds());
        state.Incidents.Clear();
        foreach (var identity in state.Identities)
            identity.Pace = identity.Pace with { Excess = 0, Places = [] };
        foreach (var (ea, account) in trusted)
            foreach (var identity in state.Identities.Where(identity => identity.Is(IdentityUse.Normal(ea), IdentityUse.Normal(account))))
                identity.Trusted = true;
        return state;
    }

    private static IEnumerable<Finding> Judge(LicenseUse state, DetectionPolicy policy)
    {
        if (Movement.Networks(state, policy) is { } networks)
            yield return Finding(ActivityType.MultipleIps, Severity.Low, FindingAction.Alert, "networks", networks);

        for (var i = 0; i < state.Identities.Count; i++)
        {
            if (Movement.Changes(state, i, policy) is { } changes)
                yield return Finding(ActivityType.RapidIpChanges, Severity.Low, FindingAction.Alert, $"changes:{Key(changes.Devices[0])}", changes);
            if (Clones.Measure(state, i, policy) is { } clones && Weigh(Cloned(state, clones, policy), policy) is { } cloned)
                yield return cloned;
        }

        if (state.Identities.Count <= policy.DeviceLimit)
            yield break;
        var people = People.Of(state, policy);
        var atOnce = AtOnce.Measure(state, people, policy);
        var together = Together.Measure(state, people.Person, 0, _ => true, policy);
        if (together is not null && Weigh(Shared(state, together, people, atOnce.People, policy), policy) is { } shared)
            yield return shared;
        // People beyond the limit have devices beyond it, too: one matter, told once.
        if (together is null && Weigh(Extra(state, people, atOnce.Devices, policy), policy) is { } devices)
            yield return devices;
    }

    /// <summary>What the evidence, as a share of what suspends, asks for; null when it is too little to speak of.</summary>
    private static Finding? Weigh(Evidence? evidence, DetectionPolicy policy)
    {
        if (evidence is null || evidence.Measured / evidence.Limit is var share && share < LeastShare)
            return null;
        var (wanted, severity) = share switch
        {
            >= 1 => (FindingAction.Suspend, Severity.Critical),
            _ when share >= policy.RefuseShare => (FindingAction.Refuse, Severity.High),
            _ when share >= policy.NotifyShare => (FindingAction.Notify, Severity.High),
            _ => (FindingAction.Alert, Severity.Medium),
        };
        var (type, incident, atMost) = evidence.Rule switch
        {
            Rule.Turns => (ActivityType.UnusualUsagePattern, "people", policy.TurnsAtMost),
            Rule.PeopleAtOnce => (ActivityType.ConcurrentSessions, "people", policy.ConcurrentAtMost),
            Rule.DevicesAtOnce => (ActivityType.ConcurrentSessions, "devices", policy.ConcurrentAtMost),
            _ => (ActivityType.ConcurrentSessions, $"clone:{Key(evidence.Devices[0])}", policy.ConcurrentAtMost),
        };
        return Finding(type, severity, wanted < atMost ? wanted : atMost, incident, evidence);
    }

    private static Evidence Shared(LicenseUse state, Together together, People people, Crowding atOnce, DetectionPolicy policy)
    {
        var present = Enumerable.Range(0, state.Identities.Count).Where(i => together.Groups.Contains(people.Person[i])).ToList();
        var limit = OneLine(state, present) ? policy.OneLinePeopleMinutes
            : AllFarApart(state, present, people, policy) ? policy.FarPeopleMinutes
            : policy.PeopleMinutes;
        var measured = together.Seconds / 60.0;
        return new Evidence(
            atOnce.Seconds > 0 ? Rule.PeopleAtOnce : Rule.Turns, At(together.From), At(together.To), measured, limit, atOnce.Seconds / 60.0,
            together.Groups.Count, policy.DeviceLimit, [.. present.Select(i => Device(state.Identities[i], atOnce.Share[i] / 60.0))]);
    }

    /// <summary>
    /// More devices than the limit, of two people. Quick when the newest shares nothing with the rest and the rest were a full set before it came:
    /// then nobody is moving house. Slow otherwise: a move to another server has both running for a day.
    /// </summary>
    private static Evidence? Extra(LicenseUse state, People people, Crowding atOnce, DetectionPolicy policy)
    {
        if (people.Person.Distinct().Count() < 2)
            return null;
        var strangers = people.Person.GroupBy(person => person).Where(group => group.Count() == 1).Select(group => group.Key).ToHashSet();
        var stranger = Together.Measure(state, people.Device, (long)(policy.EstablishedHours * Hour), strangers.Contains, policy);
        var present = stranger is null ? [.. atOnce.Present] : Enumerable.Range(0, state.Identities.Count).Where(i => stranger.Groups.Contains(people.Device[i])).ToList();
        var slow = atOnce.Seconds / 60.0;
        if (stranger is null && atOnce.Seconds == 0)
            return null;
        return new Evidence(
            Rule.DevicesAtOnce, At(stranger?.From ?? atOnce.From), At(stranger?.To ?? atOnce.To), stranger?.Seconds / 60.0 ?? slow,
            stranger is null ? policy.DeviceMinutes : policy.StrangerMinutes, slow,
            present.Select(i => people.Person[i]).Distinct().Count(), policy.DeviceLimit,
            [.. present.Select(i => Device(state.Identities[i], atOnce.Share[i] / 60.0))]);
    }

    private static Evidence Cloned(LicenseUse state, Clones clones, DetectionPolicy policy)
    {
        var identity = state.Identities[clones.Identity];
        var (many, atOnce) = (clones.ManySeconds / 60.0, clones.TwinSeconds / 60.0);
        var twin = Math.Min((clones.To - clones.From) / 60.0, atOnce / policy.TwinShare);
        var (measured, limit) = many / policy.CloneMinutes > twin / policy.TwinMinutes ? (many, policy.CloneMinutes) : (twin, policy.TwinMinutes);
        var places = clones.Lines.Select(identity.LineOf).OfType<Line>().Select(line => new EvidenceDevice(
            identity.Ea, identity.Account, line.Network, line.Place?.Country, line.Place?.City, At(line.FirstAt), At(line.LastAt), line.Records,
            identity.Sessions.Where(session => session.Line == line.Id).Sum(session => session.End - session.Start) / 60.0));
        return new Evidence(Rule.ClonedIdentity, At(clones.From), At(clones.To), measured, limit, atOnce, clones.Places, policy.DeviceLimit, [.. places]);
    }

    private static bool OneLine(LicenseUse state, List<int> present) =>
        state.Identities[present[0]].Lines.Exists(line => present.TrueForAll(i =>
            state.Identities[i].Lines.Exists(other => string.Equals(other.Network, line.Network, StringComparison.Ordinal))));

    private static bool AllFarApart(LicenseUse state, List<int> present, People people, DetectionPolicy policy)
    {
        for (var i = 0; i < present.Count; i++)
            for (var j = i + 1; j < present.Count; j++)
                if (people.Person[present[i]] != people.Person[present[j]]
                    && !(Place.LeastKm(Latest(i), Latest(j), policy.PlaceRadiusKm) >= policy.FarKm))
                    return false;
        return true;

        Place? Latest(int i) => state.Identities[present[i]].LatestLine?.Place;
    }

    internal static EvidenceDevice Device(IdentityUse identity, double minutes)
    {
        var line = identity.LatestLine;
        return new EvidenceDevice(identity.Ea, identity.Account, line?.Network, line?.Place?.Country, line?.Place?.City,
            At(identity.FirstAt), At(identity.LastAt), identity.Records, Math.Round(minutes, 1));
    }

    internal static DateTimeOffset At(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds);

    private static string Key(EvidenceDevice device) => $"{device.EaInstanceId}|{device.Account}";

    private static Finding Finding(ActivityType type, Severity severity, FindingAction action, string incident, Evidence evidence) =>
        new(type, severity, action, incident, Sentences.Of(evidence), evidence);

    /// <summary>Notes the finding in the state; false when it says nothing new.</summary>
    private static bool Report(LicenseUse state, Finding finding, DetectionPolicy policy)
    {
        var index = state.Incidents.FindIndex(incident => string.Equals(incident.Key, finding.Incident, StringComparison.Ordinal));
        if (index < 0)
        {
            state.Incidents.Add(new Incident(finding.Incident, finding.Action, finding.Severity, state.Clock, state.Clock));
            return true;
        }

        var known = state.Incidents[index];
        var worse = finding.Action > known.Action || finding.Severity > known.Severity;
        if (!worse && state.Clock < known.ReportedAt + (policy.UpdateHours * Hour))
            return false;
        state.Incidents[index] = known with
        {
            Action = finding.Action > known.Action ? finding.Action : known.Action,
            Severity = finding.Severity > known.Severity ? finding.Severity : known.Severity,
            ReportedAt = state.Clock,
        };
        return true;
    }
}
