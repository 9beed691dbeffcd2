namespace Licensing.Suspicion;

/// <summary>One EA and account at work in places far apart at once.</summary>
/// <param name="TwinSeconds">In two places or more.</param>
/// <param name="ManySeconds">At once with another place, for the least of the places that make up more than the limit of devices.</param>
internal sealed record Clones(int Identity, long TwinSeconds, long ManySeconds, long From, long To, int Places, IReadOnlyList<int> Lines)
{
    /// <summary>Records that a line needs before it counts as a place of work and not as a hop.</summary>
    private const int SteadyRecords = 1;

    /// <summary>Sessions of a guessed length overlap for a small part of the time that two devices are at work, which takes days to tell…</summary>
    private const int UntoldTwinWeight = 5;

    /// <summary>…and guesses err, which must not count as a third place.</summary>
    private const double UntoldManyWeight = 0.5;

    public static Clones? Measure(LicenseUse state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        if (identity.Trusted || identity.Lines.Count(line => line.Records >= SteadyRecords) < 2)
            return null;

        var told = identity.Sessions.TrueForAll(session => session.Told);
        var edges = new List<(long At, int Change, int Line)>();
        foreach (var session in identity.Sessions)
        {
            var start = Math.Max(session.Start, state.ForgivenUntil);
            if (session.End <= start || identity.LineOf(session.Line) is not { Records: >= SteadyRecords })
                continue;
            edges.Add((start, 1, session.Line));
            edges.Add((session.End, -1, session.Line));
        }

        edges.Sort();
        var open = new Dictionary<int, int>();
        var (twin, from, to, most) = (0L, long.MaxValue, 0L, 0);
        var involved = new SortedDictionary<int, long>();
        for (var e = 0; e < edges.Count; e++)
        {
            var (at, change, line) = edges[e];
            open[line] = open.GetValueOrDefault(line) + change;
            if (e + 1 == edges.Count || edges[e + 1].At == at)
                continue;
            var apart = FarApart(identity, open, policy);
            if (apart.Count < 2)
                continue;
            var seconds = edges[e + 1].At - at;
            twin += told ? seconds : seconds * UntoldTwinWeight;
            (from, to, most) = (Math.Min(from, at), edges[e + 1].At, Math.Max(most, apart.Count));
            foreach (var place in apart)
                involved[place] = involved.GetValueOrDefault(place) + seconds;
        }

        var many = involved.Values.OrderDescending().ElementAtOrDefault(policy.DeviceLimit);
        return twin == 0 ? null : new Clones(index, twin, told ? many : (long)(many * UntoldManyWeight), from, to, most, [.. involved.Keys]);
    }

    private static List<int> FarApart(IdentityUse identity, Dictionary<int, int> open, DetectionPolicy policy)
    {
        var apart = new List<int>();
        foreach (var (line, sessions) in open.OrderBy(pair => pair.Key))
            if (sessions > 0 && apart.TrueForAll(other => Far(identity, identity.LineOf(line)!, identity.LineOf(other)!, policy)))
                apart.Add(line);
        return apart;
    }

    /// <summary>Without places, only steady lines of different providers count as far: a roaming device has many addresses and one place.</summary>
    private static bool Far(IdentityUse identity, Line a, Line b, DetectionPolicy policy) =>
        Place.LeastKm(a.Place, b.Place, policy.PlaceRadiusKm) is { } km
            ? km >= policy.FarKm
            : !identity.Roams && !Network.SameBlock(a.Network, b.Network);
}
