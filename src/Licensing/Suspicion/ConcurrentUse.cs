using System.Numerics;

namespace Licensing.Suspicion;

/// <summary>The time during which more groups than the limit were present, in seconds.</summary>
/// <param name="identities">The number of identities.</param>
internal sealed class Concurrency(int identities)
{
    public long Seconds { get; private set; }

    public long From { get; private set; } = long.MaxValue;

    public long To { get; private set; }

    /// <summary>Seconds of each identity, by its index.</summary>
    public long[] Share { get; } = new long[identities];

    /// <summary>The indexes of the identities that were present.</summary>
    public IEnumerable<int> Present => Share.Select((seconds, index) => (seconds, index)).Where(x => x.seconds > 0).Select(x => x.index);

    public void Add(long from, long to, List<int> present)
    {
        Seconds += to - from;
        From = Math.Min(From, from);
        To = Math.Max(To, to);
        foreach (var index in present)
            Share[index] += to - from;
    }
}

/// <summary>The time in which more people than the limit, or more devices of several people, were in use at the same time.</summary>
internal sealed record ConcurrentUse(Concurrency People, Concurrency Devices)
{
    /// <summary>
    /// Bits of the word in which <see cref="Distinct"/> counts groups. This is the upper limit of
    /// <see cref="DetectionPolicy.MaxIdentities"/>.
    /// </summary>
    internal const int MaxGroups = 64;

    private const int EdgeBits = 7;

    /// <exception cref="ArgumentException">
    /// The state has more than <see cref="MaxGroups"/> identities, which no valid policy allows.
    /// </exception>
    public static ConcurrentUse Measure(DetectionState state, People people, DetectionPolicy policy)
    {
        var identities = state.Identities;
        if (identities.Count > MaxGroups)
            throw new ArgumentException($"At most {MaxGroups} identities can be counted; there are {identities.Count}.", nameof(state));
        var (byPeople, byDevices) = (new Concurrency(identities.Count), new Concurrency(identities.Count));
        var everyone = Enumerable.Range(0, identities.Count).ToList();
        if (Math.Max(Distinct(people.Person, everyone), Distinct(people.Device, everyone)) <= policy.DeviceLimit)
            return new ConcurrentUse(byPeople, byDevices);
        var from = Math.Max(state.HarmlessUntil, state.Clock - policy.OverlapMemory.Seconds());
        // An edge is one number, so that they sort quickly: the time, whether the span begins, and the identity.
        var edges = new List<long>();
        for (var i = 0; i < identities.Count; i++)
        {
            foreach (var span in identities[i].Presence)
            {
                if (span.End <= Math.Max(from, span.Start))
                    continue;
                edges.Add((Math.Max(from, span.Start) << EdgeBits) | MaxGroups | (long)i);
                edges.Add((span.End << EdgeBits) | (long)i);
            }
        }

        edges.Sort();
        var mayBeMoves = InUseSinceTheNewest(identities, people, policy) <= policy.DeviceLimit + 1;
        var depth = new int[identities.Count];
        var present = new List<int>();
        for (var e = 0; e < edges.Count; e++)
        {
            var (at, begins, identity) = (edges[e] >> EdgeBits, (edges[e] & MaxGroups) != 0, (int)(edges[e] & (MaxGroups - 1)));
            depth[identity] += begins ? 1 : -1;
            if (begins && depth[identity] == 1)
                present.Add(identity);
            else if (depth[identity] == 0)
                present.Remove(identity);

            if (e + 1 == edges.Count || edges[e + 1] >> EdgeBits == at || present.Count <= policy.DeviceLimit)
                continue;
            var until = edges[e + 1] >> EdgeBits;
            var persons = Distinct(people.Person, present);
            if (persons > policy.DeviceLimit)
                byPeople.Add(at, until, present);
            // A single record may be an error, or may be written before the login, when nothing shows which terminals belong together.
            var devices = Distinct(people.Device, present.FindAll(i => identities[i].Records >= policy.PresentRecords))
                - policy.DeviceLimit;
            // One of two devices may be about to replace the other; two such moves at the same time are no coincidence.
            if (devices == 1 && mayBeMoves)
                at = Math.Max(at, EndOfMove(state, people, present, policy));
            if (devices > 0 && at < until)
                byDevices.Add(at, until, present);
        }

        return new ConcurrentUse(byPeople, byDevices);
    }

