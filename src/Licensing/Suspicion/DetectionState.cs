using System.Text.Json.Serialization;

namespace Licensing.Suspicion;

/// <summary>
/// What the detector remembers of a license. It is bounded in size and stored as JSON; JsonPropertyName keeps the names of stored states.
/// Times are Unix seconds, so that a stored state stays small. Only <see cref="Detector"/> changes a state, and only a copy.
/// </summary>
public sealed class DetectionState
{
    /// <summary>Schema version of the stored state.</summary>
    public int Version { get; set; } = 1;

    /// <summary>The latest time in any record.</summary>
    public long Clock { get; set; }

    /// <summary>A review decided that evidence before this time is harmless.</summary>
    [JsonPropertyName("forgiven_until")]
    public long HarmlessUntil { get; set; }

    /// <summary>
    /// The first use after a pause so long that all earlier use was dropped; 0 if there was none. Devices first seen soon after it are
    /// treated as set up before the pause.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long ResumedAt { get; set; }

    public List<IdentityUse> Identities { get; set; } = [];

    public List<Incident> Incidents { get; set; } = [];

    /// <summary>Networks of the last 24 hours with their latest use.</summary>
    [JsonPropertyName("networks")]
    public List<RecentNetwork> RecentNetworks { get; set; } = [];

    /// <summary>
    /// True when an incident requires that unknown devices are refused or wait for the customer's answer, and this device is unknown: its
    /// first use came after the incident's start.
    /// </summary>
    public bool Refuses(string? eaInstanceId, long? account)
    {
        var known = Identities.Find(identity => identity.Is(IdentityUse.Normal(eaInstanceId), IdentityUse.Normal(account)));
        return known is not { Trusted: true }
            && Incidents.Exists(incident => incident.Action >= FindingAction.Ask && (known is null || known.FirstAt > incident.FirstAt));
    }

    internal DetectionState Copy() => With(Identities.ConvertAll(identity => identity.Copy()), [.. Incidents], [.. RecentNetworks]);

    /// <summary>
    /// Without the records of an EA that have no account, unless most of its records have none. They are those of terminals that had not
    /// logged in yet, possibly of several, so that they show neither another person nor a copy.
    /// </summary>
    internal DetectionState WithoutUnknown()
    {
        var known = Identities.FindAll(identity => !MayBeOthers(identity));
        return known.Count == Identities.Count ? this : With(known, Incidents, RecentNetworks);
    }

    /// <summary>The number of records that a new terminal may have written before its login.</summary>
    private const int FewRecords = 5;

    private bool MayBeOthers(IdentityUse identity) => identity.Account == 0
        && identity.Ea.Length > 0
        && (identity.Records <= Identities
                .Where(other => other.Account != 0 && string.Equals(other.Ea, identity.Ea, StringComparison.Ordinal))
                .Sum(other => other.Records)
            || (identity.Records < FewRecords && Identities.Exists(other => other.Account != 0)));

    private DetectionState With(List<IdentityUse> identities, List<Incident> incidents, List<RecentNetwork> networks) => new()
    {
        Version = Version,
        Clock = Clock,
        HarmlessUntil = HarmlessUntil,
        ResumedAt = ResumedAt,
        Identities = identities,
        Incidents = incidents,
        RecentNetworks = networks,
    };
}

/// <summary>A span of time in which an identity was at work.</summary>
/// <param name="Gap">Longest gap before <paramref name="Start"/>, in seconds, over which the span is joined to an earlier one.</param>
public readonly record struct PresenceSpan(long Start, long End, int Gap);

/// <summary>A session of an identity on one network.</summary>
/// <param name="NetworkId">The <see cref="NetworkUse.Id"/>.</param>
/// <param name="HasDuration">False when the duration was estimated from the usual time between records.</param>
public readonly record struct NetworkSession(
    [property: JsonPropertyName("line")] int NetworkId, long Start, long End, [property: JsonPropertyName("told")] bool HasDuration);

/// <summary>A network and its latest use.</summary>
public readonly record struct RecentNetwork(string Network, long LastAt);

/// <summary>What was reported about an incident so far.</summary>
public sealed record Incident(string Key, FindingAction Action, AlertSeverity Severity, long FirstAt, long ReportedAt);

