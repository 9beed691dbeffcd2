namespace Licensing.Suspicion;

/// <summary>
/// A person who shares nothing with the earlier ones has come, and one of the earlier ones has not worked since: EA, account and place
/// changed at the same time, or the license was passed on.
/// </summary>
/// <param name="Person">The new person.</param>
/// <param name="Predecessor">The person who stopped.</param>
/// <param name="Seconds">The time for which the new person has worked without the other one.</param>
internal sealed record Succession(int Person, int Predecessor, long Seconds, long From, long To)
{
    /// <summary>Two identities may be a new and an old one. A cheap test before <see cref="Measure"/>.</summary>
    public static bool IsPossible(DetectionState state, DetectionPolicy policy) =>
        state.Identities.Exists(next => next.LastAt >= next.FirstAt + policy.SuccessionDuration.Seconds()
            && state.Identities.Exists(before => before.FirstAt <= next.FirstAt - policy.EstablishedDuration.Seconds()
                && before.LastAt <= next.FirstAt + policy.ClockTolerance.Seconds()));

    public static Succession? Measure(DetectionState state, People people, DetectionPolicy policy)
    {
        var members = Enumerable.Range(0, state.Identities.Count)
            .GroupBy(i => people.Person[i])
            .Select(group => (
                Person: group.Key,
                Identities: group.Select(i => state.Identities[i]).ToList(),
                Presence: Spans.Union(group.SelectMany(i => state.Identities[i].Presence), 0)))
            .Where(member => member.Presence.Count > 0)
            .ToList();
        Succession? longest = null;
        foreach (var next in members)
        {
            var first = next.Presence[0].Start;
            if (first < Math.Max(state.HarmlessUntil, state.Clock - DetectionPolicy.Week.Seconds())
                || next.Identities.Exists(identity => identity.Trusted || members.Exists(other =>
                    other.Person != next.Person && other.Identities.Exists(known => NewPeople.IsRelated(known, identity)))))
                continue;
            foreach (var before in members)
            {
                var last = before.Presence[^1].End;
                if (before.Presence[0].Start > first - policy.EstablishedDuration.Seconds()
                    || last > first + policy.ClockTolerance.Seconds())
                    continue;
                // Longer pauses of the new person, such as a weekend, do not count as work.
                var since = Spans.Union(next.Presence.FindAll(span => span.End > last), DetectionPolicy.Day.Seconds());
                var seconds = Spans.Length(since) - Math.Max(0, since.Count > 0 ? last - since[0].Start : 0);
                var pause = before.Presence.Zip(before.Presence.Skip(1), (a, b) => b.Start - a.End).Append(0).Max();
                var least = Math.Max(policy.SuccessionDuration.Seconds(), Math.Min(policy.LongestPause.Seconds(), pause));
                if (seconds >= least && seconds > (longest?.Seconds ?? 0))
                    longest = new Succession(next.Person, before.Person, seconds, first, next.Presence[^1].End);
            }
        }

        return longest;
    }
}
