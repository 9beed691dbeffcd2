namespace Licensing.Suspicion;

/// <summary>Identities that were first used in one week.</summary>
/// <param name="Strangers">Identities that shared neither account, EA nor network with any before them.</param>
/// <param name="OfNewAccounts">Identities whose accounts were new.</param>
internal sealed record NewPeople(IReadOnlyList<int> Strangers, IReadOnlyList<int> OfNewAccounts)
{
    public static NewPeople Of(DetectionState state, DetectionPolicy policy)
    {
        var from = Math.Max(state.HarmlessUntil, state.Clock - DetectionPolicy.Week.Seconds());
        var (strangers, accounts) = (new List<int>(), new List<int>());
        var before = new List<int>();
        foreach (var i in Enumerable.Range(0, state.Identities.Count).OrderBy(i => state.Identities[i].FirstAt))
        {
            var identity = state.Identities[i];
            if (before.Count > 0 && identity.FirstAt >= from && !identity.Trusted)
            {
                if (IsKnown(identity) && !before.Exists(j => IsRelated(state.Identities[j], identity)))
                    strangers.Add(i);
                if (identity.Account != 0 && !before.Exists(j => state.Identities[j].Account == identity.Account))
                    accounts.Add(i);
            }

            before.Add(i);
        }

        return new NewPeople(strangers, accounts);

        bool IsKnown(IdentityUse identity) =>
            identity.Records >= policy.PresentRecords && (identity.Ea.Length > 0 || identity.Account != 0);
    }

    /// <summary>They share an EA, an account or a network.</summary>
    public static bool IsRelated(IdentityUse a, IdentityUse b) =>
        People.SameEa(a, b) || People.SameAccount(a, b) || a.Networks.Exists(network => b.On(network.Network) is not null);
}
