using System.Text.Json.Serialization;

namespace Licensing.Suspicion;

/// <summary>
/// The knobs of the detector. The defaults were set on one family of seeds of the tests' corpus generator and are reported on another.
/// A policy file is this record as JSON in snake_case; what it leaves out keeps its default; a name that is not here is refused.
/// </summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record DetectionPolicy
{
    /// <summary>People, and devices, that may use a license at once (MAX_DEVICES_PER_LICENSE). 1 to 100.</summary>
    public int DeviceLimit { get; init; } = 2;

    /// <summary>Distinct networks (/24, /64) in 24 hours above which MULTIPLE_IPS is found (SUSPICIOUS_ACTIVITY_THRESHOLD).</summary>
    public int NetworksInDay { get; init; } = 3;

    /// <summary>Changes of network by one device in an hour from which RAPID_IP_CHANGES is found.</summary>
    public int NetworkChangesInHour { get; init; } = 6;

    /// <summary>Speed in km/h between two uses of one device above which GEOGRAPHIC_ANOMALY is found; radii are subtracted first.</summary>
    public double SpeedKmh { get; init; } = 900;

    /// <summary>Accuracy radius in km of a place that has none of its own. Free city databases are right within 50 km in three cases of four.</summary>
    public double PlaceRadiusKm { get; init; } = 50;

    /// <summary>Distance in km, less radii, from which two places count as far apart.</summary>
    public double FarKm { get; init; } = 300;

    /// <summary>
    /// Minutes from which the license is suspended: more people than the limit use it in that time, from the newest one's first use to the
    /// first one's last. Longer than clocks err and than one machine replaces another.
    /// </summary>
    public double PeopleMinutes { get; init; } = 35;

    /// <summary>The same when all of them are in places far apart: geography raises, it does not decide.</summary>
    public double FarPeopleMinutes { get; init; } = 30;

    /// <summary>The same when all of them use one line: terminals of one owner look like it at first.</summary>
    public double OneLinePeopleMinutes { get; init; } = 90;

    /// <summary>Minutes after a newcomer's first use in which the use of others may still be a handover.</summary>
    public double HandoverMinutes { get; init; } = 15;

    /// <summary>Minutes of use in all from which a newcomer is at work and does not only try, unless it comes again and again.</summary>
    public double WorkMinutes { get; init; } = 35;

    /// <summary>
    /// Minutes in which more devices than the limit, of two people, use the license when the newest shares nothing with the others and those
    /// were known for <see cref="EstablishedHours"/>.
    /// </summary>
    public double StrangerMinutes { get; init; } = 30;

    /// <summary>Minutes at once, in 7 days, of more devices than the limit, of two people: longer than a move to another server takes, with both running for a day.</summary>
    public double DeviceMinutes { get; init; } = 32 * 60;

    /// <summary>Hours for which devices were in use before a newcomer, so that they are no move under way.</summary>
    public double EstablishedHours { get; init; } = 20;

    /// <summary>
    /// Minutes that one EA and account worked in each of more far places than the limit while it worked in another: longer than a provider takes
    /// to move a machine.
    /// </summary>
    public double CloneMinutes { get; init; } = 30;

    /// <summary>
    /// Minutes over which one EA and account work in two far places at once, from the first time to the last: longer than a copied server takes to
    /// replace the old one, with both running for a day.
    /// </summary>
    public double TwinMinutes { get; init; } = 30 * 60;

    /// <summary>Share of those minutes in which both must be at work. 0 to 1.</summary>
    public double TwinShare { get; init; } = 0.13;

    /// <summary>Minutes without use that end a turn.</summary>
    public double TurnGapMinutes { get; init; } = 180;

    /// <summary>Minutes between two sessions of known length which still count as one presence.</summary>
    public double SessionGapMinutes { get; init; } = 20;

    /// <summary>Minutes between two records without a session's length which still count as one presence: above the usual hour.</summary>
    public double RecordGapMinutes { get; init; } = 95;

    /// <summary>Minutes before a record without a session's length that count as presence, at most: half of the usual time between records, where that is known.</summary>
    public double RecordMinutes { get; init; } = 30;

    /// <summary>Days for which presence counts as evidence, and for which it is kept.</summary>
    public int MemoryDays { get; init; } = 21;

    /// <summary>Days for which minutes at once are summed.</summary>
    public int OverlapDays { get; init; } = 7;

    /// <summary>Share of a suspension's evidence from which the customer is notified. 0 to 1.</summary>
    public double NotifyShare { get; init; } = 0.4;

    /// <summary>Share of a suspension's evidence from which unknown devices are refused. 0 to 1.</summary>
    public double RefuseShare { get; init; } = 0.75;

    /// <summary>The most that is done about people and devices at once, and about clones (CONCURRENT_SESSIONS).</summary>
    public FindingAction ConcurrentAtMost { get; init; } = FindingAction.Suspend;

    /// <summary>The most that is done about people who take turns (UNUSUAL_USAGE_PATTERN).</summary>
    public FindingAction TurnsAtMost { get; init; } = FindingAction.Suspend;

    /// <summary>Hours between two updates of an incident that only goes on.</summary>
    public double UpdateHours { get; init; } = 1;
}
