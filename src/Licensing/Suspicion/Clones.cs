namespace Licensing.Suspicion;

/// <summary>One EA and account in use in locations far apart at the same time.</summary>
/// <param name="TwinSeconds">Time in which two or more locations were in use.</param>
/// <param name="ManySeconds">
/// With the locations in descending order of the time for which they were in use together with another one: the time of the first location
/// beyond the device limit; 0 when there is none.
/// </param>
/// <param name="Networks">Networks, one for each location.</param>
internal sealed record Clones(
    int Identity, long TwinSeconds, long ManySeconds, long From, long To, int Locations, IReadOnlyList<int> Networks)
{
    public static Clones? Measure(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        if (identity.Trusted || identity.Networks.Count < 2)
            return null;
        return identity.Sessions.TrueForAll(session => session.HasDuration)
            ? ByOverlap(state, index, policy)
            : ByPace(state, index, policy);
    }

    private static Clones? ByOverlap(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        var edges = new List<(long At, int Change, int Network)>();
        foreach (var session in identity.Sessions)
        {
            var start = Math.Max(session.Start, state.HarmlessUntil);
            if (session.End <= start || identity.NetworkOf(session.NetworkId) is null)
                continue;
            edges.Add((start, 1, session.NetworkId));
            edges.Add((session.End, -1, session.NetworkId));
        }

        edges.Sort();
        var open = new Dictionary<int, int>();
        var (twin, from, to, most) = (0L, long.MaxValue, 0L, 0);
        var involved = new SortedDictionary<int, long>();
        for (var e = 0; e < edges.Count; e++)
        {
            var (at, change, network) = edges[e];
            open[network] = open.GetValueOrDefault(network) + change;
            if (e + 1 == edges.Count || edges[e + 1].At == at)
                continue;
            var apart = FarApart(identity, open, policy);
            if (apart.Count < 2)
                continue;
            var seconds = edges[e + 1].At - at;
            twin += seconds;
            (from, to, most) = (Math.Min(from, at), edges[e + 1].At, Math.Max(most, apart.Count));
            foreach (var location in apart)
                involved[location] = involved.GetValueOrDefault(location) + seconds;
        }

        var many = involved.Values.OrderDescending().ElementAtOrDefault(policy.DeviceLimit);
        return twin == 0 ? null : new Clones(index, twin, many, from, to, most, [.. involved.Keys]);
    }

    /// <summary>
    /// For records without durations. Copies show as records that alternate between far locations and arrive faster than usual for one
    /// device. The sum is the work that one device cannot have done, since the pace was last that of one device. A device that only changes
    /// networks keeps its pace.
    /// </summary>
    private static Clones? ByPace(DetectionState state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        var pace = identity.Pace;
        foreach (var session in identity.Sessions.Where(session => session.End > state.HarmlessUntil).OrderBy(session => session.End))
            pace = Step(identity, pace, session, policy);
        if (pace.Locations.Count < 2)
            return null;
        var seconds = pace.Excess * identity.UsualGap;
        // The more the time between records varies, the more of the excess is chance.
        var many = pace.Locations.Count > policy.DeviceLimit
            ? seconds * policy.PaceCloneWeight * Math.Min(1, policy.SteadySpread / identity.GapSpread)
            : 0;
        return new Clones(
            index, (long)(seconds * policy.PaceTwinWeight), (long)many, pace.From, pace.To, pace.Locations.Count, pace.Locations);
    }

    /// <summary>The pace after one more session. Sessions with a duration, and late ones, do not change it.</summary>
    internal static Pace Step(IdentityUse identity, Pace pace, NetworkSession session, DetectionPolicy policy)
    {
        if (session.HasDuration || session.End <= pace.At || identity.Gaps < policy.PaceGaps)
            return pace;
        var share = (session.End - pace.At) / identity.UsualGap;
        var hops = IsFar(identity, session.NetworkId, pace.NetworkId, policy);
        var excess = Math.Max(0, pace.Excess + Math.Min(hops ? policy.QuickPace : 0, policy.QuickPace - share));
        var next = pace with { At = session.End, NetworkId = session.NetworkId, Excess = excess };
        if (excess == 0)
            return next with { Locations = [] };
        if (!hops || share >= policy.TooQuickPace)
            return next;
        var locations = pace.Locations.ToList();
        foreach (var network in (int[])[pace.NetworkId, session.NetworkId])
            if (locations.TrueForAll(other => IsFar(identity, network, other, policy)))
                locations.Add(network);
        return next with { Locations = locations, From = pace.Locations.Count == 0 ? pace.At : pace.From, To = session.End };
    }

    private static List<int> FarApart(IdentityUse identity, Dictionary<int, int> open, DetectionPolicy policy)
    {
        var apart = new List<int>();
        foreach (var (network, sessions) in open.OrderBy(pair => pair.Key))
            if (sessions > 0 && apart.TrueForAll(other => IsFar(identity, network, other, policy)))
                apart.Add(network);
        return apart;
    }

    /// <summary>
    /// Without locations, only steady networks of different providers are far apart: a roaming device has many addresses in one location.
    /// </summary>
    private static bool IsFar(IdentityUse identity, int one, int other, DetectionPolicy policy) =>
        identity.NetworkOf(one) is { } a && identity.NetworkOf(other) is { } b
        && (Location.LeastKm(a.Location, b.Location, policy.LocationRadiusKm) is { } km
            ? km >= policy.FarKm
            : !identity.Roams(policy) && !Network.SameBlock(a.Network, b.Network, policy.ProviderBlockBits));
}
