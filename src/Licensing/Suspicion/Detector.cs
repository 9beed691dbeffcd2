namespace Licensing.Suspicion;

/// <summary>The state after some records, and what there is to report.</summary>
/// <param name="Findings">Findings that are new, worse than reported, or due for an update.</param>
public sealed record Observation(DetectionState State, IReadOnlyList<Finding> Findings);

/// <summary>
/// The detector: it computes the next state and the findings from one license's state and new records. The timer and the backtest call it.
/// The criterion is use by more people than the limit, at the same time or in turns. Addresses and locations explain a finding; they alone
/// never suspend.
/// </summary>
public static class Detector
{
    /// <summary>
    /// Adds records, in any order, and detects. Records older than the policy's memory are ignored. <paramref name="before"/> is not
    /// changed.
    /// </summary>
    public static Observation Observe(DetectionState before, IEnumerable<UsageSample> samples, DetectionPolicy policy)
    {
        var state = before.Copy();
        var speed = default(Evidence);
        var used = new HashSet<IdentityUse>();
        foreach (var sample in samples)
        {
            speed = Movement.Speed(state, sample, policy) ?? speed;
            if (Accumulator.Accumulate(state, sample, policy) is { } identity)
                used.Add(identity);
        }

        Accumulator.RemoveExpired(state, policy);
        var found = Detect(state.WithoutUnknown(), used, before.Clock, policy).ToList();
        if (speed is not null)
        {
            found.Add(Finding(
                ActivityType.GeographicAnomaly, AlertSeverity.Low, FindingAction.Alert, $"speed:{Key(speed.Devices[^1])}", speed));
        }

        return new Observation(state, [.. found.Where(finding => IsToReport(state, finding, policy))]);
    }

    /// <summary>
    /// Applies a review: nothing before <paramref name="until"/> counts any more, and from now on the given devices belong to the
    /// subscriber.
    /// </summary>
    public static DetectionState ApplyReview(
        DetectionState before, DateTimeOffset until, IEnumerable<(string? EaInstanceId, long? Account)> trusted)
    {
        var state = before.Copy();
        state.HarmlessUntil = Math.Max(state.HarmlessUntil, until.ToUnixTimeSeconds());
        state.Incidents.Clear();
        foreach (var (ea, account) in trusted)
            foreach (var identity in state.Identities.Where(identity => identity.Is(IdentityUse.Normal(ea), IdentityUse.Normal(account))))
                identity.Trusted = true;
        return state;
    }

    /// <param name="used">The identities with new records. What one identity does alone is measured for these only.</param>
    /// <param name="before">The clock before these records. What takes days is measured once an hour.</param>
    private static IEnumerable<Finding> Detect(DetectionState state, HashSet<IdentityUse> used, long before, DetectionPolicy policy)
    {
        if (Movement.Networks(state, policy) is { } networks)
            yield return Finding(ActivityType.MultipleIps, AlertSeverity.Low, FindingAction.Alert, "networks", networks);

        for (var i = 0; i < state.Identities.Count; i++)
        {
            if (!used.Contains(state.Identities[i]))
                continue;
            if (Movement.Changes(state, i, policy) is { } changes)
            {
                yield return Finding(
                    ActivityType.RapidIpChanges, AlertSeverity.Low, FindingAction.Alert, $"changes:{Key(changes.Devices[0])}", changes);
            }

            if (Clones.Measure(state, i, policy) is { } clones && Grade(Cloned(state, clones, policy), policy) is { } cloned)
                yield return cloned;
        }

        var people = Succession.IsPossible(state, policy) ? People.Of(state, policy) : null;
        if (people is not null && Grade(Passed(state, people, policy), policy) is { } passed)
            yield return passed;
        if (state.Identities.Count <= Math.Min(policy.DeviceLimit, policy.AccountLimit == 0 ? int.MaxValue : policy.AccountLimit))
            yield break;
        if (Grade(ManyAccounts(state, policy), policy) is { } accounts)
            yield return accounts;
        if (Grade(OwnHours(state, policy), policy) is { } crowd)
            yield return crowd;
        foreach (var evidence in New(state, policy))
            if (Grade(evidence, policy) is { } newPeople)
                yield return newPeople;
        people ??= People.Of(state, policy);
        var concurrent = ConcurrentUse.Measure(state, people, policy);
        var shared = SharedUse.Measure(state, people.Person, TimeSpan.Zero, _ => true, policy);
        var persons = shared is null ? null : Grade(ManyPeople(state, shared, people, concurrent.People, policy), policy);
        if (persons is not null)
            yield return persons;
        var devices = Grade(ManyDevices(state, people, concurrent.Devices, policy), policy);
        // People at once are devices at once, too: one incident is enough.
        if (devices is not null && !(persons?.Action >= devices.Action))
            yield return devices;
        if (shared is null && Grade(Stranger(state, people, concurrent.Devices, policy), policy) is { } stranger)
            yield return stranger;
        var hour = DetectionPolicy.Hour.Seconds();
        if (state.Clock / hour > before / hour
            && persons?.Action != FindingAction.Suspend && devices?.Action != FindingAction.Suspend
            && Grade(InShifts(state, people, policy), policy) is { } shifts)
            yield return shifts;
    }

