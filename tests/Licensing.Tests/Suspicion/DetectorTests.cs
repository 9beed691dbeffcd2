using System.Net;
using System.Text.Json;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class DetectorTests
{
    private static readonly DateTimeOffset Start = new(2026, 9, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DetectionPolicy Policy = new();

    private static readonly Place Lagos = new("NG", "Lagos", 6.5, 3.4);
    private static readonly Place London = new("GB", "London", 51.5, -0.1);
    private static readonly Place Tokyo = new("JP", "Tokyo", 35.7, 139.7);

    [Fact]
    public void Observe_VpsDayAndNightAndHomeAbroad_NeverSuspends() =>
        Assert.DoesNotContain(Play([.. Hours(0, 96, 1, 1, Lagos), .. Hours(18, 96, 2, 2, London)]), IsSuspension);

    [Fact]
    public void Observe_ThirdPersonBesideTwo_SuspendsWithinThreeHours()
    {
        var finding = Play([.. Hours(0, 60, 1, 1, Lagos), .. Hours(0, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)]).First(IsSuspension);

        Assert.Equal(ActivityType.ConcurrentSessions, finding.Type);
        Assert.InRange(finding.Evidence.To, Start.AddHours(48), Start.AddHours(51));
        Assert.Equal(["EA-1", "EA-2", "EA-3"], finding.Evidence.Devices.Select(device => device.EaInstanceId).Order());
        Assert.Matches("^Devices of 3 people were in use at once for [0-9]+ minutes on 3 Sep, the license is for 2: EA-1 in Lagos, ", finding.Description);
    }

    [Theory]
    // The newcomer replaces one of two: however it is timed, nobody is there beside it who wasn't before.
    [InlineData(48, 48, false)]
    [InlineData(48, 47.6, false)] // clocks err by minutes
    // The old one goes on beside it.
    [InlineData(60, 48, true)]
    public void Observe_NewMachineAndAccountWhileTheOldOneStops_IsAMove(double oldUntil, double newFrom, bool suspends) =>
        Assert.Equal(suspends, Play(
            [.. Hours(0, 90, 1, 1, Lagos), .. Hours(0, oldUntil, 2, 2, London), .. Hours(newFrom, 90, 3, 3, Tokyo)]).Any(IsSuspension));

    [Theory]
    [InlineData(3, false)] // one account on three machines is one person
    [InlineData(1, true)]
    public void Observe_ThreeMachinesTakingOver_DependsOnTheirAccounts(int accountsShared, bool suspends)
    {
        var uses = Enumerable.Range(0, 12).SelectMany(turn => Hours(turn * 8, (turn * 8) + 8, 1 + (turn % 3), accountsShared == 3 ? 1 : 1 + (turn % 3), Lagos));

        Assert.Equal(suspends, Play([.. uses]).Any(IsSuspension));
    }

    [Fact]
    public void Observe_DemoAccountOnTheSameLine_IsTheSamePerson() =>
        Assert.DoesNotContain(Play(
            [.. Hours(0, 96, 1, 1, Lagos), .. Hours(1, 96, 2, 2, Lagos, line: 1), .. Hours(0, 96, 3, 3, London)]), IsSuspension);

    [Fact]
    public void Observe_ThreeBehindOneExit_AreAGroup() =>
        Assert.Contains(Play(
            [.. Hours(0, 96, 1, 1, Lagos), .. Hours(1, 96, 2, 2, Lagos, line: 1), .. Hours(2, 96, 3, 3, Lagos, line: 1)]), IsSuspension);

    [Theory]
    [InlineData(24, false)] // a copied server beside the old one for a day
    [InlineData(48, true)]
    public void Observe_OneIdentityInTwoFarPlaces_SuspendsWhenItLasts(int hours, bool suspends) =>
        Assert.Equal(suspends, Play([.. Hours(0, 48 + hours, 1, 1, Lagos), .. Hours(48, 120, 1, 1, Tokyo, line: 9)]).Any(IsSuspension));

    [Theory]
    // Records without lengths, one an hour for each device: three copies are quicker than one device can be…
    [InlineData(3, 1, true)]
    // …and one that hops between three places with every record is not.
    [InlineData(3, 3, false)]
    public void Observe_OneIdentityInThreePlacesWithoutDurations_IsToldByItsPace(int places, int every, bool suspends)
    {
        Place[] far = [Lagos, London, Tokyo];
        var before = Hours(0, 48, 1, 1, Lagos, line: 1);
        var after = Enumerable.Range(0, places).SelectMany(i => Hours(48, 96, 1, 1, far[i], line: 1 + i)
            .Select((use, hour) => (use, hour)).Where(x => x.hour % every == (every == 1 ? 0 : i)).Select(x => x.use with { LoggedAt = x.use.LoggedAt.AddMinutes(every == 1 ? 20 * i : 0) }));

        Assert.Equal(suspends, Play([.. before.Concat(after).Select(use => use with { Session = null })]).Any(IsSuspension));
    }

    [Theory]
    [InlineData(2, true)] // two strangers at once beside one who was there before
    [InlineData(1, false)] // one machine may be tried
    public void Observe_StrangersSeenOnce_SuspendsWhereTheyComeTogether(int strangers, bool suspends)
    {
        var known = Hours(0, 50.5, 1, 1, Lagos).Concat(strangers == 1 ? Hours(0, 50.5, 4, 4, London) : []);
        var once = Enumerable.Range(2, strangers).SelectMany(i => Hours(48.5, 49.5, i, i, i == 2 ? London : Tokyo));

        Assert.Equal(suspends, Play([.. known.Concat(once).Select(use => use with { Session = null })]).Any(IsSuspension));
    }

    [Fact]
    public void Observe_VpnOnAndOff_IsToldButNeverSuspends()
    {
        var uses = Enumerable.Range(0, 24).SelectMany(turn => Hours(turn * 4, (turn * 4) + 4, 1, 1, turn % 2 == 0 ? Lagos : Tokyo, line: 1 + (turn % 2)));

        var findings = Play([.. uses]);

        Assert.Contains(findings, finding => finding.Type == ActivityType.GeographicAnomaly);
        Assert.All(findings, finding => Assert.Equal(FindingAction.Alert, finding.Action));
    }

    [Fact]
    public void Observe_RecordsWithoutAccountOrEa_NeverSuspends() => Assert.DoesNotContain(Play(
        [.. Enumerable.Range(0, 5).SelectMany(i => Hours(0, 96, i, i, Lagos)).Select(use => use with { Account = null, EaInstanceId = null })]), IsSuspension);

    [Fact]
    public void Observe_InPieces_EndsAsInOne()
    {
        var uses = Order([.. Hours(0, 60, 1, 1, Lagos), .. Hours(3, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)]);

        var whole = Detector.Observe(new LicenseUse(), uses, Policy).State;
        var pieces = uses.Chunk(7).Aggregate(new LicenseUse(), (state, chunk) => Detector.Observe(state, chunk, Policy).State);

        Assert.Equal(Json(whole.Identities), Json(pieces.Identities));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Observe_LateAndOutOfOrder_JudgesTheSame(int seed)
    {
        var uses = Order([.. Hours(0, 60, 1, 1, Lagos), .. Hours(3, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)]);
        var random = new Random(seed);
        var late = uses.OrderBy(use => use.LoggedAt.AddHours(6 * random.NextDouble())).ToList();

        var (inOrder, outOfOrder) = (Last(uses), Last(late));

        Assert.Equal(inOrder.Action, outOfOrder.Action);
        Assert.Equal(inOrder.Evidence.Measured, outOfOrder.Evidence.Measured);

        static Finding Last(IReadOnlyList<Use> uses) => Detector.Observe(new LicenseUse(), uses, Policy).Findings.MaxBy(finding => finding.Action)!;
    }

    [Fact]
    public void Observe_TheSameRecordsAgain_ChangeNothing()
    {
        var uses = Order([.. Hours(0, 30, 1, 1, Lagos), .. Hours(3, 30, 2, 2, London)]);
        var once = Detector.Observe(new LicenseUse(), uses, Policy).State;

        Assert.Equal(Json(once), Json(Detector.Observe(once, uses, Policy).State));
    }

    [Fact]
    public void Observe_ManyDevicesAndAddresses_StateStaysBounded()
    {
        var random = new Random(1);
        var state = new LicenseUse();
        for (var hour = 0; hour < 2_000; hour++)
        {
            var use = new Use(Start.AddHours(hour / 10.0), $"EA-{random.Next(300)}", random.Next(1, 300), new IPAddress(random.Next()), Lagos, TimeSpan.FromMinutes(30));
            state = Detector.Observe(state, [use], Policy).State;
        }

        Assert.InRange(Json(state).Length, 1, 200_000);
    }

    [Fact]
    public void Observe_StateThroughJson_GoesOnAsIfItHadNotBeen()
    {
        var uses = Order([.. Hours(0, 60, 1, 1, Lagos), .. Hours(3, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)]);
        var half = Detector.Observe(new LicenseUse(), uses.Take(100), Policy).State;

        var stored = JsonSerializer.Deserialize<LicenseUse>(Json(half))!;

        Assert.Equal(Json(Detector.Observe(half, uses.Skip(100), Policy).State), Json(Detector.Observe(stored, uses.Skip(100), Policy).State));
    }

    [Fact]
    public void Forgive_DevicesOfTheOwner_AreNotCountedAnyMore()
    {
        var before = Detector.Observe(new LicenseUse(), [.. Hours(0, 60, 1, 1, Lagos), .. Hours(0, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)], Policy).State;
        var forgiven = Detector.Forgive(before, Start.AddHours(60), [("EA-1", 1), ("EA-2", 2), ("EA-3", 3)]);

        var same = Detector.Observe(forgiven, [.. Hours(60, 96, 1, 1, Lagos), .. Hours(60, 96, 2, 2, London), .. Hours(60, 96, 3, 3, Tokyo)], Policy);
        var more = Detector.Observe(same.State, [.. Hours(96, 120, 1, 1, Lagos), .. Hours(96, 120, 4, 4, Tokyo, line: 4), .. Hours(96, 120, 5, 5, London, line: 5)], Policy);

        Assert.DoesNotContain(same.Findings, IsSuspension);
        Assert.Contains(more.Findings, IsSuspension);
    }

    [Fact]
    public void Refuses_WhileAnIncidentAsksForIt_OnlyWhatIsUnknown()
    {
        var state = Detector.Observe(new LicenseUse(), [.. Hours(0, 60, 1, 1, Lagos), .. Hours(0, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)], Policy).State;

        Assert.True(state.Refuses("EA-9", 9));
        Assert.False(state.Refuses("EA-3", 3));
        // Use does not make a device known that came after the incident.
        Assert.True(Detector.Observe(state, Hours(61, 62, 9, 9, London), Policy).State.Refuses("EA-9", 9));
        Assert.False(new LicenseUse().Refuses("EA-9", 9));
    }

    private static bool IsSuspension(Finding finding) => finding.Action == FindingAction.Suspend;

    /// <summary>A device at work: a record an hour, each of a session that fills it.</summary>
    private static IEnumerable<Use> Hours(double from, double to, int ea, int account, Place place, int? line = null)
    {
        for (var hour = from + 1; hour <= to; hour++)
            yield return new Use(Start.AddHours(hour), $"EA-{ea}", account, IPAddress.Parse($"41.{line ?? ea}.7.9"), place, TimeSpan.FromHours(1));
    }

    private static List<Use> Order(IEnumerable<Use> uses) => [.. uses.OrderBy(use => use.LoggedAt)];

    private static List<Finding> Play(IEnumerable<Use> uses)
    {
        var (state, findings) = (new LicenseUse(), new List<Finding>());
        foreach (var minute in Order(uses).GroupBy(use => use.LoggedAt))
        {
            var observation = Detector.Observe(state, minute, Policy);
            state = observation.State;
            findings.AddRange(observation.Findings);
        }

        return findings;
    }

    private static string Json<T>(T value) => JsonSerializer.Serialize(value);
}
