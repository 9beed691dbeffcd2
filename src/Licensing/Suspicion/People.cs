namespace Licensing.Suspicion;

/// <summary>
/// The grouping of identities into people and devices. One account is one person. One EA is one person until two accounts of it were at
/// work in two places at the same time: a terminal is logged into one account at a time. Two people on one network are one person, because
/// a demo account runs beside the live one. Three or more on one network are a group behind one exit; they stay apart.
/// </summary>
/// <param name="Person">The person, by the index of the identity.</param>
/// <param name="Device">The device, by the index of the identity. Terminals of one person on one network are one device.</param>
internal sealed record People(int[] Person, int[] Device)
{
    /// <summary>How much longer two identities must have been at work on two networks if these may be of one router.</summary>
    private const int DualStackFactor = 16;

    public static People Of(DetectionState state, DetectionPolicy policy)
    {
        var all = state.Identities;
        var person = Enumerable.Range(0, all.Count).ToArray();
        var device = Enumerable.Range(0, all.Count).ToArray();
        var apart = new Apart(all, policy);
        var ofOneEa = new List<(bool IsElsewhere, long Overlap, int A, int B)>();
        for (var i = 0; i < all.Count; i++)
        {
            for (var j = i + 1; j < all.Count; j++)
            {
                var (a, b) = (all[i], all[j]);
                var (sameEa, sameAccount) = (SameEa(a, b), SameAccount(a, b));
                if (a.Trusted && b.Trusted)
                {
                    Union(person, i, j);
                    Union(device, i, j);
                }

                if (!sameEa && !sameAccount)
                    continue;
                var isInOnePlace = SharedRecords(a, b) > 0
                    || (MayRoamTogether(a, b, policy) && NearWhileRoaming(a, b, policy))
                    || MayBeOneRouter(a, b, policy);
                if (sameAccount)
                    Union(person, i, j);
                else
                    ofOneEa.Add((!isInOnePlace, Spans.Overlap(a.Presence, b.Presence), i, j));
                if (isInOnePlace && !apart.Are(i, j) && (sameEa || !KeepOwnHours(a, b, policy)))
                    Union(device, i, j);
            }
        }

        // A chain of terminals that replaced one another is one person; the nearest ones are joined first.
        ofOneEa.Sort();
        foreach (var (_, _, a, b) in ofOneEa)
            if (Find(person, a) != Find(person, b) && !IsEaApart(apart, person, a, b))
                Union(person, a, b);

        JoinUnknown(all, person, device);
        JoinCompanions(apart, person, device, policy);
        return new People(Flatten(person), Flatten(device));
    }

    internal static bool SameEa(IdentityUse a, IdentityUse b) => a.Ea.Length > 0 && string.Equals(a.Ea, b.Ea, StringComparison.Ordinal);

    internal static bool SameAccount(IdentityUse a, IdentityUse b) => a.Account != 0 && a.Account == b.Account;

    private static int[] Flatten(int[] parent) => [.. parent.Select((_, i) => Find(parent, i))];

    /// <summary>True when the two people have terminals of one EA that were at work in two places at the same time.</summary>
    private static bool IsEaApart(Apart apart, int[] person, int i, int j)
    {
        var all = apart.Identities;
        var (ofI, ofJ) = (Find(person, i), Find(person, j));
        for (var x = 0; x < all.Count; x++)
        {
            if (Find(person, x) != ofI || !SameEa(all[x], all[i]))
                continue;
            for (var y = 0; y < all.Count; y++)
                if (Find(person, y) == ofJ && SameEa(all[x], all[y]) && apart.Are(x, y))
                    return true;
        }

        return false;
    }

    /// <summary>
    /// Two identities in use at the same time for hours, hardly ever on one network: they are on two devices. An address that one has after
    /// the other doesn't join them.
    /// </summary>
    private static bool AreApart(IdentityUse a, IdentityUse b, DetectionPolicy policy)
    {
        if (!IsKnown(a, policy) || !IsKnown(b, policy))
            return false;
        var overlap = Spans.Overlap(a.Presence, b.Presence);
        return (overlap >= policy.ApartDuration.Seconds() && IsAtOnce(a, b, overlap, policy))
            || (SharedRecords(a, b) == 0 && !NearWhileRoaming(a, b, policy) && !MayBeOneRouter(a, b, policy)
                && Alternations(a, b) >= policy.ApartAlternations);
    }

