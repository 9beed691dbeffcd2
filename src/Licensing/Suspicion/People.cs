namespace Licensing.Suspicion;

/// <summary>
/// The grouping of identities into people and devices. Identities with the same account or EA are one person. Two people on one network are
/// one person, because a demo account runs beside the live one. Three or more on one network are a group behind one exit; they stay apart.
/// </summary>
/// <param name="Person">The person, by the index of the identity.</param>
/// <param name="Device">The device, by the index of the identity. Terminals of one person on one network are one device.</param>
internal sealed record People(int[] Person, int[] Device)
{
    public static People Of(DetectionState state, DetectionPolicy policy)
    {
        var all = state.Identities;
        var person = Enumerable.Range(0, all.Count).ToArray();
        var device = Enumerable.Range(0, all.Count).ToArray();
        for (var i = 0; i < all.Count; i++)
        {
            for (var j = i + 1; j < all.Count; j++)
            {
                var (a, b) = (all[i], all[j]);
                var sameEa = a.Ea.Length > 0 && string.Equals(a.Ea, b.Ea, StringComparison.Ordinal) && !ApartAtOnce(a, b, policy);
                var sameAccount = a.Account != 0 && a.Account == b.Account;
                // An identity without an account or an EA may be any of the others, so it isn't counted as another person.
                var unknown = a.Account == 0 || b.Account == 0 || a.Ea.Length == 0 || b.Ea.Length == 0;
                var trusted = a.Trusted && b.Trusted;
                if (sameEa || sameAccount || unknown || trusted)
                    Union(person, i, j);
                if (sameEa || trusted || (unknown && !sameAccount) || (sameAccount && SharedRecords(a, b) > 0))
                    Union(device, i, j);
            }
        }

        JoinCompanions(all, person, device, policy);
        return new People(Flatten(person), Flatten(device));
    }

    private static int[] Flatten(int[] parent) => [.. parent.Select((_, i) => Find(parent, i))];

    /// <summary>
    /// One EA with two accounts in use on two steady networks at the same time for hours: a copied folder, not one terminal.
    /// </summary>
    private static bool ApartAtOnce(IdentityUse a, IdentityUse b, DetectionPolicy policy) =>
        a.Records >= policy.ApartRecords && b.Records >= policy.ApartRecords && !a.Roams(policy) && !b.Roams(policy)
        && SharedRecords(a, b) == 0 && Spans.Overlap(a.Presence, b.Presence) >= policy.ApartDuration.Seconds();

    /// <summary>
    /// Joins pairs of people on a network that nobody else uses in the same period, the most used networks first. A person has at most one
    /// companion in a period.
    /// </summary>
    private static void JoinCompanions(List<IdentityUse> all, int[] person, int[] device, DetectionPolicy policy)
    {
        var pairs = new List<(int Records, int A, int B)>();
        for (var i = 0; i < all.Count; i++)
        {
            for (var j = i + 1; j < all.Count; j++)
            {
                if (Find(person, i) == Find(person, j))
                    continue;
                var records = Companions(all, person, i, j, policy);
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

    private static int Companions(List<IdentityUse> all, int[] person, int i, int j, DetectionPolicy policy)
    {
        var (a, b) = (all[i], all[j]);
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

        if (shared > 0 || !MayRoamTogether(a, b, policy) || !NearWhileRoaming(a, b, policy))
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

    private static bool NearWhileRoaming(IdentityUse a, IdentityUse b, DetectionPolicy policy) =>
        Location.LeastKm(a.LatestNetwork?.Location, b.LatestNetwork?.Location, policy.LocationRadiusKm) is { } km
            ? km < policy.FarKm
            : a.Networks.Exists(x => b.Networks.Exists(y => Network.SameBlock(x.Network, y.Network, policy.ProviderBlockBits)));

    private static int SharedRecords(IdentityUse a, IdentityUse b)
    {
        var shared = 0;
        foreach (var network in a.Networks)
            if (b.On(network.Network) is { } same)
                shared += Math.Min(network.Records, same.Records);
        return shared;
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
