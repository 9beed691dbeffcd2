namespace Licensing.Suspicion;

/// <summary>A stretch of time by who was present, summed: seconds, from when to when, and each identity's share.</summary>
internal sealed class Crowding(int identities)
{
    public long Seconds { get; private set; }

    public long From { get; private set; } = long.MaxValue;

    public long To { get; private set; }

    /// <summary>The most people, or devices, that were present.</summary>
    public int Most { get; private set; }

    /// <summary>Seconds by the index of the identity.</summary>
    public long[] Share { get; } = new long[identities];

    public IEnumerable<int> Present => Share.Select((seconds, index) => (seconds, index)).Where(x => x.seconds > 0).Select(x => x.index);

    public void Add(long from, long to, int most, List<int> present)
    {
        Seconds += to - from;
        From = Math.Min(From, from);
        To = Math.Max(To, to);
        Most = Math.Max(Most, most);
        foreach (var index in present)
            Share[index] += to - from;
    }
}

/// <summary>When more people, or more devices of several people, than the limit were at work at once.</summary>
internal sealed record AtOnce(Crowding People, Crowding Devices)
{
    public static AtOnce Measure(LicenseUse state, People people, DetectionPolicy policy)
    {
        var from = Math.Max(state.ForgivenUntil, state.Clock - (long)TimeSpan.FromDays(policy.OverlapDays).TotalSeconds);
        var identities = state.Identities;
        var edges = new List<(long At, int Change, int Identity)>();
        for (var i = 0; i < identities.Count; i++)
        {
            foreach (var stint in identities[i].Stints)
            {
                if (stint.End <= Math.Max(from, stint.Start))
                    continue;
                edges.Add((Math.Max(from, stint.Start), 1, i));
                edges.Add((stint.End, -1, i));
            }
        }

        edges.Sort();
        var (crowd, devices) = (new Crowding(identities.Count), new Crowding(identities.Count));
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
                crowd.Add(at, edges[e + 1].At, persons, present);
            else if (persons >= 2 && Distinct(people.Device, present) is var count && count > policy.DeviceLimit)
                devices.Add(at, edges[e + 1].At, count, present);
        }

        return new AtOnce(crowd, devices);
    }

    private static int Distinct(int[] group, List<int> present)
    {
        ulong seen = 0;
        foreach (var identity in present)
            seen |= 1UL << group[identity];
        return System.Numerics.BitOperations.PopCount(seen);
    }
}
