namespace Licensing.Suspicion;

/// <summary>
/// The time in which more accounts than the platform's term allows were held: an account is held from its first use to its last. Accounts
/// that replace one another are never held together, however many they are.
/// </summary>
/// <param name="Most">The most accounts that were held at the same time.</param>
/// <param name="Identities">The indexes of the identities that were held then.</param>
internal sealed record AccountUse(long Seconds, long From, long To, int Most, IReadOnlyList<int> Identities)
{
    public static AccountUse? Measure(DetectionState state, DetectionPolicy policy)
    {
        if (policy.AccountLimit == 0 || state.Identities.Count <= policy.AccountLimit)
            return null;
        var from = Math.Max(state.HarmlessUntil, state.Clock - policy.OverlapMemory.Seconds());
        var held = Enumerable.Range(0, state.Identities.Count)
            .Where(i => state.Identities[i] is { Account: not 0, Trusted: false } identity && identity.LastAt > from)
            .GroupBy(i => state.Identities[i].Account)
            .Select(account => (
                From: Math.Max(from, account.Min(i => state.Identities[i].FirstAt)),
                To: account.Max(i => state.Identities[i].LastAt),
                Identities: account.ToList()))
            .ToList();
        if (held.Count <= policy.AccountLimit)
            return null;

        var edges = held.SelectMany(account => new[] { (At: account.From, Change: 1), (At: account.To, Change: -1) }).Order().ToList();
        var (seconds, first, last, most, depth, mostAt) = (0L, long.MaxValue, 0L, 0, 0, 0L);
        for (var e = 0; e + 1 < edges.Count; e++)
        {
            depth += edges[e].Change;
            if (depth <= policy.AccountLimit || edges[e + 1].At == edges[e].At)
                continue;
            seconds += edges[e + 1].At - edges[e].At;
            (first, last) = (Math.Min(first, edges[e].At), edges[e + 1].At);
            if (depth > most)
                (most, mostAt) = (depth, edges[e].At);
        }

        return seconds == 0
            ? null
            : new AccountUse(seconds, first, last, most,
                [.. held.Where(account => account.From <= mostAt && account.To > mostAt).SelectMany(account => account.Identities)]);
    }
}
