namespace Licensing.Suspicion;

/// <summary>Adds usage samples to a state, in any order.</summary>
internal static class Accumulator
{
    /// <returns>The identity of the record; null if the record adds nothing.</returns>
    public static IdentityUse? Accumulate(DetectionState state, in UsageSample sample, DetectionPolicy policy)
    {
        var (loggedAt, arrivedAt) = (sample.LoggedAt.ToUnixTimeSeconds(), sample.ArrivedAt?.ToUnixTimeSeconds() ?? long.MaxValue);
        if (Math.Min(loggedAt, arrivedAt) < state.Clock - policy.Memory.Seconds())
            return null;

        var (ea, account) = (IdentityUse.Normal(sample.EaInstanceId), IdentityUse.Normal(sample.Account));
        var network = Network.Of(sample.Address);
        var identity = Identity(state, ea, account, network, Math.Min(loggedAt, arrivedAt), policy);
        var seconds = (int)Math.Clamp(sample.Session?.TotalSeconds ?? 0, 0, policy.LongestSession.TotalSeconds);
        var present = seconds > 0 ? seconds : EstimateDuration(state, identity, policy);
        // A record that is read again must not count again in the estimate of the clock's error.
        if (IsKnown(identity, network, RightTime(identity, loggedAt, arrivedAt, policy), seconds))
            return null;
        var at = Corrected(identity, loggedAt, arrivedAt, policy);
        if (state.Clock > 0 && at - present > state.Clock + policy.Memory.Seconds())
            state.ResumedAt = at - present;
        state.Clock = Math.Max(state.Clock, at);
        var networks = identity.NextNetworkId;
        var networkId = AddNetwork(state, identity, network, sample.Location, at, policy);
        if (at >= identity.LastAt)
            Follow(identity, networkId, at, policy);
        else if (identity.NextNetworkId > networks)
            identity.Moves++; // a late record on a network of its own

        identity.FirstAt = Math.Min(identity.FirstAt, at - present);
        identity.Records++;
        var gap = (int)(seconds > 0 ? policy.SessionGap : policy.RecordGap - policy.RecordDuration).TotalSeconds;
        // Nothing shows how long a device was present before the first record of a presence.
        var isFirst = seconds == 0 && !identity.Presence.Exists(span => span.Start <= at && at - present - span.End <= gap);
        AddPresence(identity.Presence, new PresenceSpan(isFirst ? at : at - present, at, gap), policy.MaxPresenceSpans);
        var length = seconds > 0 ? seconds : (int)Math.Clamp(
            policy.SessionShare * identity.UsualGap, 1, policy.LongestEstimate.TotalSeconds);
        if (network.Length > 0)
            AddSession(identity, new NetworkSession(networkId, at - length, at, seconds > 0), policy);
        if (network.Length > 0)
            AddRecentNetwork(state, Network.Neighborhood(network), at, policy);
        return identity;
    }

    /// <summary>
    /// The record's time by the right clock. A record can't arrive before it was written, so a clock that is ahead shows at once. Records
    /// that arrive late by the same time, one after the other, show a clock that is behind; records that were held back do not.
    /// </summary>
    private static long Corrected(IdentityUse identity, long loggedAt, long arrivedAt, DetectionPolicy policy)
    {
        if (arrivedAt == long.MaxValue)
            return loggedAt;
        var ahead = loggedAt - arrivedAt;
        var precision = policy.ClockPrecision.Seconds();
        if (Math.Abs(ahead - identity.NewClockError) <= precision)
        {
            identity.NewClockRecords = Math.Min(identity.NewClockRecords + 1, policy.ClockRecords);
        }
        else if (Math.Abs(ahead) <= policy.LargestClockError.Seconds())
        {
            identity.NewClockError = (int)ahead;
            identity.NewClockRecords = 1;
        }

        if (identity.NewClockRecords >= policy.ClockRecords)
        {
            var error = Math.Abs(identity.NewClockError) <= precision ? 0 : identity.NewClockError;
            // A clock that is ahead was corrected by the arrival of each record.
            if (!identity.IsClockKnown && error < 0)
                identity.Shift(-error);
            (identity.ClockError, identity.IsClockKnown) = (error, true);
        }

        // A record that arrives immediately shows that the clock is right.
        identity.IsClockKnown |= Math.Abs(ahead) <= precision;
        return RightTime(identity, loggedAt, arrivedAt, policy);
    }

    /// <summary>A record that arrives immediately has the right time, even if the clock was wrong before.</summary>
    private static long RightTime(IdentityUse identity, long loggedAt, long arrivedAt, DetectionPolicy policy) => Math.Min(
        arrivedAt < long.MaxValue && Math.Abs(loggedAt - arrivedAt) <= policy.ClockPrecision.Seconds() ? loggedAt
            : loggedAt - identity.ClockError,
        arrivedAt);

