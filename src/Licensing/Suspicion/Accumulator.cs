namespace Licensing.Suspicion;

/// <summary>Takes records into a state, whatever their order.</summary>
internal static class Gather
{
    private const long Day = 86_400;
    private const int LongestSession = 86_400;
    private const int MaxNetworksInDay = 64;
    private const long FollowSeconds = 60;
    private const double UntoldShare = 0.5;

    public static void Take(LicenseUse state, in Use use, DetectionPolicy policy)
    {
        var at = use.LoggedAt.ToUnixTimeSeconds();
        state.Clock = Math.Max(state.Clock, at);
        if (at < state.Clock - (policy.MemoryDays * Day))
            return;

        var identity = Identity(state, IdentityUse.Normal(use.EaInstanceId), IdentityUse.Normal(use.Account), at);
        var network = Network.Of(use.Address);
        var seconds = (int)Math.Clamp(use.Session?.TotalSeconds ?? 0, 0, LongestSession);
        var present = seconds > 0 ? seconds : Untold(state, identity, policy);
        if (IsKnown(identity, network, at, seconds))
            return;
        var line = TakeLine(identity, network, use.Place, at);
        if (at >= identity.LastAt)
            Follow(identity, line, at);

        identity.FirstAt = Math.Min(identity.FirstAt, at - present);
        identity.Records++;
        var gap = (int)((seconds > 0 ? policy.SessionGapMinutes : policy.RecordGapMinutes - policy.RecordMinutes) * 60);
        AddStint(identity.Stints, new Stint(at - present, at, gap), IdentityUse.MaxStints);
        // Without a length, a session is taken as a part of the usual time between records: two devices under one name then overlap at times,
        // one device that changes lines does not.
        var length = seconds > 0 ? seconds : (int)Math.Min(0.4 * identity.UsualGap, 3600);
        if (length > 0 && network.Length > 0)
            AddSession(identity, new LineSession(line, at - length, at, seconds > 0), policy);
        if (network.Length > 0)
            TakeNetwork(state, Network.Neighbourhood(network), at);
    }

    /// <summary>Drops what is older than the policy remembers.</summary>
    public static void Forget(LicenseUse state, DetectionPolicy policy)
    {
        var memory = state.Clock - (policy.MemoryDays * Day);
        state.Networks.RemoveAll(sighting => sighting.LastAt <= state.Clock - Day);
        state.Identities.RemoveAll(identity => identity.LastAt < memory && !identity.Trusted);
        state.Incidents.RemoveAll(incident => incident.ReportedAt < memory);
        foreach (var identity in state.Identities)
        {
            identity.Stints.RemoveAll(stint => stint.End < memory);
            identity.Sessions.RemoveAll(session => session.End < state.Clock - (policy.OverlapDays * Day));
            identity.RecentMoves.RemoveAll(moved => moved < state.Clock - 3600);
        }
    }

    private static IdentityUse Identity(LicenseUse state, string ea, long account, long at)
    {
        var identity = state.Identities.Find(known => known.Is(ea, account));
        if (identity is not null)
            return identity;

        if (state.Identities.Count >= LicenseUse.MaxIdentities)
            state.Identities.Remove(state.Identities.MinBy(known => (known.Trusted, known.LastAt))!);
        identity = new IdentityUse { Ea = ea, Account = account, FirstAt = at };
        state.Identities.Add(identity);
        return identity;
    }

    /// <summary>
    /// Whether a record tells nothing new, as one that is read again: its time lies within what is known of this identity, on this line. So a
    /// reader need not know exactly which rows it has read before.
    /// </summary>
    private static bool IsKnown(IdentityUse identity, string network, long at, long told) =>
        at <= identity.LastAt
        && identity.Lines.Find(line => string.Equals(line.Network, network, StringComparison.Ordinal)) is { } line
        && line.FirstAt <= at && at <= line.LastAt
        && identity.Stints.Exists(stint => stint.Start <= at - told && at <= stint.End)
        && (identity.NextLine <= 1 || identity.Sessions.Exists(session => session.Line == line.Id && session.Start <= at && at <= session.End));

    /// <summary>Presence before a record that tells no length: most of the time between the license's records, where that is known.</summary>
    private static long Untold(LicenseUse state, IdentityUse identity, DetectionPolicy policy)
    {
        var known = state.Identities.FindAll(other => other.Gaps >= IdentityUse.KnownGaps);
        var gap = identity.Gaps >= IdentityUse.KnownGaps ? identity.UsualGap : known.Count > 0 ? known.Min(other => other.UsualGap) : double.MaxValue;
        return (long)Math.Min(policy.RecordMinutes * 60, UntoldShare * gap);
    }

