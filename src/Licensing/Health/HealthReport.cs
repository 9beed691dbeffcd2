namespace Licensing.Health;

/// <summary>What the customer can do; each has one place where it is done.</summary>
public enum HealthAction
{
    None,
    Renew,
    TurnOnAutoRenewal,
    AddPaymentMethod,
    ReplaceCard,
    Appeal,
    ContactSupport,
    StartExpertAdvisor,
    CheckExpertAdvisor,
    RemoveDevice,
    KeepDevices,
    AnswerAlert,
}

/// <summary>The four parts of the guide's score.</summary>
public enum HealthPart
{
    Status,
    Usage,
    Devices,
    Suspicion,
}

/// <summary>Points of one part: what was given or taken, why, and what would win it back.</summary>
/// <param name="Points">What it adds to the score; a loss is below 0.</param>
/// <param name="Reason">A sentence for people.</param>
/// <param name="Action">What wins a loss back; None beside a gain.</param>
/// <param name="Recommendation">The action as a sentence; null where there is none.</param>
public sealed record HealthContribution(HealthPart Part, int Points, string Reason, HealthAction Action = HealthAction.None, string? Recommendation = null);

/// <param name="Score">0 to 100, the exact sum of the contributions.</param>
/// <param name="Contributions">In order of the parts; a part's gain stands before its losses.</param>
public sealed record HealthReport(int Score, IReadOnlyList<HealthContribution> Contributions)
{
    /// <summary>Points are lost for silence: the next use wins them back.</summary>
    public bool IsSilent => Contributions.Any(contribution => contribution is { Action: HealthAction.StartExpertAdvisor, Points: < 0 });

    /// <summary>What to do, the most points first.</summary>
    public IEnumerable<HealthContribution> Recommendations =>
        Contributions.Where(contribution => contribution.Recommendation is not null).OrderBy(contribution => contribution.Points);
}