    /// <summary>Removes what is older than the policy's memory.</summary>
    public static void RemoveExpired(DetectionState state, DetectionPolicy policy)
    {
        var memory = state.Clock - policy.Memory.Seconds();
        state.RecentNetworks.RemoveAll(network => network.LastAt <= state.Clock - DetectionPolicy.Day.Seconds());
        state.Identities.RemoveAll(identity => identity.LastAt < memory && !identity.Trusted);
        state.Incidents.RemoveAll(incident => incident.ReportedAt < memory);
        foreach (var identity in state.Identities)
        {
            identity.Presence.RemoveAll(span => span.End < memory);
            identity.Sessions.RemoveAll(session => session.End < state.Clock - policy.OverlapMemory.Seconds());
            identity.RecentMoves.RemoveAll(moved => moved < state.Clock - DetectionPolicy.Hour.Seconds());
        }
    }

    private static IdentityUse Identity(
        DetectionState state, string ea, long account, string network, long at, DetectionPolicy policy)
    {
        var known = state.Identities.Find(other => other.Is(ea, account));
        var identity = OneTerminal(state, known, ea, account, network, at, policy);
        if (identity is not null)
            return identity;

        while (state.Identities.Count >= policy.MaxIdentities)
            state.Identities.Remove(state.Identities.MinBy(other => (other.Trusted, other.LastAt))!);
        identity = new IdentityUse { Ea = ea, Account = account, FirstAt = at };
        state.Identities.Add(identity);
        return identity;
    }

    /// <summary>
    /// A terminal has no account before it has logged in. Such a record belongs to the terminal with its EA and network, whose records with
    /// an account come shortly before or after it. Otherwise, one terminal would count as two people.
    /// </summary>
    private static IdentityUse? OneTerminal(
        DetectionState state, IdentityUse? known, string ea, long account, string network, long at, DetectionPolicy policy)
    {
        var since = at - policy.TurnGap.Seconds();
        if (account == 0)
        {
            return state.Identities
                .Where(other => other.Account != 0 && IsThere(other) && other.On(network)!.LastAt >= since)
                .MaxBy(other => other.LastAt) ?? known;
        }

        if (state.Identities.Find(other => other.Account == 0 && other.FirstAt >= since && IsThere(other)) is not { } blank)
            return known;
        if (known is null)
            blank.Account = account;
        else
            state.Identities.Remove(blank);
        return known ?? blank;

        bool IsThere(IdentityUse other) =>
            ea.Length > 0 && string.Equals(other.Ea, ea, StringComparison.Ordinal) && other.On(network) is not null;
    }

    /// <summary>
    /// True for a record that adds nothing, such as one that is read again: its time lies within the known use of this identity on this
    /// network. A reader therefore need not know exactly which rows it has read before.
    /// </summary>
    private static bool IsKnown(IdentityUse identity, string network, long at, long seconds) =>
        at <= identity.LastAt
        && identity.On(network) is { } known
        && known.FirstAt <= at && at <= known.LastAt
        && identity.Presence.Exists(span => span.Start <= at - seconds && at <= span.End)
        && (identity.NextNetworkId <= 1
            || identity.Sessions.Exists(session => session.NetworkId == known.Id && session.Start <= at && at <= session.End));

    /// <summary>
    /// Seconds of presence before a record without a duration: a share of the usual time between the identity's records. If that time is
    /// not known, the shortest usual time of the license's other identities is used.
    /// </summary>
    private static long EstimateDuration(DetectionState state, IdentityUse identity, DetectionPolicy policy)
    {
        var known = state.Identities.FindAll(other => other.Gaps >= policy.KnownGaps);
        var gap = identity.Gaps >= policy.KnownGaps ? identity.UsualGap
            : known.Count > 0 ? known.Min(other => other.UsualGap)
            : double.MaxValue;
        return (long)Math.Min(policy.RecordDuration.TotalSeconds, policy.RecordShare * gap);
    }

    /// <returns>The network's id; −1 without an address.</returns>
    private static int AddNetwork(
        DetectionState state, IdentityUse identity, string network, Location? location, long at, DetectionPolicy policy)
    {
        if (network.Length == 0)
            return -1;
        var index = identity.Networks.FindIndex(known => string.Equals(known.Network, network, StringComparison.Ordinal));
        if (index >= 0)
        {
            var known = identity.Networks[index];
            identity.Networks[index] = known with
            {
                FirstAt = Math.Min(known.FirstAt, at),
                LastAt = Math.Max(known.LastAt, at),
                Records = known.Records + 1,
                Location = known.Location ?? location,
            };
            return known.Id;
        }

        while (identity.Networks.Count >= policy.MaxNetworks)
        {
            var forgotten = LeastUseful(state, identity);
            identity.ForgottenUntil = Math.Max(identity.ForgottenUntil, forgotten.LastAt);
            identity.Networks.Remove(forgotten);
        }

        identity.Networks.Add(new NetworkUse(identity.NextNetworkId, network, location, at, at, 1));
        return identity.NextNetworkId++;
    }