    private static int TakeLine(IdentityUse identity, string network, Place? place, long at)
    {
        if (network.Length == 0)
            return -1;
        var index = identity.Lines.FindIndex(line => string.Equals(line.Network, network, StringComparison.Ordinal));
        if (index >= 0)
        {
            var known = identity.Lines[index];
            identity.Lines[index] = known with
            {
                FirstAt = Math.Min(known.FirstAt, at),
                LastAt = Math.Max(known.LastAt, at),
                Records = known.Records + 1,
                Place = known.Place ?? place,
            };
            return known.Id;
        }

        if (identity.Lines.Count >= IdentityUse.MaxLines)
            identity.Lines.Remove(identity.Lines.MinBy(line => line.LastAt)!);
        identity.Lines.Add(new Line(identity.NextLine, network, place, at, at, 1));
        return identity.NextLine++;
    }

    private static void Follow(IdentityUse identity, int line, long at)
    {
        if (identity.LastLine >= 0 && line >= 0)
        {
            var gap = at - identity.LastAt;
            if (line != identity.LastLine)
            {
                identity.Moves++;
                identity.Steady = 0;
                identity.RecentMoves.Add(at);
                if (identity.RecentMoves.Count > 32)
                    identity.RecentMoves.RemoveAt(0);
            }
            else if (++identity.Steady >= 2 && gap is > 0 and <= 3 * 3600)
            {
                // The mean of the first ten; slow from then on, so that a second device under the same name doesn't become the usual.
                identity.Gaps++;
                var weight = Math.Max(0.1, 1.0 / identity.Gaps);
                identity.UsualGap += weight * (gap - identity.UsualGap);
                identity.GapSpread += weight * (Math.Pow((gap / identity.UsualGap) - 1, 2) - identity.GapSpread);
            }
        }

        identity.LastAt = at;
        if (line >= 0)
            identity.LastLine = line;
    }

    private static void TakeNetwork(LicenseUse state, string network, long at)
    {
        var index = state.Networks.FindIndex(seen => string.Equals(seen.Network, network, StringComparison.Ordinal));
        if (index >= 0)
            state.Networks[index] = new Sighting(network, Math.Max(at, state.Networks[index].LastAt));
        else if (state.Networks.Count < MaxNetworksInDay)
            state.Networks.Add(new Sighting(network, at));
    }

    /// <summary>Adds a stretch and joins it with its neighbours; past <paramref name="max"/> the two nearest are joined, so old use gets coarse.</summary>
    internal static void AddStint(List<Stint> stints, Stint stint, int max)
    {
        var at = stints.FindLastIndex(other => other.Start <= stint.Start) + 1;
        stints.Insert(at, stint);
        if (at > 0 && Joins(stints[at - 1], stints[at]))
            at = Join(stints, at - 1);
        while (at + 1 < stints.Count && Joins(stints[at], stints[at + 1]))
            Join(stints, at);

        if (stints.Count <= max)
            return;
        var nearest = Enumerable.Range(0, stints.Count - 1).MinBy(i => stints[i + 1].Start - stints[i].End);
        Join(stints, nearest);
    }

    private static bool Joins(Stint earlier, Stint later) => later.Start - earlier.End <= later.Gap;

    private static int Join(List<Stint> stints, int index)
    {
        stints[index] = stints[index] with { End = Math.Max(stints[index].End, stints[index + 1].End) };
        stints.RemoveAt(index + 1);
        return index;
    }

    /// <summary>Joins sessions of one line that follow each other; while there is only one line, a few are enough: nothing can overlap yet.</summary>
    private static void AddSession(IdentityUse identity, LineSession session, DetectionPolicy policy)
    {
        var sessions = identity.Sessions;
        for (var i = sessions.Count - 1; i >= 0; i--)
        {
            var other = sessions[i];
            if (other.Line != session.Line || session.Start - other.End > FollowSeconds || other.Start - session.End > FollowSeconds)
                continue;
            session = session with { Start = Math.Min(session.Start, other.Start), End = Math.Max(session.End, other.End), Told = session.Told && other.Told };
            sessions.RemoveAt(i);
        }

        sessions.Insert(sessions.FindLastIndex(other => other.Start <= session.Start) + 1, session);
        if (sessions.Count <= (identity.NextLine <= 1 ? IdentityUse.FewSessions : IdentityUse.MaxSessions))
            return;
        identity.Pace = Clones.Step(identity, identity.Pace, sessions[0], policy);
        sessions.RemoveAt(0);
    }
}
