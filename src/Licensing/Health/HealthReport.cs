namespace Licensing.Health;

/// <summary>What the customer can do about lost points. Each is done on one page.</summary>
public enum HealthAction
{
    None,
    Renew,
    TurnOnAutoRenewal,
    AddPaymentMethod,
    ReplaceCard,
    LiftSuspension,
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

/// <summary>Why a part adds or loses points, as a code. A page says it in the reader's language.</summary>
public enum HealthReason
{
    RunsUntil,
    Valid,
    WhileValid,
    LockedNoFunds,
    PausedToxic,
    Inactive,
    Suspended,
    SuspendedLiftable,
    Revoked,
    Expired,
    ExpiredWithoutPrice,
    PaymentChecked,
    InGrace,
    EndsWithoutRenewal,
    NoActivePrice,
    PriceConsent,
    NoPaymentMethod,
    UnknownPaymentProvider,
    AmountTooSmall,
    CardExpires,
    PaymentDeclined,
    InUse,
    WhileUsed,
    NoUseKnown,
    Unused,
    NotUsedYet,
    SignalsRejected,
    DevicesInUse,
    TooManyDevices,
    DeviceChanges,
    NoOpenAlert,
    WithoutOpenAlerts,
    AlertOpen,
    AlertInReview,
}

/// <summary>The values of a reason; those that it doesn't have are null.</summary>
/// <param name="Days">Days by the calendar (UTC) until the end, or whole days since the last use.</param>
/// <param name="Percent">Of the signals.</param>
/// <param name="Used">Devices.</param>
/// <param name="Severity">Of an alert.</param>
public sealed record HealthValues(
    DateTimeOffset? Until = null, int? Days = null, int? Percent = null, int? Used = null, int? Max = null, int? Changes = null,
    string? Severity = null);

/// <summary>Points that one part adds or loses, the reason, and how the customer regains them.</summary>
/// <param name="Points">Added to the score; below 0 for a loss.</param>
/// <param name="Reason">A sentence for people.</param>
/// <param name="Action">The action that regains lost points; None for a gain.</param>
/// <param name="Recommendation">The action as a sentence; null if there is none.</param>
public sealed record HealthContribution(
    HealthPart Part, int Points, string Reason, HealthAction Action = HealthAction.None, string? Recommendation = null)
{
    /// <summary>The reason as a code with values.</summary>
    public required HealthReason Code { get; init; }

    public HealthValues Values { get; init; } = new();
}

/// <param name="Score">0 to 100: the exact sum of the contributions.</param>
/// <param name="Contributions">In order of the parts; the gain of a part comes before its losses.</param>
public sealed record HealthReport(int Score, IReadOnlyList<HealthContribution> Contributions)
{
    /// <summary>Whether points are lost because the license is not used; the next use regains them.</summary>
    public bool IsSilent => Contributions.Any(
        contribution => contribution is { Code: HealthReason.Unused or HealthReason.NotUsedYet, Points: < 0 });

    /// <summary>What the customer can do; the largest loss comes first.</summary>
    public IEnumerable<HealthContribution> Recommendations =>
        Contributions.Where(contribution => contribution.Recommendation is not null).OrderBy(contribution => contribution.Points);
}