    /// <summary>
    /// The network that was not used for the longest time. For each other identity, the latest network that both have is kept: it shows
    /// that they are on one device, also after both have moved on.
    /// </summary>
    private static NetworkUse LeastUseful(DetectionState state, IdentityUse identity)
    {
        var kept = new HashSet<NetworkUse>(ReferenceEqualityComparer.Instance);
        foreach (var other in state.Identities.Where(other => other != identity))
            if (identity.Networks.Where(known => other.On(known.Network) is not null).MaxBy(known => known.LastAt) is { } shared)
                kept.Add(shared);
        return identity.Networks.Where(known => !kept.Contains(known)).MinBy(known => known.LastAt)
            ?? identity.Networks.MinBy(known => known.LastAt)!;
    }

    private static void Follow(IdentityUse identity, int networkId, long at, DetectionPolicy policy)
    {
        if (identity.LastNetworkId >= 0 && networkId >= 0)
        {
            var gap = at - identity.LastAt;
            if (networkId != identity.LastNetworkId)
            {
                identity.Moves++;
                identity.Steady = 0;
                identity.RecentMoves.Add(at);
                if (identity.RecentMoves.Count > policy.MaxNetworkChanges)
                    identity.RecentMoves.RemoveAt(0);
            }
            else if (++identity.Steady >= policy.SteadyRecords && gap > 0 && gap <= policy.LongestUsualGap.Seconds())
            {
                identity.Gaps++;
                var weight = Math.Max(policy.GapWeight, 1.0 / identity.Gaps);
                identity.UsualGap += weight * (gap - identity.UsualGap);
            }
        }

        identity.LastAt = at;
        if (networkId >= 0)
            identity.LastNetworkId = networkId;
    }

    private static void AddRecentNetwork(DetectionState state, string network, long at, DetectionPolicy policy)
    {
        var index = state.RecentNetworks.FindIndex(known => string.Equals(known.Network, network, StringComparison.Ordinal));
        if (index >= 0)
            state.RecentNetworks[index] = new RecentNetwork(network, Math.Max(at, state.RecentNetworks[index].LastAt));
        else if (state.RecentNetworks.Count < policy.MaxNetworksInDay)
            state.RecentNetworks.Add(new RecentNetwork(network, at));
    }

    /// <summary>
    /// Adds a span and joins it with its neighbors. Above <paramref name="max"/> the two nearest spans are joined: old use loses precision.
    /// </summary>
    private static void AddPresence(List<PresenceSpan> spans, PresenceSpan span, int max)
    {
        var at = spans.FindLastIndex(other => other.Start <= span.Start) + 1;
        spans.Insert(at, span);
        if (at > 0 && Joins(spans[at - 1], spans[at]))
            at = Join(spans, at - 1);
        while (at + 1 < spans.Count && Joins(spans[at], spans[at + 1]))
            Join(spans, at);

        while (spans.Count > max)
            Join(spans, Enumerable.Range(0, spans.Count - 1).MinBy(i => spans[i + 1].Start - spans[i].End));
    }

    private static bool Joins(PresenceSpan earlier, PresenceSpan later) => later.Start - earlier.End <= later.Gap;

    private static int Join(List<PresenceSpan> spans, int index)
    {
        spans[index] = spans[index] with { End = Math.Max(spans[index].End, spans[index + 1].End) };
        spans.RemoveAt(index + 1);
        return index;
    }

    /// <summary>
    /// Adds a session and joins it with adjacent ones on the same network if the durations of both are known. Records without a duration
    /// stay apart, however soon they follow: their pace is evidence. Of the sessions above the policy's number, the oldest are dropped.
    /// </summary>
    private static void AddSession(IdentityUse identity, NetworkSession session, DetectionPolicy policy)
    {
        var sessions = identity.Sessions;
        var join = policy.SessionJoin.Seconds();
        for (var i = sessions.Count - 1; i >= 0; i--)
        {
            var other = sessions[i];
            if (other.NetworkId != session.NetworkId || session.Start - other.End > join || other.Start - session.End > join)
                continue;
            if (session.HasDuration && other.HasDuration)
            {
                session = session with { Start = Math.Min(session.Start, other.Start), End = Math.Max(session.End, other.End) };
                sessions.RemoveAt(i);
            }
            else if (!session.HasDuration && other.End < session.End)
            {
                session = session with { Start = Math.Max(session.Start, other.End) };
            }
        }

        sessions.Insert(sessions.FindLastIndex(other => other.Start <= session.Start) + 1, session);
        while (sessions.Count > (identity.NextNetworkId <= 1 ? policy.MaxSessionsOnOneNetwork : policy.MaxSessions))
        {
            sessions.RemoveAt(0);
        }
    }
}
