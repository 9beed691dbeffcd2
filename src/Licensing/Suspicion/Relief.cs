namespace Licensing.Suspicion;

/// <summary>
/// Two devices that relieve each other beside a third one: never more than two are at work, each runs for many hours, and hardly any time
/// is without one of them. So run the machines of two prop firms beside a live account, or those of two people.
/// </summary>
internal static class Relief
{
    public static bool Of(DetectionState state, People people, SharedUse shared, DetectionPolicy policy)
    {
        if (shared.Groups.Count != 3)
            return false;
        var presence = shared.Groups
            .Select(group => Spans.Union(
                state.Identities.Where((_, i) => people.Person[i] == group).SelectMany(identity => identity.Presence)
                    .Where(span => span.End > state.HarmlessUntil),
                policy.TurnGap.Seconds()))
            .ToList();
        return Enumerable.Range(0, 3).Any(beside =>
            Relieve(presence[(beside + 1) % 3], presence[(beside + 2) % 3], presence[beside], policy));
    }

    private static bool Relieve(List<PresenceSpan> a, List<PresenceSpan> b, List<PresenceSpan> beside, DetectionPolicy policy)
    {
        var both = Spans.Union([.. a, .. b], 0);
        var (from, to) = (Math.Max(a[0].Start, b[0].Start), both[^1].End);
        var since = new List<PresenceSpan> { new(from, to, 0) };
        var length = Spans.Overlap(Spans.Union([.. both, .. beside], 0), since);
        return Spans.Overlap(a, b) <= policy.ClockTolerance.Seconds()
            && Math.Min(a.Max(Length), b.Max(Length)) >= policy.ReliefDuration.Seconds()
            && Spans.Overlap(both, since) >= policy.ReliefShare * length
            && Spans.Overlap(beside, since) >= policy.ReliefShare * length;
    }

    private static long Length(PresenceSpan span) => span.End - span.Start;
}