    /// <summary>
    /// In use at the same time, and on one network in a small share of the time for which the networks of both are remembered.
    /// </summary>
    private static bool IsAtOnce(IdentityUse a, IdentityUse b, long overlap, DetectionPolicy policy)
    {
        if (MayBeOneRouter(a, b, policy)
            && (overlap < DualStackFactor * policy.ApartDuration.Seconds() || (IsDualStack(a) && IsDualStack(b))
                || (MayShareCarrier(a, b) && (SameEa(a, b) || SameAccount(a, b)))))
            return false;
        var since = Math.Max(a.ForgottenUntil, b.ForgottenUntil);
        var remembered = since == 0 ? overlap : Spans.Overlap(a.Presence, b.Presence, since);
        return remembered >= policy.HandoverDuration.Seconds()
            && Together(a, b, policy) < policy.TogetherShare * remembered
            && !(HopsAlways(a, policy) && HopsAlways(b, policy) && NearWhileRoaming(a, b, policy));
    }

    /// <summary>
    /// One has IPv4 addresses and the other IPv6 addresses: possibly both of one router, between which each terminal switches by itself.
    /// Or the router's carrier gives each connection another address.
    /// </summary>
    internal static bool MayBeOneRouter(IdentityUse a, IdentityUse b, DetectionPolicy policy)
    {
        if (MayShareCarrier(a, b))
            return true;
        if (!(HasVersion6(a) || HasVersion6(b)) || !(HasVersion4(a) || HasVersion4(b)))
            return false;
        var isComparable = AreLocated(a, b)
            || (HasVersion6(a) && HasVersion6(b)) || (HasVersion4(a) && HasVersion4(b));
        return !isComparable || NearWhileRoaming(a, b, policy);
    }

    /// <summary>Both have addresses of one pool, and one of them changed its address within it. Servers keep theirs.</summary>
    private static bool MayShareCarrier(IdentityUse a, IdentityUse b) =>
        a.LatestNetwork is { } x && b.LatestNetwork is { } y && Network.SamePool(x.Network, y.Network)
        && (MovesNear(a, x) || MovesNear(b, y));

    private static bool MovesNear(IdentityUse identity, NetworkUse latest) =>
        identity.Networks.Exists(network => network != latest && Network.SamePool(network.Network, latest.Network));

    private static bool AreLocated(IdentityUse a, IdentityUse b) =>
        Location.LeastKm(a.LatestNetwork?.Location, b.LatestNetwork?.Location, 0) is not null;

    private static bool IsDualStack(IdentityUse identity) => HasVersion4(identity) && HasVersion6(identity);

    private static bool HasVersion4(IdentityUse identity) =>
        identity.Networks.Exists(static network => !Network.IsVersion6(network.Network));

    private static bool HasVersion6(IdentityUse identity) =>
        identity.Networks.Exists(static network => Network.IsVersion6(network.Network));

    /// <summary>How it changes networks is known. If it never did, half as many records show that.</summary>
    private static bool IsKnown(IdentityUse identity, DetectionPolicy policy) =>
        identity.Records >= (identity.Moves == 0 ? policy.ApartRecords / 2 : policy.ApartRecords);

    /// <summary>Nearly each record has another address, so that two terminals on one device never show the same.</summary>
    private static bool HopsAlways(IdentityUse identity, DetectionPolicy policy) =>
        identity.Moves > policy.HoppingShare * identity.Records;

    /// <summary>How often the two take turns.</summary>
    private static int Alternations(IdentityUse a, IdentityUse b)
    {
        var (turns, ofA) = (0, false);
        for (int i = 0, j = 0; i < a.Presence.Count || j < b.Presence.Count;)
        {
            var isA = j == b.Presence.Count || (i < a.Presence.Count && a.Presence[i].Start < b.Presence[j].Start);
            turns += isA == ofA ? 0 : 1;
            ofA = isA;
            if (isA)
                i++;
            else
                j++;
        }

        return turns;
    }

