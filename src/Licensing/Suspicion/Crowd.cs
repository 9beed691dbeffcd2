namespace Licensing.Suspicion;

/// <summary>
/// Terminals on one network that are used at different hours: each is absent for long times in which others are at work. The terminals of
/// an account manager run together, and one terminal with accounts in turn has one of them at a time.
/// </summary>
/// <param name="Identities">The indexes of the identities on the network.</param>
/// <param name="OfOwnHours">How many of them are used at different hours.</param>
internal sealed record Crowd(IReadOnlyList<int> Identities, int OfOwnHours, long From, long To)
{
    public static Crowd? Measure(DetectionState state, DetectionPolicy policy)
    {
        if (state.Identities.Count < policy.CrowdLimit)
            return null;
        var from = Math.Max(state.HarmlessUntil, state.Clock - DetectionPolicy.Week.Seconds());
        return state.Identities
            .SelectMany((identity, i) => identity.Networks.Where(network => network.LastAt > from).Select(network => (network.Network, i)))
            .GroupBy(use => use.Network, use => use.i)
            .Where(network => network.Count() >= policy.CrowdLimit)
            .Select(network => On(state, [.. network], from, policy))
            .OfType<Crowd>()
            .MaxBy(crowd => crowd.OfOwnHours);
    }

    private static Crowd? On(DetectionState state, List<int> identities, long from, DetectionPolicy policy)
    {
        var presence = identities.ConvertAll(i => state.Identities[i].Presence.FindAll(span => span.End > from));
        var all = Spans.Union(presence.SelectMany(spans => spans), 0);
        var (total, some) = (presence.Sum(Spans.Length), Spans.Length(all));
        if (some < policy.CrowdDuration.Seconds() || total < policy.CrowdDepth * some)
            return null;
        var own = presence.Count(spans => spans.Count > 0
            && Spans.Length(spans) < policy.OwnHoursShare * Spans.Overlap(all, [new PresenceSpan(spans[0].Start, spans[^1].End, 0)]));
        return new Crowd(identities, own, Math.Max(from, all[0].Start), all[^1].End);
    }
}