    /// <summary>The finding for evidence, graded by its share of the evidence that suspends; null when it is too little.</summary>
    private static Finding? Grade(Evidence? evidence, DetectionPolicy policy)
    {
        if (evidence is null || evidence.Measured / evidence.Limit is var share && share < policy.AlertShare)
            return null;
        var (wanted, severity) = share switch
        {
            >= 1 => (FindingAction.Suspend, AlertSeverity.Critical),
            _ when share >= policy.RefuseShare => (FindingAction.Refuse, AlertSeverity.High),
            _ when share >= policy.NotifyShare => (FindingAction.Notify, AlertSeverity.High),
            _ => (FindingAction.Alert, AlertSeverity.Medium),
        };
        if (evidence.Rule is Rule.Strangers or Rule.Shifts && share < 1)
            (wanted, severity) = (FindingAction.Ask, AlertSeverity.High);
        var (type, incident, atMost) = evidence.Rule switch
        {
            Rule.Accounts => (ActivityType.ConcurrentSessions, "accounts", policy.ConcurrentAtMost),
            Rule.Crowd => (ActivityType.ConcurrentSessions, "crowd", policy.ConcurrentAtMost),
            Rule.Strangers => (ActivityType.UnusualUsagePattern, "strangers", policy.TurnsAtMost),
            Rule.NewAccounts => (ActivityType.UnusualUsagePattern, "new_accounts", policy.TurnsAtMost),
            Rule.TwoCopies =>
                (ActivityType.ConcurrentSessions, CloneKey(evidence.Devices[0]), Least(FindingAction.Ask, policy.ConcurrentAtMost)),
            Rule.Turns => (ActivityType.UnusualUsagePattern, "people", policy.TurnsAtMost),
            Rule.Relief => (ActivityType.UnusualUsagePattern, "people", Least(FindingAction.Ask, policy.TurnsAtMost)),
            Rule.PeopleAtOnce => (ActivityType.ConcurrentSessions, "people", policy.ConcurrentAtMost),
            Rule.DevicesAtOnce => (ActivityType.ConcurrentSessions, "devices", policy.ConcurrentAtMost),
            Rule.Succession => (ActivityType.UnusualUsagePattern, "succession", Least(FindingAction.Ask, policy.TurnsAtMost)),
            Rule.Shifts => (ActivityType.UnusualUsagePattern, "shifts", policy.TurnsAtMost),
            Rule.DeviceTurns => (ActivityType.UnusualUsagePattern, "device_turns", Least(FindingAction.Ask, policy.TurnsAtMost)),
            _ => (ActivityType.ConcurrentSessions, CloneKey(evidence.Devices[0]), policy.ConcurrentAtMost),
        };
        // A question is for all of the evidence that would suspend if it had one explanation only.
        if (atMost == FindingAction.Ask && wanted == FindingAction.Refuse)
            wanted = FindingAction.Notify;
        return Finding(type, severity, Least(wanted, atMost), incident, evidence);
    }

    private static Evidence? ManyAccounts(DetectionState state, DetectionPolicy policy) =>
        AccountUse.Measure(state, policy) is { } use
            ? new Evidence(
                Rule.Accounts, At(use.From), At(use.To), use.Seconds / 60.0, policy.AccountsDuration.TotalMinutes, 0, use.Most,
                policy.DeviceLimit, [.. use.Identities.Select(i => Device(state.Identities[i], 0))])
            {
                AccountLimit = policy.AccountLimit,
            }
            : null;

