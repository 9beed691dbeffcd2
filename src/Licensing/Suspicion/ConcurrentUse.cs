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

    /// <exception cref="ArgumentException">
    /// The state has more than <see cref="MaxGroups"/> identities, which no valid policy allows.
    /// </exception>
    public static ConcurrentUse Measure(DetectionState state, People people, DetectionPolicy policy)
    {
        var identities = state.Identities;
        if (identities.Count > MaxGroups)
            throw new ArgumentException($"At most {MaxGroups} identities can be counted; there are {identities.Count}.", nameof(state));
        var from = Math.Max(state.HarmlessUntil, state.Clock - policy.OverlapMemory.Seconds());
        var edges = new List<(long At, int Change, int Identity)>();
        for (var i = 0; i < identities.Count; i++)
        {
            foreach (var span in identities[i].Presence)
            {
                if (span.End <= Math.Max(from, span.Start))
                    continue;
                edges.Add((Math.Max(from, span.Start), 1, i));
                edges.Add((span.End, -1, i));
            }
        }

        edges.Sort();
        var mayBeMoves = InUseSinceTheNewest(identities, people, policy) <= policy.DeviceLimit + 1;
        var (byPeople, byDevices) = (new Concurrency(identities.Count), new Concurrency(identities.Count));
        var depth = new int[identities.Count];
        var present = new List<int>();
        for (var e = 0; e < edges.Count; e++)
        {
            var (at, change, identity) = edges[e];
            depth[identity] += change;
            if (change > 0 && depth[identity] == 1)
                present.Add(identity);
            else if (depth[identity] == 0)
                present.Remove(identity);

            if (e + 1 == edges.Count || edges[e + 1].At == at || present.Count <= policy.DeviceLimit)
                continue;
            var persons = Distinct(people.Person, present);
            if (persons > policy.DeviceLimit)
                byPeople.Add(at, edges[e + 1].At, present);
            var devices = Distinct(people.Device, present) - policy.DeviceLimit;
            // One of two devices may be about to replace the other; two such moves at the same time are no coincidence.
            if (devices > 1 || (devices == 1 && !(mayBeMoves && MayBeMove(identities, people, present, at, policy))))
                byDevices.Add(at, edges[e + 1].At, present);
        }

        return new ConcurrentUse(byPeople, byDevices);
    }

    /// <summary>
    /// The devices that were in use after the newest one came. One of them it may be replacing; more than that and the limit are too many.
    /// </summary>
    private static int InUseSinceTheNewest(List<IdentityUse> identities, People people, DetectionPolicy policy)
    {
        var devices = Enumerable.Range(0, identities.Count)
            .Where(i => identities[i].Records >= policy.PresentRecords)
            .GroupBy(i => people.Device[i], i => identities[i])
            .Select(device => (First: device.Min(identity => identity.FirstAt), Last: device.Max(identity => identity.LastAt)))
            .Where(device => device.Last - device.First >= policy.WorkDuration.Seconds())
            .ToList();
        var since = devices.Select(device => device.First).DefaultIfEmpty().Max() + policy.ClockTolerance.Seconds();
        return devices.Count(device => device.Last >= since);
    }

    /// <summary>
    /// True when one of the devices may be replacing another: with the same EA or account a day or so, otherwise as long as clocks may
    /// differ.
    /// </summary>
    private static bool MayBeMove(List<IdentityUse> identities, People people, List<int> present, long at, DetectionPolicy policy)
    {
        for (var x = 0; x < present.Count; x++)
        {
            for (var y = x + 1; y < present.Count; y++)
            {
                var (a, b) = (identities[present[x]], identities[present[y]]);
                if (people.Device[present[x]] == people.Device[present[y]])
                    continue;
                var isRelated = IsRelated(a, b);
                var duration = isRelated ? policy.MoveDuration
                    : a.IsClockKnown && b.IsClockKnown ? policy.PeopleDuration
                    : policy.ClockTolerance;
                if (at < Math.Max(a.FirstAt, b.FirstAt) + duration.Seconds())
                    return true;
            }
        }

        return false;
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
