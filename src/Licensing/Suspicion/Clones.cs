namespace Licensing.Suspicion;

/// <summary>One EA and account at work in places far apart at once.</summary>
/// <param name="TwinSeconds">In two places or more.</param>
/// <param name="ManySeconds">At once with another place, for the least of the places that make up more than the limit of devices.</param>
internal sealed record Clones(int Identity, long TwinSeconds, long ManySeconds, long From, long To, int Places, IReadOnlyList<int> Lines)
{
    /// <summary>Times between records, as a share of the usual: below the first nobody can say that it is one device…</summary>
    private const double QuickPace = 0.7;

    /// <summary>…and below the second two records are of two devices, if they are of two places.</summary>
    private const double TooQuick = 0.5;

    /// <summary>Times between records that must have been seen before another pace says something.</summary>
    private const int KnownGaps = 16;

    /// <summary>Two devices at work do half a usual time's work too much in that time, and half of it shows: some of it comes from one place in a row.</summary>
    private const double TwinWeight = 4;

    /// <summary>Work too much that counts as time in a third place.</summary>
    private const double ManyWeight = 0.25;

    /// <summary>The variance, as a share, of times between records that are spread evenly to within half of the usual.</summary>
    private const double SteadySpread = 0.083;

    public static Clones? Measure(LicenseUse state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        if (identity.Trusted || identity.Lines.Count < 2)
            return null;
        return identity.Sessions.TrueForAll(session => session.Told)
            ? ByOverlap(state, index, policy)
            : ByPace(state, index, policy);
    }

    private static Clones? ByOverlap(LicenseUse state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        var edges = new List<(long At, int Change, int Line)>();
        foreach (var session in identity.Sessions)
        {
            var start = Math.Max(session.Start, state.ForgivenUntil);
            if (session.End <= start || identity.LineOf(session.Line) is null)
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
            twin += seconds;
            (from, to, most) = (Math.Min(from, at), edges[e + 1].At, Math.Max(most, apart.Count));
            foreach (var place in apart)
                involved[place] = involved.GetValueOrDefault(place) + seconds;
        }

        var many = involved.Values.OrderDescending().ElementAtOrDefault(policy.DeviceLimit);
        return twin == 0 ? null : new Clones(index, twin, many, from, to, most, [.. involved.Keys]);
    }

    /// <summary>
    /// Where lengths aren't told: records come from far places in turn, and quicker than they ever came from one. What is summed is the work that one
    /// device can't have done, since the pace was last that of one; a device that only changes lines keeps its pace.
    /// </summary>
    private static Clones? ByPace(LicenseUse state, int index, DetectionPolicy policy)
    {
        var identity = state.Identities[index];
        var pace = identity.Pace;
        foreach (var session in identity.Sessions.Where(session => session.End > state.ForgivenUntil).OrderBy(session => session.End))
            pace = Step(identity, pace, session, policy);
        if (pace.Places.Count < 2)
            return null;
        var seconds = pace.Excess * identity.UsualGap;
        // Where the time between records varies more, chance does more, soon.
        var many = pace.Places.Count > policy.DeviceLimit ? seconds * ManyWeight * Math.Min(1, SteadySpread / identity.GapSpread) : 0;
        return new Clones(index, (long)(seconds * TwinWeight), (long)many, pace.From, pace.To, pace.Places.Count, pace.Places);
    }

    /// <summary>Takes the next session into what is known of the pace; one that is not told, and not late.</summary>
    internal static Pace Step(IdentityUse identity, Pace pace, LineSession session, DetectionPolicy policy)
    {
        if (session.Told || session.End <= pace.At || identity.Gaps < KnownGaps)
            return pace;
        var share = (session.End - pace.At) / identity.UsualGap;
        var hops = IsFar(identity, session.Line, pace.Line, policy);
        var excess = Math.Max(0, pace.Excess + Math.Min(hops ? QuickPace : 0, QuickPace - share));
        var next = pace with { At = session.End, Line = session.Line, Excess = excess };
        if (excess == 0)
            return next with { Places = [] };
        if (!hops || share >= TooQuick)
            return next;
        var places = pace.Places.ToList();
        foreach (var line in (int[])[pace.Line, session.Line])
            if (places.TrueForAll(other => IsFar(identity, line, other, policy)))
                places.Add(line);
        return next with { Places = places, From = pace.Places.Count == 0 ? pace.At : pace.From, To = session.End };
    }

    private static List<int> FarApart(IdentityUse identity, Dictionary<int, int> open, DetectionPolicy policy)
    {
        var apart = new List<int>();
        foreach (var (line, sessions) in open.OrderBy(pair => pair.Key))
            if (sessions > 0 && apart.TrueForAll(other => IsFar(identity, line, other, policy)))
                apart.Add(line);
        return apart;
    }

    /// <summary>Without places, only steady lines of different providers count as far: a roaming device has many addresses and one place.</summary>
    private static bool IsFar(IdentityUse identity, int one, int other, DetectionPolicy policy) =>
        identity.LineOf(one) is { } a && identity.LineOf(other) is { } b
        && (Place.LeastKm(a.Place, b.Place, policy.PlaceRadiusKm) is { } km
            ? km >= policy.FarKm
            : !identity.Roams && !Network.SameBlock(a.Network, b.Network));
}