    private static Evidence? OwnHours(DetectionState state, DetectionPolicy policy) =>
        Crowd.Measure(state, policy) is { } crowd
            ? new Evidence(
                Rule.Crowd, At(crowd.From), At(crowd.To), crowd.OfOwnHours, policy.OwnHoursLimit, 0, crowd.Identities.Count,
                policy.DeviceLimit, [.. crowd.Identities.Select(i => Device(state.Identities[i], 0))])
            : null;

    private static IEnumerable<Evidence> New(DetectionState state, DetectionPolicy policy)
    {
        var newPeople = NewPeople.Of(state, policy);
        if (newPeople.Strangers.Count >= policy.StrangersToAsk)
            yield return Of(Rule.Strangers, newPeople.Strangers, policy.StrangersInWeek);
        if (newPeople.OfNewAccounts.Count > policy.NewAccountsInWeek / 2)
            yield return Of(Rule.NewAccounts, newPeople.OfNewAccounts, policy.NewAccountsInWeek);

        Evidence Of(Rule rule, IReadOnlyList<int> identities, int limit) => new(
            rule, At(identities.Min(i => state.Identities[i].FirstAt)), At(state.Clock), identities.Count, limit, 0, identities.Count,
            policy.DeviceLimit, [.. identities.Select(i => Device(state.Identities[i], 0))]);
    }

    private static FindingAction Least(FindingAction a, FindingAction b) => a < b ? a : b;

    private static Evidence ManyPeople(
        DetectionState state, SharedUse shared, People people, Concurrency concurrent, DetectionPolicy policy)
    {
        var present = Enumerable.Range(0, state.Identities.Count).Where(i => shared.Groups.Contains(people.Person[i])).ToList();
        var limit = OnOneNetwork(state, present) ? policy.OneNetworkPeopleDuration
            : AllFarApart(state, present, people, policy) ? policy.FarPeopleDuration
            : policy.PeopleDuration;
        if (limit < policy.ClockTolerance && !present.TrueForAll(i => state.Identities[i].IsClockKnown))
            limit = policy.ClockTolerance;
        // A handover of minutes, or a clock that is wrong for a while, doesn't count as use at the same time.
        var least = present.TrueForAll(i => state.Identities[i].IsClockKnown) ? policy.HandoverDuration : policy.ClockTolerance;
        var rule = concurrent.Seconds >= least.Seconds() ? Rule.PeopleAtOnce
            : Relief.Of(state, people, shared, policy) ? Rule.Relief
            : ShareEa(state, present, people) ? Rule.DeviceTurns
            : concurrent.Seconds > 0 ? Rule.PeopleAtOnce
            : TakeTurns(state, people, shared, policy) ? Rule.Turns
            : Rule.DeviceTurns;
        // One of them may have handed over to the newest one, and not have returned.
        if (rule == Rule.Turns && limit < policy.ClockTolerance)
            limit = policy.ClockTolerance;
        return new Evidence(
            rule, At(shared.From), At(shared.To),
            shared.Seconds / 60.0, limit.TotalMinutes, concurrent.Seconds / 60.0, shared.Groups.Count, policy.DeviceLimit,
            [.. present.Select(i => Device(state.Identities[i], concurrent.Share[i] / 60.0))]);
    }

    private static Evidence? Passed(DetectionState state, People people, DetectionPolicy policy)
    {
        if (Succession.Measure(state, people, policy) is not { } passed)
            return null;
        var devices = Enumerable.Range(0, state.Identities.Count)
            .Where(i => people.Person[i] == passed.Person || people.Person[i] == passed.Predecessor)
            .Select(i => Device(state.Identities[i], 0));
        return new Evidence(
            Rule.Succession, At(passed.From), At(passed.To), passed.Seconds / 60.0, policy.SuccessionDuration.TotalMinutes, 0, 2,
            policy.DeviceLimit, [.. devices]);
    }