    /// <summary>
    /// The devices that were in use after the newest one came. One of them it may be replacing; more than that and the limit are too many.
    /// </summary>
    private static int InUseSinceTheNewest(List<IdentityUse> identities, People people, DetectionPolicy policy)
    {
        var (first, last) = (new long[identities.Count], new long[identities.Count]);
        Array.Fill(first, long.MaxValue);
        for (var i = 0; i < identities.Count; i++)
        {
            if (identities[i].Records < policy.PresentRecords)
                continue;
            var device = people.Device[i];
            (first[device], last[device]) = (Math.Min(first[device], identities[i].FirstAt), Math.Max(last[device], identities[i].LastAt));
        }

        var newest = 0L;
        for (var device = 0; device < first.Length; device++)
            if (IsAtWork(device))
                newest = Math.Max(newest, first[device]);
        var count = 0;
        for (var device = 0; device < first.Length; device++)
            count += IsAtWork(device) && last[device] >= newest + policy.ClockTolerance.Seconds() ? 1 : 0;
        return count;

        bool IsAtWork(int device) => last[device] - first[device] >= policy.WorkDuration.Seconds() && first[device] < long.MaxValue;
    }

    /// <summary>
    /// The time until which one of the devices may be replacing another: by default up to 32 hours for two with the same EA or account,
    /// minutes for two that share nothing.
    /// </summary>
    private static long EndOfMove(DetectionState state, People people, List<int> present, DetectionPolicy policy)
    {
        var identities = state.Identities;
        var began = Math.Max(state.ResumedAt, identities.Min(identity => identity.FirstAt));
        var end = 0L;
        for (var x = 0; x < present.Count; x++)
        {
            for (var y = x + 1; y < present.Count; y++)
            {
                var (a, b) = (identities[present[x]], identities[present[y]]);
                if (people.Device[present[x]] == people.Device[present[y]])
                    continue;
                var move = IsRelated(a, b) ? OfRelated(state, a, b, began, policy) : OfUnrelated(a, b, policy);
                end = Math.Max(end, Math.Max(a.FirstAt, b.FirstAt) + move.Seconds());
            }
        }

        return end;
    }

    /// <summary>A handover takes minutes. If clocks may be wrong, their tolerance applies.</summary>
    private static TimeSpan OfUnrelated(IdentityUse a, IdentityUse b, DetectionPolicy policy) =>
        a.IsClockKnown && b.IsClockKnown ? policy.PeopleDuration : policy.ClockTolerance;

    /// <summary>
    /// Nobody needs a day to move what was set up on the same day. But if both were there when the history began, nothing is known about
    /// the time before: they may be an old and a new server. Two terminals that came together behind one router may be on one device.
    /// </summary>
    /// <param name="began">When the history began, or began again after a long pause.</param>
    private static TimeSpan OfRelated(DetectionState state, IdentityUse a, IdentityUse b, long began, DetectionPolicy policy)
    {
        var (first, between) = (Math.Min(a.FirstAt, b.FirstAt), Math.Abs(a.FirstAt - b.FirstAt));
        var company = policy.CompanyDuration.Seconds();
        var wereThere = (between <= company && (first <= began + company || Suspicion.People.MayBeOneRouter(a, b, policy)))
            || (state.ResumedAt > 0 && first < state.ResumedAt + policy.EstablishedDuration.Seconds());
        return !wereThere && between < policy.EstablishedDuration.Seconds() ? policy.NewDeviceMoveDuration : policy.MoveDuration;
    }

    private static bool IsRelated(IdentityUse a, IdentityUse b) => Suspicion.People.SameEa(a, b) || Suspicion.People.SameAccount(a, b);

    /// <summary>
    /// The number of distinct groups. A group's number is the index of one of its identities, below <see cref="MaxGroups"/>.
    /// </summary>
    private static int Distinct(int[] group, List<int> present)
    {
        ulong seen = 0;
        foreach (var identity in present)
            seen |= 1UL << group[identity];
        return BitOperations.PopCount(seen);
    }
}