    /// <summary>
    /// Two EAs of one account that often work without each other run on two devices. Two charts of one terminal start and stop together.
    /// </summary>
    private static bool KeepOwnHours(IdentityUse a, IdentityUse b, DetectionPolicy policy)
    {
        var (lengthA, lengthB) = (Spans.Length(a.Presence), Spans.Length(b.Presence));
        var overlap = Spans.Overlap(a.Presence, b.Presence);
        var alone = Math.Min(lengthA, lengthB) - overlap;
        return overlap >= policy.ApartDuration.Seconds()
            && alone >= policy.ApartDuration.Seconds()
            && alone >= (1 - policy.OwnHoursShare) * Math.Min(lengthA, lengthB);
    }

    /// <summary>Seconds in which both had one network.</summary>
    private static long Together(IdentityUse a, IdentityUse b, DetectionPolicy policy)
    {
        long seconds = 0;
        foreach (var network in a.Networks)
            if (b.On(network.Network) is { } same)
                seconds += Math.Max(0, Math.Min(network.LastAt, same.LastAt) - Math.Max(Start(a, network, policy), Start(b, same, policy)));
        return seconds;
    }

    /// <summary>
    /// The session before the first record on a network was on that network, too. Otherwise two terminals whose address changes with each
    /// record would never be together.
    /// </summary>
    private static long Start(IdentityUse identity, NetworkUse network, DetectionPolicy policy) => network.Id == 0 ? identity.FirstAt
        : network.FirstAt - Math.Max(
            policy.RecordDuration.Seconds(), (long)Math.Min(identity.UsualGap, policy.LongestEstimate.Seconds()));

    /// <summary>An identity without EA and account may be any of the others, so it isn't counted as another person.</summary>
    private static void JoinUnknown(List<IdentityUse> all, int[] person, int[] device)
    {
        for (var i = 0; i < all.Count; i++)
        {
            if (all[i].Ea.Length > 0 || all[i].Account != 0 || all.Count < 2)
                continue;
            var other = Enumerable.Range(0, all.Count).Where(j => j != i)
                .MaxBy(j => (SharedRecords(all[i], all[j]), Spans.Overlap(all[i].Presence, all[j].Presence)));
            Union(person, i, other);
            Union(device, i, other);
        }
    }

    /// <summary>
    /// Joins pairs of people on a network that nobody else uses in the same period, the most used networks first. A person has at most one
    /// companion in a period.
    /// </summary>
    private static void JoinCompanions(Apart apart, int[] person, int[] device, DetectionPolicy policy)
    {
        var all = apart.Identities;
        var pairs = new List<(int Records, int A, int B)>();
        for (var i = 0; i < all.Count; i++)
        {
            for (var j = i + 1; j < all.Count; j++)
            {
                if (Find(person, i) == Find(person, j))
                    continue;
                var records = Companions(apart, person, i, j, policy);
                if (records > 0)
                    pairs.Add((records, i, j));
            }
        }

        var joined = new Dictionary<int, List<(long First, long Last)>>();
        foreach (var (_, a, b) in pairs.OrderByDescending(pair => pair.Records).ThenBy(pair => pair.A).ThenBy(pair => pair.B))
        {
            var (personA, personB) = (Find(person, a), Find(person, b));
            if (personA == personB)
            {
                Union(device, a, b);
                continue;
            }

            var (spanA, spanB) = (Span(all, person, personA), Span(all, person, personB));
            var (companionsA, companionsB) = (joined.GetValueOrDefault(personA, []), joined.GetValueOrDefault(personB, []));
            if (companionsA.Exists(span => Meets(span, spanB)) || companionsB.Exists(span => Meets(span, spanA)))
                continue;
            Union(person, a, b);
            Union(device, a, b);
            joined[Find(person, a)] = [.. companionsA, .. companionsB, spanA.Last - spanA.First < spanB.Last - spanB.First ? spanA : spanB];
        }
    }