/// <summary>The use of one network by one identity.</summary>
/// <param name="Network">The key of <see cref="Suspicion.Network.Of"/>.</param>
public sealed record NetworkUse(
    int Id, string Network, [property: JsonPropertyName("place")] Location? Location, long FirstAt, long LastAt, int Records);

/// <summary>One identity, that is one EA and account, and its use.</summary>
public sealed class IdentityUse
{
    public string Ea { get; set; } = "";

    public long Account { get; set; }

    public long FirstAt { get; set; }

    public long LastAt { get; set; }

    /// <summary>The network of the latest record; −1 when there is none.</summary>
    [JsonPropertyName("last_line")]
    public int LastNetworkId { get; set; } = -1;

    public int Records { get; set; }

    /// <summary>How often a record came from another network than the one before.</summary>
    public int Moves { get; set; }

    /// <summary>The times of the latest moves, for the changes in an hour.</summary>
    public List<long> RecentMoves { get; set; } = [];

    /// <summary>Seconds by which the clock is ahead; negative when it is behind.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int ClockError { get; set; }

    /// <summary>The error that the latest records show, and how many of them in a row.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int NewClockError { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int NewClockRecords { get; set; }

    /// <summary>The times of arrival of enough records are known, so that a wrong clock is corrected.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsClockKnown { get; set; }

    /// <summary>Moves all times, when the first records turn out to have a wrong time.</summary>
    internal void Shift(int seconds)
    {
        FirstAt += seconds;
        LastAt += seconds;
        ForgottenUntil += ForgottenUntil == 0 ? 0 : seconds;
        Presence = Presence.ConvertAll(span => span with { Start = span.Start + seconds, End = span.End + seconds });
        Sessions = Sessions.ConvertAll(session => session with { Start = session.Start + seconds, End = session.End + seconds });
        Networks = Networks.ConvertAll(network => network with { FirstAt = network.FirstAt + seconds, LastAt = network.LastAt + seconds });
    }

    /// <summary>Usual seconds between records on one network; 0 before the first two.</summary>
    public double UsualGap { get; set; }

    /// <summary>The number of times in <see cref="UsualGap"/>.</summary>
    public int Gaps { get; set; }

    /// <summary>Records in a row on the latest network.</summary>
    public int Steady { get; set; }

    /// <summary>The latest use of a network that <see cref="Networks"/> no longer contains; 0 for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long ForgottenUntil { get; set; }

    /// <summary>A review decided that this is a device of the subscriber.</summary>
    public bool Trusted { get; set; }

    [JsonPropertyName("next_line")]
    public int NextNetworkId { get; set; }

    /// <summary>Presence on any network, ordered by start.</summary>
    [JsonPropertyName("stints")]
    public List<PresenceSpan> Presence { get; set; } = [];

    /// <summary>The networks that were used last.</summary>
    [JsonPropertyName("lines")]
    public List<NetworkUse> Networks { get; set; } = [];

    /// <summary>Sessions on all networks, ordered by start. Two simultaneous sessions cannot come from one device.</summary>
    public List<NetworkSession> Sessions { get; set; } = [];

    internal static string Normal(string? ea) => ea ?? "";

    internal static long Normal(long? account) => account ?? 0;

    internal bool Is(string ea, long account) => Account == account && string.Equals(Ea, ea, StringComparison.Ordinal);

    /// <summary>The address changes so often that another address is no evidence.</summary>
    internal bool Roams(DetectionPolicy policy) => Records >= policy.RoamingRecords && Moves > policy.RoamingShare * Records;

    internal NetworkUse? NetworkOf(int id)
    {
        foreach (var network in Networks)
            if (network.Id == id)
                return network;
        return null;
    }

    internal NetworkUse? On(string network)
    {
        foreach (var known in Networks)
            if (string.Equals(known.Network, network, StringComparison.Ordinal))
                return known;
        return null;
    }

    internal NetworkUse? LatestNetwork
    {
        get
        {
            NetworkUse? latest = null;
            foreach (var network in Networks)
                latest = latest is null || network.LastAt > latest.LastAt ? network : latest;
            return latest;
        }
    }

    internal IdentityUse Copy()
    {
        var copy = (IdentityUse)MemberwiseClone();
        copy.RecentMoves = [.. RecentMoves];
        copy.Presence = [.. Presence];
        copy.Networks = [.. Networks];
        copy.Sessions = [.. Sessions];
        return copy;
    }
}
