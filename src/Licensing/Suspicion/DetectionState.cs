namespace Licensing.Suspicion;

/// <summary>
/// What the detector remembers of a license: bounded in size, and JSON as it is. Times are Unix seconds, so that a stored state stays small.
/// Only <see cref="Detector"/> changes one, and only a copy.
/// </summary>
public sealed class LicenseUse
{
    internal const int MaxIdentities = 24;

    /// <summary>Of the shape, so that a later one can be told from it.</summary>
    public int Version { get; set; } = 1;

    /// <summary>The latest time that any record bore.</summary>
    public long Clock { get; set; }

    /// <summary>Evidence before this was judged harmless by a person.</summary>
    public long ForgivenUntil { get; set; }

    public List<IdentityUse> Identities { get; set; } = [];

    public List<Incident> Incidents { get; set; } = [];

    /// <summary>Networks of the last day with their latest use.</summary>
    public List<Sighting> Networks { get; set; } = [];

    /// <summary>Whether an incident asks that devices which weren't known before it be refused, and this is one: use since then makes none known.</summary>
    public bool Refuses(string? eaInstanceId, long? account)
    {
        var known = Identities.Find(identity => identity.Is(IdentityUse.Normal(eaInstanceId), IdentityUse.Normal(account)));
        return known is not { Trusted: true }
            && Incidents.Exists(incident => incident.Action >= FindingAction.Refuse && (known is null || known.FirstAt > incident.FirstAt));
    }

    internal LicenseUse Copy() => new()
    {
        Version = Version,
        Clock = Clock,
        ForgivenUntil = ForgivenUntil,
        Identities = Identities.ConvertAll(identity => identity.Copy()),
        Incidents = [.. Incidents],
        Networks = [.. Networks],
    };
}

/// <summary>A stretch of time. Gap: seconds before it that still join it to an earlier one.</summary>
public readonly record struct Stint(long Start, long End, int Gap);

/// <summary>A session on one network of an identity; Told: by the record, not taken from the usual time between records.</summary>
public readonly record struct LineSession(int Line, long Start, long End, bool Told);

/// <summary>How much quicker than usual records came from far places in turn.</summary>
/// <param name="At">The latest record's time.</param>
/// <param name="Line">Its line.</param>
/// <param name="Excess">Work that one device can't have done, in usual times between records; 0 while the pace is that of one.</param>
/// <param name="Places">Lines of the far places that it came from.</param>
public sealed record Pace(long At, int Line, double Excess, IReadOnlyList<int> Places, long From, long To);

/// <summary>A network and when it was last seen.</summary>
public readonly record struct Sighting(string Network, long LastAt);

/// <summary>What was reported of a matter so far.</summary>
public sealed record Incident(string Key, FindingAction Action, Severity Severity, long FirstAt, long ReportedAt);

/// <summary>A network as one identity used it.</summary>
public sealed record Line(int Id, string Network, Place? Place, long FirstAt, long LastAt, int Records);

/// <summary>One EA and account, and what it did.</summary>
public sealed class IdentityUse
{
    internal const int MaxStints = 160;
    internal const int MaxLines = 12;
    internal const int MaxSessions = 96;
    internal const int FewSessions = 6;
    internal const int KnownRecords = 5;

    /// <summary>Times between records that must have been seen before one is usual.</summary>
    internal const int KnownGaps = 8;

    public string Ea { get; set; } = "";

    public long Account { get; set; }

    public long FirstAt { get; set; }

    public long LastAt { get; set; }

    /// <summary>The line of the latest record.</summary>
    public int LastLine { get; set; } = -1;

    public int Records { get; set; }

    /// <summary>Times that a record came from another network than the one before.</summary>
    public int Moves { get; set; }

    /// <summary>Latest moves, for changes in an hour.</summary>
    public List<long> RecentMoves { get; set; } = [];

    /// <summary>Usual seconds between records while it keeps to one network; 0 before it is known.</summary>
    public double UsualGap { get; set; }

    /// <summary>The variance of those times, as a share of the usual squared.</summary>
    public double GapSpread { get; set; }

    /// <summary>Times between records that went into <see cref="UsualGap"/>.</summary>
    public int Gaps { get; set; }

    /// <summary>Records in a row on the latest network.</summary>
    public int Steady { get; set; }

    /// <summary>Of the sessions that are no longer in <see cref="Sessions"/>.</summary>
    public Pace Pace { get; set; } = new(0, -1, 0, [], 0, 0);

    /// <summary>Judged to be the owner's by a person.</summary>
    public bool Trusted { get; set; }

    public int NextLine { get; set; }

    /// <summary>Presence, on whatever network, in order.</summary>
    public List<Stint> Stints { get; set; } = [];

    /// <summary>Networks, the latest used.</summary>
    public List<Line> Lines { get; set; } = [];

    /// <summary>Sessions by network, in order of their start: two at once can't be one device.</summary>
    public List<LineSession> Sessions { get; set; } = [];

    internal static string Normal(string? ea) => ea ?? "";

    internal static long Normal(long? account) => account ?? 0;

    internal bool Is(string ea, long account) => Account == account && string.Equals(Ea, ea, StringComparison.Ordinal);

    /// <summary>Its address changes so often that another address says nothing: a carrier's NAT, a pool of exits.</summary>
    internal bool Roams => Records >= KnownRecords && Moves > 0.4 * Records;

    internal Line? LineOf(int id) => Lines.Find(line => line.Id == id);

    internal Line? LatestLine => Lines.Count == 0 ? null : Lines.MaxBy(line => line.LastAt);

    internal IdentityUse Copy()
    {
        var copy = (IdentityUse)MemberwiseClone();
        copy.RecentMoves = [.. RecentMoves];
        copy.Stints = [.. Stints];
        copy.Lines = [.. Lines];
        copy.Sessions = [.. Sessions];
        return copy;
    }
}
