namespace Licensing.Suspicion;

/// <summary>
/// More people than the limit use the license in one period, at the same time or in turns: a new person came, the others were still present
/// afterwards, and the new person was present again after them. Devices that replace one another never show this pattern, however quickly
/// they change.
/// </summary>
/// <param name="Groups">The persons, or the devices; the newest one first.</param>
/// <param name="Newest">The one that came last.</param>
/// <param name="Seconds">From the first use by the newest one to the last use by the one that stopped first.</param>
internal sealed record SharedUse(IReadOnlyList<int> Groups, int Newest, long Seconds, long From, long To)
{
    /// <param name="groupOf">The person, or the device, by the index of the identity.</param>
    /// <param name="established">How long the others must have been known before the newest one.</param>
    /// <param name="mayBeNewest">Which groups may be the newest one.</param>
    public static SharedUse? Measure(
        DetectionState state, int[] groupOf, TimeSpan established, Func<int, bool> mayBeNewest, DetectionPolicy policy)
    {
        if (groupOf.Distinct().Count() <= policy.DeviceLimit)
            return null;
        var members = Members(state, groupOf);
        var handover = policy.HandoverDuration.Seconds();
        SharedUse? longest = null;
        foreach (var candidate in members.Where(member => mayBeNewest(member.Group)))
        {
            var newest = candidate.KnownAt(candidate.First + policy.CompanyDuration.Seconds());
            var others = members
                .Where(member => member != candidate && member.First <= newest.First - established.Seconds())
                .Select(member => member.KnownAt(newest.First))
                .Where(member => member.NextPresence(newest.First + handover) < long.MaxValue)
                .ToList();
            // One new device beside a known one may be a trial. Two that came together are in real use; they count as one newest group.
            var company = others.Exists(member => member.Records >= policy.PresentRecords && !CameTogether(member, newest, policy))
                ? others.FindAll(member => CameTogether(member, newest, policy))
                : [];
            var last = Math.Max(newest.Last, company.Count > 0 ? company.Max(member => member.Last) : 0);
            var present = others
                .Where(member => company.Contains(member)
                    || (member.Records >= policy.PresentRecords && member.NextPresence(newest.First + handover) <= last))
                .OrderByDescending(member => company.Contains(member) ? last : member.Last)
                .Take(policy.DeviceLimit)
                .ToList();
            if (present.Count < policy.DeviceLimit || !(newest.Works(policy) || present.Exists(company.Contains)))
                continue;
            var to = present.Where(member => !company.Contains(member)).Select(member => member.Last).Append(last).Min();
            if (to - newest.First > (longest?.Seconds ?? 0))
            {
                longest = new SharedUse(
                    [newest.Group, .. present.Select(other => other.Group)], newest.Group, to - newest.First, newest.First, to);
            }
        }

        return longest;
    }

    private static List<Member> Members(DetectionState state, int[] groupOf) =>
        [.. Enumerable.Range(0, state.Identities.Count)
            .GroupBy(i => groupOf[i], i => state.Identities[i])
            .OrderBy(group => group.Key)
            .Select(group => Member.Of(group.Key, [.. group], state.HarmlessUntil))
            .Where(member => member.Presence.Count > 0)];

    private static bool CameTogether(Member a, Member b, DetectionPolicy policy) =>
        Math.Abs(a.First - b.First) <= policy.CompanyDuration.Seconds();

    private sealed record Member(int Group, List<IdentityUse> Identities, List<PresenceSpan> Presence, long Since)
    {
        public static Member Of(int group, List<IdentityUse> identities, long since) => new(
            group, identities,
            identities is [{ Presence: var presence }] ? (since == 0 ? presence : presence.FindAll(span => span.End > since))
                : Spans.Union(identities.SelectMany(identity => identity.Presence).Where(span => span.End > since), 0),
            since);

        public int Records { get; } = Identities.Sum(identity => identity.Records);

        public long First => Presence[0].Start;

        public long Last => Presence[^1].End;

        /// <summary>
        /// The group without identities that came after a time and have only a network in common with it: another terminal on that network
        /// doesn't mean that the group has returned.
        /// </summary>
        public Member KnownAt(long at)
        {
            if (Identities.TrueForAll(identity => identity.FirstAt <= at))
                return this;
            var known = Identities.FindAll(identity => identity.FirstAt <= at);
            var returned = Identities.FindAll(identity => identity.FirstAt <= at
                || known.Exists(other => People.SameEa(other, identity) || People.SameAccount(other, identity)));
            return returned.Count == Identities.Count ? this : Of(Group, returned, Since);
        }

        /// <summary>The first moment at or after a time at which it was present; long.MaxValue when there is none.</summary>
        public long NextPresence(long from)
        {
            var index = Presence.FindIndex(span => span.End >= from);
            return index < 0 ? long.MaxValue : Math.Max(from, Presence[index].Start);
        }

        /// <summary>It works with the license and does not only try it: long enough in total, or in several visits.</summary>
        public bool Works(DetectionPolicy policy) =>
            Presence.Sum(span => span.End - span.Start) >= policy.WorkDuration.TotalSeconds
            || Spans.Union(Presence, policy.TurnGap.Seconds()).Count >= policy.WorkVisits;
    }
}
