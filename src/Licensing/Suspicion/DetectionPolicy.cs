using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Licensing.Suspicion;

/// <summary>
/// All numbers of the detector. The defaults were set on one range of seeds of the tests' corpus generator; accuracy is reported on
/// another.
/// </summary>
/// <remarks>
/// A policy file is this record as JSON. The attributes give each field's name in the file, its unit and its range. A missing field keeps
/// its default; an unknown name is refused. Two kinds of numbers are not here, because stored states and the names of rules contain them:
/// the address prefixes that <see cref="Network"/> compares (/18, /24, /32, /64), and the 24 hours and the one hour in which networks and
/// their changes are counted.
/// </remarks>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record DetectionPolicy
{
    /// <summary>The period of <see cref="NetworksInDay"/>.</summary>
    internal static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>The period of <see cref="NetworkChangesInHour"/>.</summary>
    internal static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>The period in which new people and accounts are counted.</summary>
    internal static readonly TimeSpan Week = TimeSpan.FromDays(7);

    // What is allowed.

    /// <summary>
    /// People, and devices, that may use a license at the same time. The setting MAX_DEVICES_PER_LICENSE replaces the file's value. A limit
    /// of <see cref="MaxIdentities"/> or more is never exceeded.
    /// </summary>
    [Number(1, 100)]
    public int DeviceLimit { get; init; } = 2;

    /// <summary>
    /// Accounts that a license may hold at the same time, at once or in turn; 0 when only devices are limited. The setting
    /// ACCOUNTS_PER_LICENSE replaces the file's value.
    /// </summary>
    [Number(0, 1_000)]
    public int AccountLimit { get; init; }

    /// <summary>
    /// Distinct networks (/24 of IPv4, /64 of IPv6) in 24 hours above which MULTIPLE_IPS is found. The setting
    /// SUSPICIOUS_ACTIVITY_THRESHOLD replaces the file's value. With <see cref="MaxNetworksInDay"/> or more, there is no finding.
    /// </summary>
    [Number(1, 1_000)]
    public int NetworksInDay { get; init; } = 3;

    /// <summary>
    /// Changes of network by one device in an hour from which RAPID_IP_CHANGES is found. With more than <see cref="MaxNetworkChanges"/>,
    /// there is no finding.
    /// </summary>
    [Number(1, 1_000)]
    public int NetworkChangesInHour { get; init; } = 6;

    /// <summary>
    /// Speed in km/h between two records of one device above which GEOGRAPHIC_ANOMALY is found; accuracy radii are subtracted first. The
    /// default is the speed of an aircraft.
    /// </summary>
    [Number(1, 1_000_000)]
    public double SpeedKmh { get; init; } = 900;

    /// <summary>The least time between two records for a speed: clocks are not more accurate.</summary>
    [JsonPropertyName("speed_clock_seconds"), Seconds(1, 3_600)]
    public TimeSpan SpeedClockError { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Accuracy radius in km of a location without a stated one. Free city databases are right within 50 km in three of four cases.
    /// </summary>
    [JsonPropertyName("place_radius_km"), Number(0, 5_000)]
    public double LocationRadiusKm { get; init; } = 50;

    /// <summary>
    /// Distance in km, less radii, from which two locations are far apart. The default is beyond the errors of city databases.
    /// </summary>
    [Number(1, 20_000)]
    public double FarKm { get; init; } = 300;

    /// <summary>
    /// Leading bits of an IPv4 address that two networks of one provider have in common. Carriers get blocks of this size. IPv6: always
    /// /32.
    /// </summary>
    [Number(8, 16)]
    public int ProviderBlockBits { get; init; } = 12;

    // The amount of evidence from which a license is suspended.

    /// <summary>
    /// Time in which more people than the limit use the license, from the newest one's first use to the first one's last. Longer than the
    /// error of clocks, and longer than one device takes to replace another.
    /// </summary>
    [JsonPropertyName("people_minutes"), Minutes(1, 43_200)]
    public TimeSpan PeopleDuration { get; init; } = TimeSpan.FromMinutes(35);

    /// <summary>
    /// The same when all of them are in locations far apart. Geography makes it shorter; geography alone decides nothing.
    /// </summary>
    [JsonPropertyName("far_people_minutes"), Minutes(1, 43_200)]
    public TimeSpan FarPeopleDuration { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// The same when all of them use one network. Longer, because several terminals of one subscriber look like several people at first.
    /// </summary>
    [JsonPropertyName("one_line_people_minutes"), Minutes(1, 43_200)]
    public TimeSpan OneNetworkPeopleDuration { get; init; } = TimeSpan.FromMinutes(90);

    /// <summary>Time after the first use by the newest person in which the use by others may still be a handover.</summary>
    [JsonPropertyName("handover_minutes"), Minutes(0, 1_440)]
    public TimeSpan HandoverDuration { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Total use from which the newest person works with the license. Less is a trial, unless it is repeated.</summary>
    [JsonPropertyName("work_minutes"), Minutes(0, 1_440)]
    public TimeSpan WorkDuration { get; init; } = TimeSpan.FromMinutes(35);

    /// <summary>
    /// Work of each other person after the newest one came, from which they take turns. Less counts as a short use of a device that was
    /// replaced.
    /// </summary>
    [JsonPropertyName("turn_minutes"), Minutes(0, 1_440)]
    public TimeSpan TurnDuration { get; init; } = TimeSpan.FromMinutes(120);

    /// <summary>Separate visits from which the newest person works with the license, however short they are.</summary>
    [Number(1, 100)]
    public int WorkVisits { get; init; } = 3;

    /// <summary>Records from which another person counts as present. One record alone may be an error.</summary>
    [Number(1, 100)]
    public int PresentRecords { get; init; } = 2;

    /// <summary>
    /// The longest visit of each of two devices that never are at work together, from which they relieve each other like two servers do.
    /// Then the customer is asked.
    /// </summary>
    [JsonPropertyName("relief_hours"), Hours(1, 168)]
    public TimeSpan ReliefDuration { get; init; } = TimeSpan.FromHours(7);

    /// <summary>Share of the time in which one of the two, and also the third device, is at work.</summary>
    [Number(0, 1)]
    public double ReliefShare { get; init; } = 0.45;

    /// <summary>
    /// Days, within <see cref="ShiftMemory"/>, on which more devices than the limit, in far places, work for <see cref="ShiftDuration"/>
    /// each. No person travels like this.
    /// </summary>
    [Number(1, 90)]
    public int ShiftDays { get; init; } = 4;

    /// <summary>The same, from which the customer is asked.</summary>
    [Number(1, 90)]
    public int ShiftDaysToAsk { get; init; } = 3;

    /// <summary>
    /// The same, within <see cref="OverlapMemory"/>, where the places are not known to be far apart. Only full days count: one person
    /// with three devices sleeps.
    /// </summary>
    [Number(1, 90)]
    public int FullShiftDays { get; init; } = 6;

    /// <summary>
    /// The same, within <see cref="ShiftMemory"/>. If records are only written while the market is open, no week has
    /// <see cref="FullShiftDays"/>.
    /// </summary>
    [Number(1, 90)]
    public int FullShiftDaysInMemory { get; init; } = 8;

    /// <summary>
    /// Period in which these days are counted if each device keeps its own hours, none is a server, and the places are far apart or
    /// <see cref="FullShiftDaysInMemory"/> are full. Otherwise, <see cref="OverlapMemory"/> applies. The market is closed on weekends, so a
    /// week has few days with all devices.
    /// </summary>
    [JsonPropertyName("shift_memory_days"), Days(1, 90)]
    public TimeSpan ShiftMemory { get; init; } = TimeSpan.FromDays(14);

    /// <summary>Work of each of these devices on such a day.</summary>
    [JsonPropertyName("shift_hours"), Hours(0.1, 24)]
    public TimeSpan ShiftDuration { get; init; } = TimeSpan.FromHours(2);

    /// <summary>Work of each of them on a full day.</summary>
    [JsonPropertyName("full_shift_hours"), Hours(0.1, 24)]
    public TimeSpan FullShiftDuration { get; init; } = TimeSpan.FromHours(4);

    /// <summary>Their longest visit. A server works day and night.</summary>
    [JsonPropertyName("longest_shift_hours"), Hours(1, 168)]
    public TimeSpan LongestShift { get; init; } = TimeSpan.FromHours(14);

    /// <summary>Work of all of them on a full day.</summary>
    [JsonPropertyName("full_day_hours"), Hours(0, 24)]
    public TimeSpan FullDayDuration { get; init; } = TimeSpan.FromHours(18);

    /// <summary>
    /// Share of their work at hours of the day at which only one of them works. From this share, the license is suspended. Servers that
    /// replace one another when they fail have no such hours.
    /// </summary>
    [Number(0, 1)]
    public double OwnShiftShare { get; init; } = 0.8;

    /// <summary>Two people whose first use lies within this time came together.</summary>
    [JsonPropertyName("company_hours"), Hours(0, 72)]
    public TimeSpan CompanyDuration { get; init; } = TimeSpan.FromHours(3);

    /// <summary>
    /// Time in which more devices than the limit, of two people, use the license when the newest shares nothing with the others and the
    /// others were known for <see cref="EstablishedDuration"/>.
    /// </summary>
    [JsonPropertyName("stranger_minutes"), Minutes(1, 43_200)]
    public TimeSpan StrangerDuration { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// Time for which a new device that shares nothing with the earlier ones works in place of one of them. The customer is asked. It is
    /// longer than an outage. It must also exceed the pauses of the other device, up to <see cref="LongestPause"/>.
    /// </summary>
    [JsonPropertyName("succession_hours"), Hours(1, 168)]
    public TimeSpan SuccessionDuration { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A device that is absent for this time has stopped, however long its pauses before were. Longer than a weekend.</summary>
    [JsonPropertyName("longest_pause_hours"), Hours(1, 720)]
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromHours(72);

    /// <summary>
    /// Time in which more devices than the limit are in use at the same time within <see cref="OverlapMemory"/>, not counting what may be
    /// a move. As long as for people: time within the possible error of a clock is not counted.
    /// </summary>
    [JsonPropertyName("devices_at_once_minutes"), Minutes(1, 43_200)]
    public TimeSpan DevicesAtOnceDuration { get; init; } = TimeSpan.FromMinutes(35);

    /// <summary>
    /// Time after the first use of a device in which it may still be replacing another one that has the same EA or account. During a move
    /// to another server both servers run for a day.
    /// </summary>
    [JsonPropertyName("device_minutes"), Minutes(1, 43_200)]
    public TimeSpan MoveDuration { get; init; } = TimeSpan.FromMinutes(32 * 60);

    /// <summary>
    /// The same if the other device was new, too: its first use was less than <see cref="EstablishedDuration"/> before that of this one.
    /// Nobody needs a day to move what was set up on the same day. Not for two that were there within <see cref="CompanyDuration"/> after
    /// the license's first use or soon after a long pause, nor for two that came together and may be behind one router.
    /// </summary>
    [JsonPropertyName("new_device_minutes"), Minutes(1, 43_200)]
    public TimeSpan NewDeviceMoveDuration { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>
    /// <see cref="MoveDuration"/> of two devices that have nothing in common, and the least evidence of people at once, where the times of
    /// arrival are not known: clocks are wrong by up to an hour. Where they are known, <see cref="PeopleDuration"/> applies: a handover
    /// takes minutes. Also the least evidence of turns, because a device that stops may have handed over to the newest one.
    /// </summary>
    [JsonPropertyName("clock_tolerance_minutes"), Minutes(0, 1_440)]
    public TimeSpan ClockTolerance { get; init; } = TimeSpan.FromMinutes(100);

    /// <summary>Time for which devices were in use before the newest one, so that they are not part of a move.</summary>
    [JsonPropertyName("established_hours"), Hours(0, 720)]
    public TimeSpan EstablishedDuration { get; init; } = TimeSpan.FromHours(20);

    /// <summary>
    /// Time for which one EA and account work on more devices than the limit at the same time. Longer than a provider takes to move a
    /// virtual machine, and longer than the overlap of sessions that appears when a clock is set back by an hour.
    /// </summary>
    [JsonPropertyName("clone_minutes"), Minutes(1, 43_200)]
    public TimeSpan CloneDuration { get; init; } = TimeSpan.FromMinutes(65);

    /// <summary>
    /// Time over which one EA and account work on two devices at the same time, from the first overlap to the last. Longer than a copied
    /// server takes to replace the old one, during which both run for a day.
    /// </summary>
    [JsonPropertyName("twin_minutes"), Minutes(1, 43_200)]
    public TimeSpan TwinDuration { get; init; } = TimeSpan.FromMinutes(30 * 60);

    /// <summary>Share of <see cref="TwinDuration"/> in which both must be at work. A few short overlaps are no evidence.</summary>
    [Number(0.01, 1)]
    public double TwinShare { get; init; } = 0.13;

    /// <summary>Time in which more accounts than <see cref="AccountLimit"/> are held. Longer than clocks are wrong.</summary>
    [JsonPropertyName("accounts_minutes"), Minutes(1, 43_200)]
    public TimeSpan AccountsDuration { get; init; } = TimeSpan.FromMinutes(120);

    /// <summary>
    /// New people in a week, each of whom shares nothing with the earlier ones: the license is rented out. A person who replaces devices
    /// has fewer.
    /// </summary>
    [Number(1, 64)]
    public int StrangersInWeek { get; init; } = 7;

    /// <summary>The same number, from which the customer is asked.</summary>
    [Number(1, 64)]
    public int StrangersToAsk { get; init; } = 4;

    /// <summary>New accounts in a week. Demo accounts and challenges of one person are fewer.</summary>
    [Number(1, 64)]
    public int NewAccountsInWeek { get; init; } = 12;

    /// <summary>Terminals on one network from which those are counted that are used at different hours.</summary>
    [Number(2, 64)]
    public int CrowdLimit { get; init; } = 8;

    /// <summary>Terminals among them that are used at different hours.</summary>
    [Number(1, 64)]
    public int OwnHoursLimit { get; init; } = 4;

    /// <summary>Share of the time in which any of them is at work, below which a terminal keeps hours of its own.</summary>
    [Number(0, 1)]
    public double OwnHoursShare { get; init; } = 0.75;

    /// <summary>Mean number of them that are at work at the same time. One terminal with accounts in turn has one.</summary>
    [Number(1, 64)]
    public double CrowdDepth { get; init; } = 2;

    /// <summary>Time for which they were observed.</summary>
    [JsonPropertyName("crowd_hours"), Hours(1, 720)]
    public TimeSpan CrowdDuration { get; init; } = TimeSpan.FromHours(24);

    // Who is the same person.

    /// <summary>
    /// Time for which one EA with two accounts works on two networks at the same time, from which these are two people: the EA's folder was
    /// copied. The errors of clocks are corrected before.
    /// </summary>
    [JsonPropertyName("apart_hours"), Hours(0, 720)]
    public TimeSpan ApartDuration { get; init; } = TimeSpan.FromHours(1.5);

    /// <summary>
    /// Records that each of the two must have for <see cref="ApartDuration"/>, and half as many if its network never changed. Fewer do not
    /// show how an identity changes networks.
    /// </summary>
    [Number(1, 1_000)]
    public int ApartRecords { get; init; } = 8;

    /// <summary>
    /// Turns of one EA with two accounts in two far places, from which these are two people: no terminal travels so often.
    /// </summary>
    [Number(2, 1_000)]
    public int ApartAlternations { get; init; } = 6;

    /// <summary>Share of records on a new network above which two terminals on one device hardly ever report one address.</summary>
    [Number(0, 1)]
    public double HoppingShare { get; init; } = 0.65;

    /// <summary>Share of the time at once that two identities spend on one network, below which they are on two devices.</summary>
    [Number(0, 1)]
    public double TogetherShare { get; init; } = 0.25;

    /// <summary>
    /// Time between the uses of one network by two people up to which they are one person with two terminals. The default allows for a
    /// terminal that runs once a day.
    /// </summary>
    [JsonPropertyName("companion_hours"), Hours(0, 240)]
    public TimeSpan CompanionGap { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Records of an identity from which it is known how it changes networks.</summary>
    [Number(1, 1_000)]
    public int RoamingRecords { get; init; } = 5;

    /// <summary>
    /// Share of records on a new network above which an identity roams: a carrier's address translation, or a pool of VPN exits. Another
    /// address is no evidence then.
    /// </summary>
    [Number(0, 1)]
    public double RoamingShare { get; init; } = 0.4;

    // What counts as presence.

    /// <summary>Records in a row with one difference between their time and their arrival, from which the clock is wrong by it.</summary>
    [Number(2, 100)]
    public int ClockRecords { get; init; } = 3;

    /// <summary>How exactly these differences agree.</summary>
    [JsonPropertyName("clock_precision_seconds"), Seconds(1, 600)]
    public TimeSpan ClockPrecision { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>The largest error of a clock that is corrected. Larger differences are records that were held back.</summary>
    [JsonPropertyName("largest_clock_error_minutes"), Minutes(0, 1_440)]
    public TimeSpan LargestClockError { get; init; } = TimeSpan.FromMinutes(200);

    /// <summary>Time without use that ends a visit.</summary>
    [JsonPropertyName("turn_gap_minutes"), Minutes(1, 1_440)]
    public TimeSpan TurnGap { get; init; } = TimeSpan.FromMinutes(180);

    /// <summary>Time between two sessions of known duration that still counts as one presence.</summary>
    [JsonPropertyName("session_gap_minutes"), Minutes(0, 1_440)]
    public TimeSpan SessionGap { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>Time between two records without a session's duration that still counts as one presence: above the usual hour.</summary>
    [JsonPropertyName("record_gap_minutes"), Minutes(0, 2_880)]
    public TimeSpan RecordGap { get; init; } = TimeSpan.FromMinutes(95);

    /// <summary>
    /// The most time before a record without a session's duration that counts as presence. None before the first record of a presence.
    /// </summary>
    [JsonPropertyName("record_minutes"), Minutes(0, 1_440)]
    public TimeSpan RecordDuration { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>The same as a share of the usual time between records, if that is known; the smaller of the two applies.</summary>
    [Number(0, 1)]
    public double RecordShare { get; init; } = 0.5;

    /// <summary>The longest session that a record may report. Longer ones are cut.</summary>
    [JsonPropertyName("longest_session_hours"), Hours(1, 168)]
    public TimeSpan LongestSession { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Two sessions on one network with at most this time between them are one session: rounding in the records.</summary>
    [JsonPropertyName("session_join_seconds"), Seconds(0, 3_600)]
    public TimeSpan SessionJoin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Duration of a session without one, as a share of the usual time between records. Below a half: two devices under one name then
    /// overlap at times, and one device that changes networks does not.
    /// </summary>
    [Number(0, 0.5)]
    public double SessionShare { get; init; } = 0.4;

    /// <summary>The longest duration that <see cref="SessionShare"/> gives.</summary>
    [JsonPropertyName("longest_estimate_minutes"), Minutes(1, 1_440)]
    public TimeSpan LongestEstimate { get; init; } = TimeSpan.FromMinutes(60);

    // The usual time between records, and a pace that one device cannot have. Used where records report no duration.

    /// <summary>Records in a row on one network from which the times between them are measured.</summary>
    [Number(1, 100)]
    public int SteadyRecords { get; init; } = 2;

    /// <summary>The longest time between two records that is measured. Longer ones are pauses.</summary>
    [JsonPropertyName("longest_usual_gap_hours"), Hours(0.1, 24)]
    public TimeSpan LongestUsualGap { get; init; } = TimeSpan.FromHours(3);

    /// <summary>
    /// The least weight of a newly measured time in the usual time. The usual time begins as the mean of the first measured times. Then it
    /// changes slowly, so that a second device with the same EA and account does not change it much.
    /// </summary>
    [Number(0.001, 1)]
    public double GapWeight { get; init; } = 0.1;

    /// <summary>Number of measured times from which the usual time is known.</summary>
    [Number(1, 1_000)]
    public int KnownGaps { get; init; } = 8;

    /// <summary>
    /// Time between records of two networks, as a share of the shortest usual time on one network, below which they come from two devices.
    /// </summary>
    [Number(0.05, 1)]
    public double QuickPace { get; init; } = 0.5;

    /// <summary>The latest records of an identity in which such pairs are counted.</summary>
    [Number(8, 96)]
    public int PaceRecords { get; init; } = 36;

    /// <summary>
    /// Share of such pairs from which several devices are at work. With three devices it is two thirds, with one that hops at random below
    /// a fifth.
    /// </summary>
    [Number(0.1, 1)]
    public double QuickShare { get; init; } = 0.45;

    /// <summary>The same share of all sessions that are remembered, at which the devices may be present a part of the time.</summary>
    [Number(0.1, 1)]
    public double QuickShareOfAll { get; init; } = 0.38;

    /// <summary>
    /// Variation of the times between the records of one place, relative to a random order. Up to it, each place has its own pace; above
    /// it, one device may have changed its network at random.
    /// </summary>
    [Number(0, 1)]
    public double OwnPaceShare { get; init; } = 0.3;

    /// <summary>The same, if the places come in a fixed order: one device may have a VPN that takes one exit after the other.</summary>
    [Number(0, 1)]
    public double OrderedPaceShare { get; init; } = 0.1;

    /// <summary>Share of records whose place is the usual successor of the one before. From it on, the order counts as fixed.</summary>
    [Number(0, 1)]
    public double OrderedShare { get; init; } = 0.75;

    /// <summary>
    /// Longest time between consecutive records of several places that count as simultaneous, like those of copies that get the same
    /// signals. The default is longer than devices need to react, and shorter than a VPN needs to change its exit for each record.
    /// </summary>
    [JsonPropertyName("same_moment_seconds"), Seconds(1, 60)]
    public TimeSpan SameMoment { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Significance level: probability that one device that uses a random network for each record repeats a network so rarely within
    /// <see cref="SameMoment"/>. At or below it, several devices wrote the records.
    /// </summary>
    [Number(0, 0.1)]
    public double MomentChance { get; init; } = 1e-5;

    /// <summary>
    /// Share of records that have records of more other networks than allowed beside them, within <see cref="QuickPace"/> of the usual
    /// time, from which there are more copies than devices are allowed.
    /// </summary>
    [Number(0.01, 1)]
    public double CrowdedShare { get; init; } = 0.1;

    /// <summary>Records that a network must have among them.</summary>
    [Number(2, 48)]
    public int PaceRecordsOfNetwork { get; init; } = 4;

    // What is remembered.

    /// <summary>How long presence counts as evidence, and how long it is kept.</summary>
    [JsonPropertyName("memory_days"), Days(1, 90)]
    public TimeSpan Memory { get; init; } = TimeSpan.FromDays(21);

    /// <summary>The period over which simultaneous use is summed.</summary>
    [JsonPropertyName("overlap_days"), Days(1, 90)]
    public TimeSpan OverlapMemory { get; init; } = TimeSpan.FromDays(7);

    /// <summary>
    /// Identities of a license; the one that was used least recently is dropped first. At most <see cref="ConcurrentUse.MaxGroups"/>,
    /// because <see cref="ConcurrentUse"/> counts them in a word of 64 bits.
    /// </summary>
    [Number(2, ConcurrentUse.MaxGroups)]
    public int MaxIdentities { get; init; } = 24;

    /// <summary>
    /// Spans of presence of an identity. Above this number the two nearest are joined. A week with one span per hour fits.
    /// </summary>
    [Number(2, 320)]
    public int MaxPresenceSpans { get; init; } = 160;

    /// <summary>Networks of an identity; the one that was used least recently is dropped first.</summary>
    [Number(2, 48)]
    public int MaxNetworks { get; init; } = 12;

    /// <summary>Sessions of an identity; the oldest is dropped first. Four days with one session per hour fit.</summary>
    [Number(2, 192)]
    public int MaxSessions { get; init; } = 96;

    /// <summary>
    /// The same while the identity has one network only: nothing can overlap yet. At most <see cref="MaxSessions"/>.
    /// </summary>
    [Number(1, 192)]
    public int MaxSessionsOnOneNetwork { get; init; } = 6;

    /// <summary>Networks of a license in 24 hours. More are not counted.</summary>
    [Number(1, 1_000)]
    public int MaxNetworksInDay { get; init; } = 64;

    /// <summary>Changes of network of an identity in an hour. More are not counted.</summary>
    [Number(1, 1_000)]
    public int MaxNetworkChanges { get; init; } = 32;

    // What is done.

    /// <summary>Share of a suspension's evidence from which there is an alert. A smaller share can occur by chance.</summary>
    [Number(0, 1)]
    public double AlertShare { get; init; } = 0.1;

    /// <summary>Share of a suspension's evidence from which the customer is notified. At least <see cref="AlertShare"/>.</summary>
    [Number(0, 1)]
    public double NotifyShare { get; init; } = 0.4;

    /// <summary>Share of a suspension's evidence from which unknown devices are refused. At least <see cref="NotifyShare"/>.</summary>
    [Number(0, 1)]
    public double RefuseShare { get; init; } = 0.75;

    /// <summary>The strongest action for people and devices at the same time, and for clones (CONCURRENT_SESSIONS).</summary>
    public FindingAction ConcurrentAtMost { get; init; } = FindingAction.Suspend;

    /// <summary>The strongest action for people who take turns (UNUSUAL_USAGE_PATTERN).</summary>
    public FindingAction TurnsAtMost { get; init; } = FindingAction.Suspend;

    /// <summary>Time between two updates of an incident that did not get worse.</summary>
    [JsonPropertyName("update_hours"), Hours(0, 168)]
    public TimeSpan UpdateInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>After a customer's confirmation closed an alert, further ones for the license within this time are only recorded.</summary>
    [JsonPropertyName("confirmation_days"), Days(0, 90)]
    public TimeSpan ConfirmationInterval { get; init; } = TimeSpan.FromDays(7);

    /// <summary>
    /// WatchLicenses enqueues the licenses that were used within this time, with their usage of this time, for detection. So a changed
    /// policy, limit or review takes effect without new usage. At most a day, because usage that is read again adds nothing only while its
    /// sessions are in the state.
    /// </summary>
    [JsonPropertyName("watch_hours"), Hours(1, 24)]
    public TimeSpan WatchPeriod { get; init; } = TimeSpan.FromHours(2);

    /// <summary>
    /// One sentence for each field outside its range: its name in the policy file, the range, and the default as an example. One sentence
    /// for each pair of fields that contradict each other. Empty for a valid policy.
    /// </summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        var outside = new HashSet<string>();
        foreach (var property in typeof(DetectionPolicy).GetProperties())
        {
            if (property.GetCustomAttributes().OfType<IPolicyRange>().SingleOrDefault() is not { } range)
                continue;
            var value = range.InUnit(property.GetValue(this)!);
            if (value >= range.Least && value <= range.Most)
                continue;
            var example = range.InUnit(property.GetValue(Defaults)!);
            outside.Add(property.Name);
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"{FileName(property)} must be from {range.Least} to {range.Most}, such as {example}"));
        }

        foreach (var (name, action) in (IEnumerable<(string, FindingAction)>)
            [("concurrent_at_most", ConcurrentAtMost), ("turns_at_most", TurnsAtMost)])
        {
            if (!Enum.IsDefined(action))
                faults.Add($"{name} must be ALERT, NOTIFY, ASK, REFUSE or SUSPEND");
        }

        // A weaker action needs less evidence than a stronger one, and an identity on one network keeps no more sessions than one on
        // several.
        foreach (var (smaller, larger) in (IEnumerable<(string, string)>)
            [(nameof(AlertShare), nameof(NotifyShare)), (nameof(NotifyShare), nameof(RefuseShare)),
             (nameof(MaxSessionsOnOneNetwork), nameof(MaxSessions))])
        {
            if (outside.Contains(smaller) || outside.Contains(larger) || Value(this, smaller) <= Value(this, larger))
                continue;
            var (low, high) = (Value(Defaults, smaller), Value(Defaults, larger));
            faults.Add(string.Create(CultureInfo.InvariantCulture,
                $"{FileName(smaller)} must be at most {FileName(larger)}, such as {low} and {high}"));
        }

        return faults;
    }

    private static readonly DetectionPolicy Defaults = new();

    private static double Value(DetectionPolicy policy, string name) =>
        Convert.ToDouble(typeof(DetectionPolicy).GetProperty(name)!.GetValue(policy), CultureInfo.InvariantCulture);

    private static string FileName(string name) => FileName(typeof(DetectionPolicy).GetProperty(name)!);

    private static string FileName(PropertyInfo property) =>
        property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
}

internal static class Durations
{
    /// <summary>Whole seconds, as the detector's state counts time.</summary>
    public static long Seconds(this TimeSpan duration) => (long)duration.TotalSeconds;
}
