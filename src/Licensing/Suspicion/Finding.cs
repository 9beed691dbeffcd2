namespace Licensing.Suspicion;

/// <summary>The guide's activity types.</summary>
public enum ActivityType { MultipleIps, RapidIpChanges, UnusualUsagePattern, ConcurrentSessions, GeographicAnomaly }

/// <summary>The guide's severities, in rising order.</summary>
public enum Severity { Low, Medium, High, Critical }

/// <summary>What the policy does about a finding, in rising order; each includes those before it.</summary>
public enum FindingAction
{
    /// <summary>An open alert for the operators.</summary>
    Alert,

    /// <summary>The customer is asked "was this you?".</summary>
    Notify,

    /// <summary>Devices that the license has not known so far are refused.</summary>
    Refuse,

    /// <summary>The license is suspended.</summary>
    Suspend,
}

/// <summary>Which evidence a finding rests on.</summary>
public enum Rule
{
    /// <summary>More people than the limit at once: devices that share neither account, EA nor line.</summary>
    PeopleAtOnce,

    /// <summary>More devices than the limit at once, of two people or more.</summary>
    DevicesAtOnce,

    /// <summary>People beyond the limit who take turns and come back.</summary>
    Turns,

    /// <summary>One EA and account at work in far places at once.</summary>
    ClonedIdentity,

    /// <summary>Many networks in 24 hours.</summary>
    Networks,

    /// <summary>Networks that change many times in an hour.</summary>
    NetworkChanges,

    /// <summary>One device faster than an aircraft.</summary>
    Speed,
}

/// <summary>One device in the evidence, with what it did.</summary>
/// <param name="Minutes">Of its use that counted as evidence.</param>
public sealed record EvidenceDevice(
    string? EaInstanceId, long? Account, string? Network, string? Country, string? City,
    DateTimeOffset FirstAt, DateTimeOffset LastAt, int Records, double Minutes);

/// <summary>What a finding was drawn from; serialises to JSON as it is.</summary>
/// <param name="Measured">The rule's measure, in the unit of <paramref name="Limit"/>: minutes, networks, changes, km/h.</param>
/// <param name="Limit">At or above which the rule holds.</param>
/// <param name="MinutesAtOnce">In which more than the limit were at work at the very same time.</param>
public sealed record Evidence(
    Rule Rule, DateTimeOffset From, DateTimeOffset To, double Measured, double Limit, double MinutesAtOnce, int People, int DeviceLimit,
    IReadOnlyList<EvidenceDevice> Devices);

/// <summary>Something suspicious about one license.</summary>
/// <param name="Incident">Same for the same matter as it grows, so that one alert is updated and not repeated.</param>
/// <param name="Description">A sentence for people.</param>
public sealed record Finding(
    ActivityType Type, Severity Severity, FindingAction Action, string Incident, string Description, Evidence Evidence);

/// <summary>The words of the contract for the enumerations above: MULTIPLE_IPS, LOW, SUSPEND.</summary>
public static class ContractWords
{
    public static string Word<T>(this T value) where T : struct, Enum =>
        System.Text.Json.JsonNamingPolicy.SnakeCaseUpper.ConvertName(value.ToString());
}
