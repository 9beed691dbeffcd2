namespace Licensing.Suspicion;

/// <summary>The activity types of the integration guide that the detector uses.</summary>
public enum ActivityType { MultipleIps, RapidIpChanges, UnusualUsagePattern, ConcurrentSessions, GeographicAnomaly }

/// <summary>The severities of alerts, in rising order: suspicious_activity_alerts.severity.</summary>
public enum AlertSeverity { Low, Medium, High, Critical }

/// <summary>The action for a finding, in rising order. Each includes those before it.</summary>
public enum FindingAction
{
    /// <summary>Operators get an alert.</summary>
    Alert,

    /// <summary>The customer gets the mail "was this you?".</summary>
    Notify,

    /// <summary>
    /// The evidence has two explanations: the customer must answer, and unknown devices wait for it. Without an answer, an operator
    /// decides.
    /// </summary>
    Ask,

    /// <summary>Unknown devices are refused.</summary>
    Refuse,

    /// <summary>The license is suspended.</summary>
    Suspend,
}

/// <summary>The rule behind a finding.</summary>
public enum Rule
{
    /// <summary>More people than the limit at the same time: identities that share neither account, EA nor network.</summary>
    PeopleAtOnce,

    /// <summary>More devices than the limit at the same time.</summary>
    DevicesAtOnce,

    /// <summary>More devices than the limit take turns, and the newest of them shares nothing with the others.</summary>
    DeviceTurns,

    /// <summary>More people than the limit who take turns and come back.</summary>
    Turns,

    /// <summary>More devices than the limit in far places or on different networks, each for a part of the day, day after day.</summary>
    Shifts,

    /// <summary>Two devices that relieve each other, beside a third one.</summary>
    Relief,

    /// <summary>A person who shares nothing with the earlier ones works in place of one of them.</summary>
    Succession,

    /// <summary>One EA and account in use on more devices than the limit at the same time.</summary>
    ClonedIdentity,

    /// <summary>One EA and account in use on two devices at the same time: a copy, or a standby.</summary>
    TwoCopies,

    /// <summary>More accounts than the platform's term allows.</summary>
    Accounts,

    /// <summary>Many people in a week, each of whom shares nothing with those before.</summary>
    Strangers,

    /// <summary>Many new accounts in a week.</summary>
    NewAccounts,

    /// <summary>Many terminals on one network that are used at different hours.</summary>
    Crowd,

    /// <summary>Many networks in 24 hours.</summary>
    Networks,

    /// <summary>Many changes of network in an hour.</summary>
    NetworkChanges,

    /// <summary>One device that moved faster than an aircraft.</summary>
    Speed,
}

/// <summary>One device in the evidence.</summary>
/// <param name="Minutes">Its use that counted as evidence.</param>
public sealed record EvidenceDevice(
    string? EaInstanceId, long? Account, string? Network, string? Country, string? City,
    DateTimeOffset FirstAt, DateTimeOffset LastAt, int Records, double Minutes);

/// <summary>The evidence of a finding. It is stored as JSON with the alert.</summary>
/// <param name="Measured">The rule's measure, in the unit of <paramref name="Limit"/>: minutes, days, networks, changes, km/h.</param>
/// <param name="Limit">
/// The value from which the license is suspended, or for the rules about networks and speed, above which there is an alert.
/// </param>
/// <param name="MinutesAtOnce">Minutes in which more people or devices than allowed were at work at the same time.</param>
public sealed record Evidence(
    Rule Rule, DateTimeOffset From, DateTimeOffset To, double Measured, double Limit, double MinutesAtOnce, int People, int DeviceLimit,
    IReadOnlyList<EvidenceDevice> Devices)
{
    /// <summary>The accounts that the license allows, for <see cref="Rule.Accounts"/>.</summary>
    public int? AccountLimit { get; init; }

    /// <summary>The strongest measure that was taken; null until it is.</summary>
    public string? Measure { get; init; }
}

/// <summary>Something suspicious about one license.</summary>
/// <param name="Incident">
/// The key of the incident. It stays the same while the incident grows, so that its alert is updated and not repeated.
/// </param>
/// <param name="Description">A sentence for operators and customers.</param>
public sealed record Finding(
    ActivityType Type, AlertSeverity Severity, FindingAction Action, string Incident, string Description, Evidence Evidence);

public static class FindingActions
{
    /// <summary>The contract's auto_action_taken. It has no value for a refusal, which includes the mail: NOTIFIED.</summary>
    public static string AutoActionTaken(this FindingAction action) => action switch
    {
        FindingAction.Suspend => "SUSPENDED",
        FindingAction.Refuse or FindingAction.Ask or FindingAction.Notify => "NOTIFIED",
        _ => "NONE",
    };

    /// <summary>The strongest effect, for reports. They distinguish a refusal (REFUSED) from a mail (NOTIFIED).</summary>
    public static string StrongestEffect(this FindingAction action) =>
        action switch
        {
            FindingAction.Refuse => "REFUSED",
            FindingAction.Ask => "ASKED",
            _ => action.AutoActionTaken(),
        };
}
