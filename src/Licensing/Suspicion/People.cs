namespace Licensing.Suspicion;

/// <summary>
/// Who is whom: identities that share an account or an EA are one person, and two people who share a line are one, since a demo account runs
/// beside the live one. Three or more on a line are a group behind one exit and stay apart.
/// </summary>
/// <param name="Person">By the index of the identity.</param>
/// <param name="Device">By the index of the identity: terminals of one person on one line are one device.</param>
internal sealed record People(int[] Person, int[] Device)
{
    private const long Day = 86_400;
    private const long ApartSeconds = 6 * 3600;
    private const int SteadyRecords = 8;

    public static People Of(LicenseUse state, DetectionPolicy policy)
    {
        var all = state.Identities;
        var person = Enumerable.Range(0, all.Count).ToArray();
        var device = Enumerable.Range(0, all.Count).ToArray();
        for (var i = 0; i < all.Count; i++)
        {
            for (var j = i + 1; j < all.Count; j++)
            {
                var (a, b) = (all[i], all[j]);
                var sameEa = a.Ea.Length > 0 && string.Equals(a.Ea, b.Ea, StringComparison.Ordinal) && !ApartAtOnce(a, b);
                var sameAccount = a.Account != 0 && a.Account == b.Account;
                // What names no account, or no EA, can't be told from the others: unknown is not another person.
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

    /// <summary>One EA's name with two accounts at work on two steady lines for hours: a copied folder, not one terminal.</summary>
    private static bool ApartAtOnce(IdentityUse a, IdentityUse b) =>
        a.Records >= SteadyRecords && b.Records >= SteadyRecords && !a.Roams && !b.Roams && SharedRecords(a, b) == 0 && Spans.Overlap(a.Stints, b.Stints) >= ApartSeconds;

    /// <summary>Joins pairs of people on a line that nobody else uses meanwhile, the most used lines first; one companion at a time.</summary>
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
        foreach (var line in a.Lines)
        {
            if (b.Lines.Find(other => string.Equals(other.Network, line.Network, StringComparison.Ordinal)) is not { } same)
                continue;
            var (from, to) = (Math.Max(line.FirstAt, same.FirstAt) - Day, Math.Min(line.LastAt, same.LastAt) + Day);
            if (from <= to && !ThirdOn(all, person, i, j, line.Network, from + Day, to - Day))
                shared += Math.Min(line.Records, same.Records);
        }

        if (shared > 0 || !MayRoamTogether(a, b) || !NearWhileRoaming(a, b, policy))
            return shared;
        for (var k = 0; k < all.Count; k++)
            if (IsThird(person, i, j, k) && all[k].Roams && NearWhileRoaming(a, all[k], policy))
                return 0;
        return 1;
    }

    private static bool IsThird(int[] person, int i, int j, int k) =>
        Find(person, k) != Find(person, i) && Find(person, k) != Find(person, j);

    private static bool ThirdOn(List<IdentityUse> all, int[] person, int i, int j, string network, long from, long to)
    {
        for (var k = 0; k < all.Count; k++)
            if (IsThird(person, i, j, k) && all[k].Lines.Exists(line =>
                string.Equals(line.Network, network, StringComparison.Ordinal) && line.FirstAt <= Math.Max(from, to) && line.LastAt >= Math.Min(from, to)))
                return true;
        return false;
    }

    /// <summary>Too few records to know counts as roaming beside one that does: a demo account is new on the phone line of the live one.</summary>
    private static bool MayRoamTogether(IdentityUse a, IdentityUse b) =>
        (a.Roams && (b.Roams || b.Records < IdentityUse.KnownRecords)) || (b.Roams && a.Records < IdentityUse.KnownRecords);

    private static bool NearWhileRoaming(IdentityUse a, IdentityUse b, DetectionPolicy policy) =>
        Place.LeastKm(a.LatestLine?.Place, b.LatestLine?.Place, policy.PlaceRadiusKm) is { } km
            ? km < policy.FarKm
            : a.Lines.Exists(x => b.Lines.Exists(y =>
                Network.SameBlock(x.Network, y.Network)));

    internal static int SharedRecords(IdentityUse a, IdentityUse b)
    {
        var shared = 0;
        foreach (var line in a.Lines)
            foreach (var other in b.Lines)
                if (string.Equals(line.Network, other.Network, StringComparison.Ordinal))
                    shared += Math.Min(line.Records, other.Records);
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
