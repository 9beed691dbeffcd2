namespace Licensing.Suspicion;

/// <summary>
/// People beyond the limit who use the license in the same time, at once or in turns: a newcomer came, the others were still there after it, and
/// the newcomer was there again after them. One machine after another never looks like that, however quickly it is replaced.
/// </summary>
/// <param name="Groups">Those together: persons, or devices.</param>
/// <param name="Newcomer">The last of them to come.</param>
/// <param name="Seconds">From the newcomer's first use to the first one's last.</param>
internal sealed record Together(IReadOnlyList<int> Groups, int Newcomer, long Seconds, long From, long To)
{
    private const int FewVisits = 3;

    /// <summary>Newcomers within this time came together.</summary>
    private const long CompanySeconds = 3 * 3600;

    /// <param name="groupOf">The person, or the device, by the index of the identity.</param>
    /// <param name="settledSeconds">How long the others must have been known before the newcomer.</param>
    /// <param name="newcomers">Which groups may be the newcomer.</param>
    public static Together? Measure(LicenseUse state, int[] groupOf, long settledSeconds, Func<int, bool> newcomers, DetectionPolicy policy)
    {
        var members = Members(state, groupOf, policy);
        var handover = (long)(policy.HandoverMinutes * 60);
        Together? longest = null;
        foreach (var newcomer in members.Where(member => newcomers(member.Group)))
        {
            var there = members
                .Where(member => member != newcomer && member.First <= newcomer.First - settledSeconds && member.NextPresence(newcomer.First + handover) < long.MaxValue)
                .ToList();
            // Beside one who was there before: one machine may be tried, two at once are at work, and count as one newcomer.
            var company = there.Exists(member => member.Records >= 2 && !member.CameWith(newcomer)) ? there.FindAll(member => member.CameWith(newcomer)) : [];
            var last = Math.Max(newcomer.Last, company.Count > 0 ? company.Max(member => member.Last) : 0);
            var others = there
                .Where(member => company.Contains(member) || (member.Records >= 2 && member.NextPresence(newcomer.First + handover) <= last))
                .OrderByDescending(member => company.Contains(member) ? last : member.Last)
                .Take(policy.DeviceLimit)
                .ToList();
            if (others.Count < policy.DeviceLimit || !(newcomer.Works(policy) || others.Exists(company.Contains)))
                continue;
            var to = others.Where(member => !company.Contains(member)).Select(member => member.Last).Append(last).Min();
            if (to - newcomer.First > (longest?.Seconds ?? 0))
                longest = new Together([newcomer.Group, .. others.Select(other => other.Group)], newcomer.Group, to - newcomer.First, newcomer.First, to);
        }

        return longest;
    }

    private static List<Member> Members(LicenseUse state, int[] groupOf, DetectionPolicy policy) =>
        [.. Enumerable.Range(0, state.Identities.Count)
            .GroupBy(i => groupOf[i])
            .OrderBy(group => group.Key)
            .Select(group => new Member(
                group.Key,
                group.Sum(i => state.Identities[i].Records),
                Spans.Union(group.SelectMany(i => state.Identities[i].Stints).Where(stint => stint.End > state.ForgivenUntil), 0),
                (long)(policy.TurnGapMinutes * 60)))
            .Where(member => member.Stints.Count > 0)];

    private sealed record Member(int Group, int Records, List<Stint> Stints, long TurnGap)
    {
        public long First => Stints[0].Start;

        public long Last => Stints[^1].End;

        /// <summary>The first moment from a time on at which it was present; the end of time when it never was.</summary>
        public long NextPresence(long from)
        {
            var index = Stints.FindIndex(stint => stint.End >= from);
            return index < 0 ? long.MaxValue : Math.Max(from, Stints[index].Start);
        }

        public bool CameWith(Member other) => Math.Abs(First - other.First) <= CompanySeconds;

        /// <summary>At work, not tried: for a while in all, or again and again.</summary>
        public bool Works(DetectionPolicy policy) =>
            Stints.Sum(stint => stint.End - stint.Start) >= policy.WorkMinutes * 60 || Spans.Union(Stints, TurnGap).Count >= FewVisits;
    }
}