    private static (long First, long Last) Span(List<IdentityUse> all, int[] person, int of)
    {
        var members = all.Where((_, i) => Find(person, i) == of).ToList();
        return (members.Min(member => member.FirstAt), members.Max(member => member.LastAt));
    }

    private static bool Meets((long First, long Last) a, (long First, long Last) b) => a.First <= b.Last && b.First <= a.Last;

    private static int Companions(Apart apart, int[] person, int i, int j, DetectionPolicy policy)
    {
        var all = apart.Identities;
        var (a, b) = (all[i], all[j]);
        if (apart.Are(i, j))
            return 0;
        var shared = 0;
        var gap = policy.CompanionGap.Seconds();
        foreach (var network in a.Networks)
        {
            if (b.On(network.Network) is not { } same)
                continue;
            var (from, to) = (Math.Max(network.FirstAt, same.FirstAt), Math.Min(network.LastAt, same.LastAt));
            if (from - gap <= to + gap && !ThirdOn(all, person, i, j, network.Network, from, to))
                shared += Math.Min(network.Records, same.Records);
        }

        // One that was gone before the other came didn't roam together with it.
        if (shared > 0 || !Meets((a.FirstAt, a.LastAt), (b.FirstAt, b.LastAt))
            || !MayRoamTogether(a, b, policy) || !NearWhileRoaming(a, b, policy))
            return shared;
        for (var k = 0; k < all.Count; k++)
            if (IsThird(person, i, j, k) && all[k].Roams(policy) && NearWhileRoaming(a, all[k], policy))
                return 0;
        return 1;
    }

    private static bool IsThird(int[] person, int i, int j, int k) =>
        Find(person, k) != Find(person, i) && Find(person, k) != Find(person, j);

    private static bool ThirdOn(List<IdentityUse> all, int[] person, int i, int j, string network, long from, long to)
    {
        for (var k = 0; k < all.Count; k++)
            if (IsThird(person, i, j, k) && all[k].On(network) is { } known
                && known.FirstAt <= Math.Max(from, to) && known.LastAt >= Math.Min(from, to))
                return true;
        return false;
    }

    /// <summary>
    /// Beside a roaming identity, an identity with too few records counts as roaming, too: for example, a new demo account on the phone of
    /// the live account.
    /// </summary>
    private static bool MayRoamTogether(IdentityUse a, IdentityUse b, DetectionPolicy policy) =>
        (a.Roams(policy) && (b.Roams(policy) || b.Records < policy.RoamingRecords))
        || (b.Roams(policy) && a.Records < policy.RoamingRecords);

    private static bool NearWhileRoaming(IdentityUse a, IdentityUse b, DetectionPolicy policy)
    {
        if (Location.LeastKm(a.LatestNetwork?.Location, b.LatestNetwork?.Location, policy.LocationRadiusKm) is { } km)
            return km < policy.FarKm;
        foreach (var x in a.Networks)
            foreach (var y in b.Networks)
                if (Network.SameBlock(x.Network, y.Network, policy.ProviderBlockBits))
                    return true;
        return false;
    }

    private static int SharedRecords(IdentityUse a, IdentityUse b)
    {
        var shared = 0;
        foreach (var network in a.Networks)
            if (b.On(network.Network) is { } same)
                shared += Math.Min(network.Records, same.Records);
        return shared;
    }

    /// <summary>Which pairs of identities are on two devices. Each pair is measured once, when it is needed.</summary>
    private sealed class Apart(List<IdentityUse> all, DetectionPolicy policy)
    {
        private readonly bool?[] _known = new bool?[all.Count * all.Count];

        public List<IdentityUse> Identities => all;

        public bool Are(int i, int j)
        {
            var pair = (Math.Min(i, j) * all.Count) + Math.Max(i, j);
            return _known[pair] ??= AreApart(all[i], all[j], policy);
        }
    }

    private static int Find(int[] parent, int i)
    {
        while (parent[i] != i)
            i = parent[i];
        return i;
    }

    private static void Union(int[] parent, int i, int j)
    {
        var (a, b) = (Find(parent, i), Find(parent, j));
        parent[Math.Max(a, b)] = Math.Min(a, b);
    }
}