    private static Evidence? ManyDevices(DetectionState state, People people, Concurrency concurrent, DetectionPolicy policy)
    {
        if (concurrent.Seconds == 0)
            return null;
        var present = concurrent.Present.ToList();
        return new Evidence(
            Rule.DevicesAtOnce, At(concurrent.From), At(concurrent.To),
            concurrent.Seconds / 60.0, policy.DevicesAtOnceDuration.TotalMinutes, concurrent.Seconds / 60.0,
            present.Select(i => people.Person[i]).Distinct().Count(), policy.DeviceLimit,
            [.. present.Select(i => Device(state.Identities[i], concurrent.Share[i] / 60.0))]);
    }

    /// <summary>
    /// More devices than the limit take turns, and the newest one shares nothing with the others, which were known before: another
    /// person's, or one of the subscriber's. The customer is asked.
    /// </summary>
    private static Evidence? Stranger(DetectionState state, People people, Concurrency concurrent, DetectionPolicy policy)
    {
        if (people.Person.Distinct().Count() < 2)
            return null;
        var strangers = people.Person.GroupBy(person => person).Where(group => group.Count() == 1).Select(group => group.Key).ToHashSet();
        if (SharedUse.Measure(state, people.Device, policy.EstablishedDuration, strangers.Contains, policy) is not { } stranger)
            return null;
        var present = Enumerable.Range(0, state.Identities.Count).Where(i => stranger.Groups.Contains(people.Device[i])).ToList();
        return new Evidence(
            Rule.DeviceTurns, At(stranger.From), At(stranger.To), stranger.Seconds / 60.0, policy.StrangerDuration.TotalMinutes,
            concurrent.Seconds / 60.0, present.Select(i => people.Person[i]).Distinct().Count(), policy.DeviceLimit,
            [.. present.Select(i => Device(state.Identities[i], concurrent.Share[i] / 60.0))]);
    }

    /// <summary>
    /// In far places, or on many full days, nothing else explains that each device keeps hours of its own. Otherwise, the customer is
    /// asked: a server beside two of them is common, and one of these two may use a company's network with a distant exit.
    /// </summary>
    private static Evidence? InShifts(DetectionState state, People people, DetectionPolicy policy)
    {
        var longer = Shifts.Measure(state, people, policy.ShiftMemory, policy);
        var isLonger = longer is { KeepOwnHours: true, IsBesideServer: false }
            && (longer.AreFarApart || longer.FullDays >= policy.FullShiftDaysInMemory);
        if ((isLonger ? longer : Shifts.Measure(state, people, policy.OverlapMemory, policy)) is not { } shifts
            || (shifts.IsBesideServer && !(shifts.AreFarApart && shifts.KeepOwnHours)))
            return null;
        var (day, fullDays) = (DetectionPolicy.Day.TotalMinutes, isLonger ? policy.FullShiftDaysInMemory : policy.FullShiftDays);
        var (rule, measured, limit) = shifts.IsBesideServer || !shifts.KeepOwnHours ? AsTurns()
            : shifts.AreFarApart ? (Rule.Shifts, shifts.Days, policy.ShiftDays)
            : shifts.FullDays >= fullDays ? (Rule.Shifts, shifts.FullDays, fullDays)
            : AsTurns();
        var present = Enumerable.Range(0, state.Identities.Count).Where(i => shifts.Devices.Contains(people.Device[i])).ToList();
        return new Evidence(
            rule, At(shifts.From), At(shifts.To), measured, limit, 0,
            rule == Rule.Shifts ? shifts.Devices.Count : present.Select(i => people.Person[i]).Distinct().Count(), policy.DeviceLimit,
            [.. present.Select(i => Device(state.Identities[i], 0))]);

        (Rule, double, double) AsTurns() => (Rule.DeviceTurns, shifts.Days * day, policy.ShiftDaysToAsk * day);
    }

    private static Evidence Cloned(DetectionState state, Clones clones, DetectionPolicy policy)
    {
        var identity = state.Identities[clones.Identity];
        var (many, atOnce) = (clones.ManySeconds / 60.0, clones.TwinSeconds / 60.0);
        var from = clones.From;
        if (clones.IsByPace && state.Incidents.Find(known => known.Key == CloneKey(Device(identity, 0))) is { } incident)
            from = Math.Min(from, Math.Max(incident.FirstAt, state.HarmlessUntil));
        var twin = clones.IsByPace ? (clones.To - from) / 60.0 : Math.Min((clones.To - from) / 60.0, atOnce / policy.TwinShare);
        var (manyLimit, twinLimit) = (policy.CloneDuration.TotalMinutes, policy.TwinDuration.TotalMinutes);
        var isMany = many >= manyLimit || many / manyLimit > twin / twinLimit;
        var (measured, limit) = isMany ? (many, manyLimit) : (twin, twinLimit);
        var devices = clones.Networks.Select(identity.NetworkOf).OfType<NetworkUse>().Select(network => new EvidenceDevice(
            identity.Ea, identity.Account, network.Network, network.Location?.Country, network.Location?.City,
            At(network.FirstAt), At(network.LastAt), network.Records,
            identity.Sessions.Where(session => session.NetworkId == network.Id).Sum(session => session.End - session.Start) / 60.0));
        return new Evidence(
            isMany ? Rule.ClonedIdentity : Rule.TwoCopies,
            At(from), At(clones.To), measured, limit, atOnce, clones.Locations, policy.DeviceLimit,
            [.. devices]);
    }

    /// <summary>
    /// Two of them have one EA: two devices. They count as two people only if more devices than allowed work at the same time.
    /// </summary>
    private static bool ShareEa(DetectionState state, List<int> present, People people) =>
        present.Exists(i => present.Exists(j =>
            people.Person[i] != people.Person[j] && People.SameEa(state.Identities[i], state.Identities[j])));

    /// <summary>
    /// Each of the others has worked since the newest one came. Less counts as a short use of a device that was replaced.
    /// </summary>
    private static bool TakeTurns(DetectionState state, People people, SharedUse shared, DetectionPolicy policy) =>
        shared.Groups.All(group => group == shared.Newest || policy.TurnDuration.Seconds() <= Spans.Overlap(
            Spans.Union(state.Identities.Where((_, i) => people.Person[i] == group).SelectMany(identity => identity.Presence), 0),
            [new PresenceSpan(shared.From, long.MaxValue, 0)]));

    private static bool OnOneNetwork(DetectionState state, List<int> present) =>
        state.Identities[present[0]].Networks.Exists(network =>
            present.TrueForAll(i => state.Identities[i].On(network.Network) is not null));

    private static bool AllFarApart(DetectionState state, List<int> present, People people, DetectionPolicy policy)
    {
        for (var i = 0; i < present.Count; i++)
            for (var j = i + 1; j < present.Count; j++)
                if (people.Person[present[i]] != people.Person[present[j]]
                    && !(Location.LeastKm(Latest(i), Latest(j), policy.LocationRadiusKm) >= policy.FarKm))
                    return false;
        return true;

        Location? Latest(int i) => state.Identities[present[i]].LatestNetwork?.Location;
    }

    internal static EvidenceDevice Device(IdentityUse identity, double minutes)
    {
        var network = identity.LatestNetwork;
        return new EvidenceDevice(
            identity.Ea, identity.Account, network?.Network, network?.Location?.Country, network?.Location?.City,
            At(identity.FirstAt), At(identity.LastAt), identity.Records, Math.Round(minutes, 1));
    }

    internal static DateTimeOffset At(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds);

    private static string CloneKey(EvidenceDevice device) => $"clone:{Key(device)}";

    private static string Key(EvidenceDevice device) => $"{device.EaInstanceId}|{device.Account}";

    private static Finding Finding(ActivityType type, AlertSeverity severity, FindingAction action, string incident, Evidence evidence) =>
        new(type, severity, action, incident, Sentences.Of(evidence), evidence);

    /// <summary>Records the finding in the state; false when there is nothing new to report.</summary>
    private static bool IsToReport(DetectionState state, Finding finding, DetectionPolicy policy)
    {
        var index = state.Incidents.FindIndex(incident => string.Equals(incident.Key, finding.Incident, StringComparison.Ordinal));
        if (index < 0)
        {
            state.Incidents.Add(new Incident(finding.Incident, finding.Action, finding.Severity, state.Clock, state.Clock));
            return true;
        }

        var known = state.Incidents[index];
        var worse = finding.Action > known.Action || finding.Severity > known.Severity;
        if (!worse && state.Clock < known.ReportedAt + policy.UpdateInterval.TotalSeconds)
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
