using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using DetectionCorpus.Lives;
using Licensing.Suspicion;
using Xunit;

namespace Licensing.Tests.Suspicion;

public sealed class DetectorTests
{
    private static readonly DateTimeOffset Start = new(2026, 9, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DetectionPolicy Policy = new();

    private static readonly Location Lagos = new("NG", "Lagos", 6.5, 3.4);
    private static readonly Location London = new("GB", "London", 51.5, -0.1);
    private static readonly Location Tokyo = new("JP", "Tokyo", 35.7, 139.7);

    [Fact]
    public void Observe_VpsDayAndNightAndHomeAbroad_NeverSuspends() =>
        Assert.DoesNotContain(Play([.. Hours(0, 96, 1, 1, Lagos), .. Hours(18, 96, 2, 2, London)]), IsSuspension);

    [Fact]
    public void Observe_ThirdPersonBesideTwo_SuspendsWithinThreeHours()
    {
        var finding = Play(ThirdBesideTwo(0)).First(IsSuspension);

        Assert.Equal(ActivityType.ConcurrentSessions, finding.Type);
        Assert.InRange(finding.Evidence.To, Start.AddHours(48), Start.AddHours(51));
        Assert.Equal(["EA-1", "EA-2", "EA-3"], finding.Evidence.Devices.Select(device => device.EaInstanceId).Order());
        Assert.Matches(
            "^Devices of 3 people were in use at the same time for [0-9]+ (minutes|hours) on Sep 3; the license allows 2: ",
            finding.Description);
    }

    [Fact]
    public void Observe_ThirdPersonBesideTwo_IsOneIncident() =>
        Assert.Equal("people", Assert.Single(Play(ThirdBesideTwo(0)).Where(IsSuspension).Select(finding => finding.Incident).Distinct()));

    [Theory]
    // The new device replaces one of two: three are never in use at the same time.
    [InlineData(48, 48, false)]
    [InlineData(48, 47.6, false)] // clocks are wrong by minutes
    // The old one stays in use beside it.
    [InlineData(60, 48, true)]
    public void Observe_NewMachineAndAccountWhileTheOldOneStops_IsAMove(double oldUntil, double newFrom, bool suspends) =>
        Assert.Equal(suspends, Play(
            [.. Hours(0, 90, 1, 1, Lagos), .. Hours(0, oldUntil, 2, 2, London), .. Hours(newFrom, 90, 3, 3, Tokyo)]).Any(IsSuspension));

    [Theory]
    [InlineData(3, false)] // one account on three machines is one person
    [InlineData(1, true)]
    public void Observe_ThreeMachinesTakingOver_DependsOnTheirAccounts(int accountsShared, bool suspends)
    {
        var samples = Enumerable.Range(0, 12).SelectMany(turn =>
            Hours(turn * 8, (turn * 8) + 8, 1 + (turn % 3), accountsShared == 3 ? 1 : 1 + (turn % 3), Lagos));

        Assert.Equal(suspends, Play([.. samples]).Any(IsSuspension));
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
    public void Observe_OneIdentityInTwoFarLocations_AsksWhenItLasts(int hours, bool asks)
    {
        var findings = Play([.. Hours(0, 48 + hours, 1, 1, Lagos), .. Hours(48, 120, 1, 1, Tokyo, line: 9)]);

        Assert.Equal(asks, findings.Exists(finding => finding.Action == FindingAction.Ask));
        Assert.DoesNotContain(findings, IsSuspension);
    }

    [Fact]
    public void Observe_SecondCopyThatPausesSeveralTimesADay_AsksToo()
    {
        var copy = Enumerable.Range(0, 20).SelectMany(visit => Hours(48 + (visit * 4), 50.5 + (visit * 4), 1, 1, Tokyo, line: 9));

        Assert.Equal(FindingAction.Ask, Strongest([.. Hours(0, 130, 1, 1, Lagos), .. copy]));
    }

    [Fact]
    public void Observe_ThirdCopyLongAfterTheSecond_Suspends() =>
        Assert.Equal(FindingAction.Suspend, Strongest(
            [.. Hours(0, 170, 1, 1, Lagos), .. Hours(24, 170, 1, 1, Tokyo, line: 9), .. Hours(160, 170, 1, 1, London, line: 8)]));

    /// <summary>The remembered records span few hours; the incident spans more.</summary>
    [Theory]
    [InlineData(24, false)]
    [InlineData(40, true)]
    public void Observe_TwoCopiesThatReportEveryFewMinutes_AsksAfterSomeHours(int hours, bool asks)
    {
        var both = Enumerable.Range(0, hours * 12).SelectMany(i => new[] { (Lagos, 1, 5.0 * i), (Tokyo, 9, (5.0 * i) + 1) });
        var samples = both.Select(record => new UsageSample(
            Start.AddMinutes(record.Item3), "EA-1", 1, IPAddress.Parse($"41.{record.Item2}.7.9"), record.Item1, null));

        Assert.Equal(asks, Strongest(samples) == FindingAction.Ask);
    }

    /// <summary>The pace of one device is the same on each of its networks.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Observe_OneDeviceThatSwitchesNetworks_IsNoCopy(bool atRandom)
    {
        var (random, at, samples) = (new Random(1), Start, new List<UsageSample>());
        Location[] far = [Lagos, London, Tokyo];
        for (var i = 0; i < 400; i++)
        {
            at = at.AddMinutes(atRandom ? 6 + (50 * random.NextDouble()) : 20);
            var location = atRandom ? random.Next(3) : i % 3;
            samples.Add(new UsageSample(at, "EA-1", 1, IPAddress.Parse($"41.{location + 1}.7.9"), far[location], null));
        }

        Assert.Equal(FindingAction.Alert, Strongest(samples));
    }

    /// <summary>
    /// One device that takes another of three exits at each record, in order or at random. No record is on the network of the one before
    /// for long enough to show the device's pace, and records of one network may be hours apart.
    /// </summary>
    [Theory]
    [InlineData(false, 30, 90)]
    [InlineData(false, 3, 117)]
    [InlineData(true, 30, 90)]
    [InlineData(true, 3, 117)]
    public void Observe_OneDeviceThatChangesItsNetworkAtEachRecord_IsNoCopy(bool atRandom, int shortest, int longest)
    {
        Location[] far = [Lagos, London, Tokyo];
        Assert.All(Enumerable.Range(0, 20), seed =>
        {
            var (random, at) = (new Random(seed), Start);
            var samples = Enumerable.Range(0, 200).Select(i =>
            {
                at = at.AddMinutes(random.Next(shortest, longest + 1));
                var exit = atRandom ? random.Next(3) : i % 3;
                return new UsageSample(at, "EA-1", 1, IPAddress.Parse($"41.{exit + 1}.7.9"), far[exit], null);
            });

            Assert.All(Play(samples), finding => Assert.Equal(FindingAction.Alert, finding.Action));
        });
    }

    /// <summary>Three copies without durations. Addresses of one provider, or near each other, are one place.</summary>
    [Theory]
    [InlineData(true, true, 1, true)]
    [InlineData(true, false, 16, false)]
    [InlineData(false, false, 16, true)]
    [InlineData(false, false, 1, false)]
    public void Observe_ThreeCopiesByTheirPace_SuspendsInThreePlaces(bool located, bool far, int apart, bool suspends)
    {
        Location[] places = far ? [Lagos, London, Tokyo] : [Lagos, Lagos, Lagos];
        var samples = Enumerable.Range(0, 3).SelectMany(i => Hours(0, 60, 1, 1, places[i]).Select((sample, hour) => sample with
        {
            LoggedAt = sample.LoggedAt.AddMinutes((i * 13) + (hour * 7 % 5)),
            Address = IPAddress.Parse($"41.{i * apart}.7.9"),
            Location = located ? places[i] : null,
            Session = null,
        }));

        Assert.Equal(suspends, Play(samples).Exists(IsSuspension));
    }

    /// <summary>
    /// Sessions of copies in one town overlap. But a house may have two connections, and a device one over IPv4 and one over IPv6.
    /// </summary>
    [Theory]
    [InlineData("41.16.7.9", false, true)]
    [InlineData("41.1.7.9", false, false)] // two networks of one provider
    [InlineData("2a00:1:2:3::9", false, false)]
    [InlineData("41.16.7.9", true, false)] // one device that uses the connections in turn
    public void Observe_CopiesInOneTown_AsksOnIPv4NetworksOfSeveralProviders(string other, bool inTurn, bool asks)
    {
        string[] addresses = ["41.0.7.9", other, "41.32.7.9"];
        var samples = addresses[..(asks ? 3 : 2)].SelectMany((address, i) => Hours(0, 48, 1, 1, Lagos)
            .Where((_, hour) => !inTurn || hour % 2 == i)
            .Select(sample => sample with { Address = IPAddress.Parse(address) }));

        var findings = Play(samples);

        Assert.Equal(asks, findings.Exists(finding => finding.Action == FindingAction.Ask));
        Assert.DoesNotContain(findings, IsSuspension);
    }

    /// <summary>
    /// A laptop changes its network while a server works, and its clock is set back: its sessions before and after that overlap.
    /// </summary>
    [Theory]
    [InlineData(50, false)]
    [InlineData(120, true)] // the overlap is longer than clone_minutes
    public void Observe_ClockSetBack_SuspendsOnlyIfTheOverlapIsLongerThanAnHour(int minutes, bool suspends)
    {
        var later = Hours(36, 44, 1, 1, Tokyo, line: 3).Select(sample => sample with { LoggedAt = sample.LoggedAt.AddMinutes(-minutes) });
        var samples = Hours(0, 60, 1, 1, Lagos).Concat(Hours(30, 36, 1, 1, London, line: 2)).Concat(later);

        Assert.Equal(suspends, Play(samples.Select(sample => sample with { ArrivedAt = null })).Exists(IsSuspension));
    }

    /// <summary>Copies write a record at each signal, at the same moment. Signals come at random times, often in bursts.</summary>
    [Theory]
    [InlineData(3, 1e-5, true)]
    [InlineData(4, 1e-5, true)] // two of them in one town
    [InlineData(4, 0, false)]
    [InlineData(2, 1e-5, false)]
    public void Observe_CopiesThatGetTheSameSignals_SuspendsInThreePlaces(int copies, double chance, bool suspends) =>
        Assert.Equal(suspends, Play(AtSignals(copies, static copy => copy), Policy with { MomentChance = chance }).Exists(IsSuspension));

    /// <summary>A person's laptop stops minutes before the computer starts, beside a server. Records have no durations.</summary>
    [Fact]
    public void Observe_ComputerStartsAfterTheLaptop_FindsNoUseAtTheSameTime()
    {
        var samples = Enumerable.Range(0, 10).SelectMany(day => Hours(24 * day, (24 * day) + 24, 1, 1, Lagos)
            .Concat(Hours((24 * day) + 6.8, (24 * day) + 12.8, 1, 2, London, line: 2))
            .Concat(Hours((24 * day) + 12, (24 * day) + 19, 1, 3, Lagos, line: 3)));

        Assert.DoesNotContain(
            Play(samples.Select(sample => sample with { Session = null })),
            finding => finding.Evidence.Rule is Rule.PeopleAtOnce or Rule.DevicesAtOnce);
    }

    /// <summary>
    /// One terminal with three charts. At each signal, each chart writes a record through a random network or the next one in order. The
    /// detector remembers only one record per network and second.
    /// </summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Observe_OneDeviceThatWritesSeveralRecordsAtEachSignal_IsNoCopy(bool inOrder, bool inOneSecond)
    {
        var (random, record) = (new Random(2), 0);
        Func<int, int>? secondOf = inOneSecond ? _ => 0 : inOrder ? number => number : null;

        Assert.DoesNotContain(Play(AtSignals(3, _ => inOrder ? record++ % 3 : random.Next(3), secondOf)), IsSuspension);
    }

    /// <param name="networkOf">Maps the number of a record within its signal, from 0, to the index of its network.</param>
    /// <param name="secondOf">Maps the same number to the seconds after the signal; null: at random, up to 9.</param>
    private static List<UsageSample> AtSignals(int records, Func<int, int> networkOf, Func<int, int>? secondOf = null)
    {
        (string Address, Location Location)[] networks =
            [("41.1.7.9", Lagos), ("41.17.7.9", London), ("41.33.7.9", Tokyo), ("41.49.7.9", Lagos)];
        var (random, at, samples) = (new Random(1), Start, new List<UsageSample>());
        for (var signal = 0; signal < 200; signal++)
        {
            at = at.AddMinutes(random.Next(5) == 0 ? 1 + random.NextDouble() : -20 * Math.Log(1 - random.NextDouble()));
            for (var record = 0; record < records; record++)
            {
                var (address, location) = networks[networkOf(record)];
                var seconds = secondOf?.Invoke(record) ?? random.Next(10);
                samples.Add(new UsageSample(at.AddSeconds(seconds), "EA-1", 1, IPAddress.Parse(address), location));
            }
        }

        return samples;
    }

    [Theory]
    // Records without durations, one an hour for each device: three copies are faster than one device can be.
    [InlineData(3, 1, true)]
    // One device that changes between three locations with every record is not.
    [InlineData(3, 3, false)]
    public void Observe_OneIdentityInThreeLocationsWithoutDurations_IsFoundByItsPace(int locations, int every, bool suspends)
    {
        Location[] far = [Lagos, London, Tokyo];
        var before = Hours(0, 48, 1, 1, Lagos, line: 1);
        var after = Enumerable.Range(0, locations).SelectMany(i => Hours(48, 96, 1, 1, far[i], line: 1 + i)
            .Where((_, hour) => hour % every == (every == 1 ? 0 : i))
            .Select(sample => sample with { LoggedAt = sample.LoggedAt.AddMinutes(every == 1 ? 20 * i : 0) }));

        Assert.Equal(suspends, Play([.. before.Concat(after).Select(sample => sample with { Session = null })]).Any(IsSuspension));
    }

    [Theory]
    [InlineData(2, 3, true)] // two new people who came together, beside a known one
    [InlineData(1, 1, false)] // one new machine may be a trial
    public void Observe_StrangersSeenOnce_SuspendsWhereTheyComeTogether(int strangers, int hours, bool suspends)
    {
        var known = Hours(0, 52.5, 1, 1, Lagos).Concat(strangers == 1 ? Hours(0, 52.5, 4, 4, London) : []);
        var once = Enumerable.Range(2, strangers).SelectMany(i => Hours(48.5, 48.5 + hours, i, i, i == 2 ? London : Tokyo));

        Assert.Equal(suspends, Play([.. known.Concat(once).Select(sample => sample with { Session = null })]).Any(IsSuspension));
    }

    [Fact]
    public void Observe_VpnOnAndOff_IsReportedButNeverSuspends()
    {
        var samples = Enumerable.Range(0, 24).SelectMany(turn =>
            Hours(turn * 4, (turn * 4) + 4, 1, 1, turn % 2 == 0 ? Lagos : Tokyo, line: 1 + (turn % 2)));

        var findings = Play([.. samples]);

        Assert.Contains(findings, finding => finding.Type == ActivityType.GeographicAnomaly);
        Assert.All(findings, finding => Assert.Equal(FindingAction.Alert, finding.Action));
    }

    [Fact]
    public void Observe_RecordsWithoutAccountOrEa_NeverSuspends()
    {
        var samples = Enumerable.Range(0, 5).SelectMany(i => Hours(0, 96, i, i, Lagos));

        Assert.DoesNotContain(Play([.. samples.Select(sample => sample with { Account = null, EaInstanceId = null })]), IsSuspension);
    }

    [Theory]
    [InlineData(4, 3, true)] // accounts at once on one server, above the term
    [InlineData(3, 3, false)]
    [InlineData(4, 0, false)] // no term
    public void Observe_AccountsAtOnceOnOneServer_TheTermDecides(int accounts, int term, bool suspends)
    {
        var samples = Enumerable.Range(1, accounts).SelectMany(account => Hours(account, 48, 1, account, Lagos, line: 1));

        Assert.Equal(suspends, Play(samples, Policy with { AccountLimit = term }).Exists(IsSuspension));
    }

    [Fact]
    public void Observe_AccountsThatReplaceOneAnother_AreOneAtATime()
    {
        var samples = Enumerable.Range(0, 8).SelectMany(i => Hours(i * 20, (i + 1) * 20, 1, i + 1, Lagos, line: 1));

        Assert.DoesNotContain(Play(samples, Policy with { AccountLimit = 1 }), IsSuspension);
    }

    [Theory]
    [InlineData(4, 1, null)] // one account under four EAs
    [InlineData(4, null, 1)] // four accounts under one EA
    public void Observe_FourPlacesAtOnceThatShareOneThing_Suspends(int places, int? account, int? ea)
    {
        Location[] far = [Lagos, London, Tokyo, new("US", "New York", 40.7, -74)];
        var samples = Enumerable.Range(1, places).SelectMany(i => Hours(i, 12, ea ?? i, account ?? i, far[i - 1], line: i));

        var finding = Play(samples).First(IsSuspension);

        Assert.Equal(Rule.DevicesAtOnce, finding.Evidence.Rule);
    }

    [Fact]
    public void Observe_PeopleWithoutAccounts_AreStillSeveral()
    {
        var samples = Enumerable.Range(1, 3).SelectMany(i => Hours(i * 5, 96, i, i, i == 1 ? Lagos : i == 2 ? London : Tokyo));

        Assert.Contains(Play(samples.Select(sample => sample with { Account = null })), IsSuspension);
    }

    [Theory]
    [InlineData(4, 10, FindingAction.Alert)]
    [InlineData(5, 10, FindingAction.Ask)]
    [InlineData(7, 10, FindingAction.Ask)]
    [InlineData(8, 10, FindingAction.Suspend)]
    [InlineData(8, 23, FindingAction.Suspend)] // one a day
    [InlineData(5, 40, FindingAction.Ask)] // four in a week
    [InlineData(5, 58, FindingAction.Alert)] // three in a week
    [InlineData(12, 28.5, FindingAction.Ask)] // six in a week
    public void Observe_StrangersWhoNeverReturn_DependsOnTheirNumberInAWeek(int people, double everyHours, FindingAction strongest)
    {
        var samples = Enumerable.Range(1, people).SelectMany(i => Hours(i * everyHours, (i * everyHours) + 8, i, i, Lagos));

        var found = Play(samples).Where(finding => finding.Evidence.Rule == Rule.Strangers).ToList();

        Assert.Equal(strongest, found.Select(finding => finding.Action).DefaultIfEmpty(FindingAction.Alert).Max());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Observe_NewServerWithAWrongClock_IsAMove(bool ahead)
    {
        var error = TimeSpan.FromMinutes(ahead ? 55 : -55);
        var moved = Hours(48, 90, 3, 3, Tokyo).Select(sample => sample with { LoggedAt = sample.LoggedAt + error });

        Assert.DoesNotContain(Play([.. Hours(0, 90, 1, 1, Lagos), .. Hours(0, 48, 2, 2, London), .. moved]), IsSuspension);
    }

    [Fact]
    public void Backtest_OneRecordFarAhead_ChangesNothing()
    {
        var samples = Order(ThirdBesideTwo(0)).ConvertAll(sample => sample with { ArrivedAt = null });
        var ahead = samples[20] with { LoggedAt = Start.AddDays(60) };

        var expected = Run(samples);

        Assert.Contains(expected, finding => finding.Action == FindingAction.Suspend);
        Assert.Equal(expected, Run([.. samples.Take(21), ahead, .. samples.Skip(21)]));

        static List<(DateTimeOffset, FindingAction Action)> Run(List<UsageSample> samples)
        {
            var (backtest, id) = (new Backtest(Policy), Guid.NewGuid());
            foreach (var sample in samples)
                backtest.Add(id, null, sample);
            return [.. backtest.Finish().Select(finding => (finding.DetectedAt, finding.Finding.Action))];
        }
    }

    /// <summary>The timer stores the state after each minute; the check reads it.</summary>
    [Theory]
    [InlineData("all_of_their_own")]
    [InlineData("clones_without_locations")]
    [InlineData("some_blank_accounts")]
    [InlineData("wrong_clocks")]
    [InlineData("hot_standby_with_one_identity")]
    [InlineData("broker_and_server_at_once")]
    public void Backtest_OfRandomLives_AgreesWithTheTimerAndTheCheck(string name)
    {
        var kind = LivesCorpus.Kinds(LifeParameters.Open).Single(kind => kind.Name == name);
        for (var number = 0; number < 3; number++)
        {
            var life = LivesCorpus.One(LivesCorpus.TuningSeed, number, kind, LifeParameters.Open);
            var backtest = new Backtest(Policy);
            foreach (var row in life.Rows)
                backtest.Add(row.Subscription, row.ArrivedAt, row.Sample);
            var expected = backtest.Finish().Select(finding => (finding.DetectedAt, finding.Finding.Incident, finding.Finding.Action));

            var (state, found) = (new DetectionState(), new List<(DateTimeOffset, string, FindingAction)>());
            foreach (var minute in life.Rows.GroupBy(row => row.ArrivedAt.ToUnixTimeSeconds() / 60))
            {
                var samples = minute.Select(row => row.Sample with { ArrivedAt = row.ArrivedAt });
                var observation = Detector.Observe(JsonSerializer.Deserialize<DetectionState>(Json(state))!, samples, Policy);
                state = observation.State;
                found.AddRange(observation.Findings.Select(finding =>
                    (DateTimeOffset.FromUnixTimeSeconds((minute.Key + 1) * 60), finding.Incident, finding.Action)));
                Assert.Equal(state.Incidents.Exists(incident => incident.Action >= FindingAction.Ask), state.Refuses("EA-unknown", 9));
                if (observation.Findings.Any(IsSuspension))
                    break;
            }

            // A backtest does not keep updates.
            var steps = found.Where((one, i) => !found.Take(i).Any(before => before.Item2 == one.Item2 && before.Item3 >= one.Item3));
            Assert.Equal(expected, steps);
        }
    }

    [Fact]
    public void Observe_InPieces_EndsAsInOne()
    {
        var samples = Order(ThirdBesideTwo(3));

        var whole = Detector.Observe(new DetectionState(), samples, Policy).State;
        var pieces = samples.Chunk(7).Aggregate(new DetectionState(), (state, chunk) => Detector.Observe(state, chunk, Policy).State);

        Assert.Equal(Json(whole.Identities), Json(pieces.Identities));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Observe_LateAndOutOfOrder_FindsTheSame(int seed)
    {
        var samples = Order(ThirdBesideTwo(3));
        var random = new Random(seed);
        var late = samples.OrderBy(sample => sample.LoggedAt.AddHours(6 * random.NextDouble())).ToList();

        var (inOrder, outOfOrder) = (Last(samples), Last(late));

        Assert.Equal(inOrder.Action, outOfOrder.Action);
        Assert.Equal(inOrder.Evidence.Measured, outOfOrder.Evidence.Measured);

        static Finding Last(IReadOnlyList<UsageSample> samples) =>
            Detector.Observe(new DetectionState(), samples, Policy).Findings.MaxBy(finding => finding.Action)!;
    }

    [Theory]
    [InlineData(30)]
    [InlineData(5)] // too few to know the clock
    public void Observe_TheSameRecordsAgain_ChangeNothing(int hours)
    {
        var samples = Order([.. Hours(3, hours, 1, 1, Lagos), .. Hours(3, hours, 2, 2, London)]);
        var once = Detector.Observe(new DetectionState(), samples, Policy).State;

        Assert.Equal(Json(once), Json(Detector.Observe(once, samples, Policy).State));
    }

    [Fact]
    public void Observe_ManyDevicesAndAddresses_StateStaysBounded()
    {
        var random = new Random(1);
        var state = new DetectionState();
        for (var hour = 0; hour < 2_000; hour++)
        {
            var sample = new UsageSample(
                Start.AddHours(hour / 10.0), $"EA-{random.Next(300)}", random.Next(1, 300), new IPAddress(random.Next()), Lagos,
                TimeSpan.FromMinutes(30));
            state = Detector.Observe(state, [sample], Policy).State;
        }

        Assert.InRange(Json(state).Length, 1, 200_000);
    }

    [Fact]
    public void Observe_StateThroughJson_ContinuesTheSame()
    {
        var samples = Order(ThirdBesideTwo(3));
        var half = Detector.Observe(new DetectionState(), samples.Take(100), Policy).State;

        var stored = JsonSerializer.Deserialize<DetectionState>(Json(half))!;

        Assert.Equal(
            Json(Detector.Observe(half, samples.Skip(100), Policy).State), Json(Detector.Observe(stored, samples.Skip(100), Policy).State));
    }

    /// <summary>Stored states outlive the names of their C# members.</summary>
    [Fact]
    public void State_StoredByTheFirstVersion_IsReadAndWrittenTheSame()
    {
        const string Stored = """
            {"version":1,"clock":100,"forgiven_until":5,"identities":[{"ea":"EA-1","account":1,"first_at":10,"last_at":100,"last_line":0,
            "records":2,"moves":0,"recent_moves":[90],"usual_gap":90,"gap_spread":0.1,"gaps":1,"steady":1,
            "pace":{"at":7,"line":0,"excess":0.5,"places":[0],"from":6,"to":8},"trusted":true,"next_line":1,
            "stints":[{"start":10,"end":100,"gap":1200}],"lines":[{"id":0,"network":"198.51.100.7",
            "place":{"country":"NG","city":"Lagos","latitude":6.5,"longitude":3.4,"radius_km":20},"first_at":10,"last_at":100,"records":2}],
            "sessions":[{"line":0,"start":10,"end":100,"told":true}]}],
            "incidents":[{"key":"people","action":"REFUSE","severity":"HIGH","first_at":50,"reported_at":60}],
            "networks":[{"network":"198.51.100","last_at":100}]}
            """;
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseUpper) },
        };
        string[] removed = [@"""gap_spread"":0.1,", @"""pace"":{""at"":7,""line"":0,""excess"":0.5,""places"":[0],""from"":6,""to"":8},"];
        var today = removed.Aggregate(Stored.ReplaceLineEndings(""), (text, member) => text.Replace(member, "", StringComparison.Ordinal));


        var read = JsonSerializer.Deserialize<DetectionState>(Stored, options)!;

        Assert.Equal(today, JsonSerializer.Serialize(read, options));
    }

    [Fact]
    public void ApplyReview_DevicesOfTheOwner_AreNotCountedAnyMore()
    {
        var before = Detector.Observe(new DetectionState(), ThirdBesideTwo(0), Policy).State;
        var reviewed = Detector.ApplyReview(before, Start.AddHours(60), [("EA-1", 1), ("EA-2", 2), ("EA-3", 3)]);

        UsageSample[] sameDevices = [.. Hours(60, 96, 1, 1, Lagos), .. Hours(60, 96, 2, 2, London), .. Hours(60, 96, 3, 3, Tokyo)];
        var same = Detector.Observe(reviewed, sameDevices, Policy);
        UsageSample[] newDevices =
            [.. Hours(96, 120, 1, 1, Lagos), .. Hours(96, 120, 4, 4, Tokyo, line: 4), .. Hours(96, 120, 5, 5, London, line: 5)];
        var more = Detector.Observe(same.State, newDevices, Policy);

        Assert.DoesNotContain(same.Findings, IsSuspension);
        Assert.Contains(more.Findings, IsSuspension);
    }

    [Fact]
    public void Refuses_WhileAnIncidentAsksForIt_OnlyWhatIsUnknown()
    {
        var state = Detector.Observe(new DetectionState(), ThirdBesideTwo(0), Policy).State;

        Assert.True(state.Refuses("EA-9", 9));
        Assert.False(state.Refuses("EA-3", 3));
        // A device that came after the incident stays unknown, even when it is used.
        Assert.True(Detector.Observe(state, Hours(61, 62, 9, 9, London), Policy).State.Refuses("EA-9", 9));
        Assert.False(new DetectionState().Refuses("EA-9", 9));
    }

    [Theory]
    // The device at home works on, or there is none.
    [InlineData(true, 3, 3, 40, true)]
    [InlineData(false, 3, 3, 40, true)]
    // A server that keeps the account has moved.
    [InlineData(true, 3, 2, 40, false)]
    [InlineData(true, 2, 3, 40, false)]
    // Not long enough for an outage of the other one.
    [InlineData(true, 3, 3, 20, false)]
    public void Observe_AllOfOneDeviceChangedAtOnce_Asks(bool withHome, int ea, int account, int hours, bool asks)
    {
        var home = withHome ? Hours(0, 60 + hours, 1, 1, Lagos) : [];

        var findings = Play([.. home, .. Hours(0, 60, 2, 2, London), .. Hours(60, 60 + hours, ea, account, Tokyo, line: 3)]);

        Assert.Equal(asks, findings.Exists(finding => finding.Evidence.Rule == Rule.Succession && finding.Action == FindingAction.Ask));
        Assert.DoesNotContain(findings, IsSuspension);
    }

    [Fact]
    public void Observe_NewDeviceWhileAnotherOnePausesAsUsual_DoesNotAsk()
    {
        var weekends = Enumerable.Range(0, 3).SelectMany(week => Hours(week * 168, (week * 168) + 12, 2, 2, London));

        Assert.DoesNotContain(
            Play([.. weekends, .. Hours(200, 260, 3, 3, Tokyo)]), finding => finding.Evidence.Rule == Rule.Succession);
    }

    [Theory]
    [InlineData(2, FindingAction.Ask)] // the laptop has the EA of the old computer
    [InlineData(3, FindingAction.Suspend)]
    public void Observe_OldComputerBesideANewLaptopInTurn_DependsOnTheirEa(int ea, FindingAction strongest)
    {
        var turns = Enumerable.Range(0, 10).SelectMany(turn => turn % 2 == 0
            ? Hours(60 + (turn * 8), 64 + (turn * 8), ea, 3, Tokyo, line: 3)
            : Hours(60 + (turn * 8), 64 + (turn * 8), 2, 2, London));

        var server = Hours(0, 140, 1, 1, Lagos).Where((_, hour) => hour % 8 > 4);

        Assert.Equal(strongest, Strongest([.. server, .. Hours(0, 60, 2, 2, London), .. turns]));
    }

    [Fact]
    public void Observe_RecordBeforeTheLogin_BelongsToTheTerminal()
    {
        var samples = Hours(0, 48, 1, 1, Lagos).Concat(Hours(0, 48, 1, 2, London, line: 2))
            .Select((sample, i) => sample with { Account = i % 12 == 0 ? null : sample.Account });

        var state = Detector.Observe(new DetectionState(), Order(samples), Policy).State;

        Assert.Equal([1, 2], state.Identities.Select(identity => identity.Account).Order());
    }

    [Fact]
    public void Observe_FourDevicesOfOneAccountAfterTheLastCame_AreNoMove()
    {
        var samples = Enumerable.Range(1, 4).SelectMany(i => Hours(i, i == 1 ? 5 : 12, i, 1, i % 2 == 0 ? London : Tokyo))
            .Concat(Hours(10, 12, 1, 1, Tokyo));

        Assert.Contains(Play(samples), IsSuspension);
    }

    /// <summary>
    /// Three devices of one account that never restart. The time in which one of them may be replacing another depends on how long the
    /// earlier ones were known.
    /// </summary>
    [Theory]
    // The first one was known for 20 hours before the third: a move takes up to 32 hours.
    [InlineData(24, 48, 80, false)]
    [InlineData(24, 48, 81, true)]
    [InlineData(8, 20, 52, false)]
    [InlineData(8, 20, 53, true)]
    // All were set up on one day: one hour.
    [InlineData(8, 19, 20, false)]
    [InlineData(8, 19, 21, true)]
    [InlineData(4, 16, 17, false)]
    [InlineData(4, 16, 18, true)]
    // The second and the third came together, but the first one was there before.
    [InlineData(10, 12, 13, false)]
    [InlineData(10, 12, 14, true)]
    // The first two were there when the history began, possibly in the middle of a move: 32 hours after the second.
    [InlineData(3, 16, 35, false)]
    [InlineData(3, 16, 36, true)]
    public void Observe_ThirdDeviceOfOneAccountBesideTwo_IsAMoveAtFirst(int second, int third, int until, bool suspends) =>
        Assert.Equal(suspends, Play(
            [.. Hours(0, until, 1, 1, Lagos), .. Hours(second, until, 2, 1, London), .. Hours(third, until, 3, 1, Tokyo)])
            .Exists(IsSuspension));

    /// <summary>
    /// The same after a pause in which the first one was forgotten: which devices were set up before it is not known, so that one of them
    /// may be moving.
    /// </summary>
    [Theory]
    [InlineData(51, false)]
    [InlineData(52, true)]
    public void Observe_ThirdDeviceOfOneAccountAfterAPause_IsAMoveForADay(int until, bool suspends)
    {
        const int Back = 23 * 24;

        Assert.Equal(suspends, Play(
        [
            .. Hours(0, 10, 1, 1, Lagos), .. Hours(Back, Back + until, 1, 1, Lagos),
            .. Hours(Back + 8, Back + until, 2, 1, London), .. Hours(Back + 19, Back + until, 3, 1, Tokyo),
        ]).Exists(IsSuspension));
    }

    /// <summary>
    /// A server and a computer of one account, and another person whose first evening begins when the computer is switched on. The time
    /// after a possible handover counts.
    /// </summary>
    [Theory]
    [InlineData(49, false)]
    [InlineData(50, true)]
    public void Observe_GuestBesideTwoDevicesOfOneAccount_SuspendsAfterTheTimeOfAHandover(int until, bool suspends) =>
        Assert.Equal(suspends, Play(
        [
            .. Hours(0, until, 1, 1, Lagos), .. Hours(8, 11, 2, 1, London), .. Hours(48, until, 2, 1, London),
            .. Hours(48, until, 3, 3, Tokyo),
        ]).Exists(IsSuspension));

    /// <summary>A third person beside two. A record that arrives immediately shows that the clock is right.</summary>
    [Theory]
    [InlineData(0, true)]
    [InlineData(30, false)]
    public void Observe_ThirdPersonForLessThanAClockMayBeWrong_DependsOnTheArrival(int minutesLate, bool suspends)
    {
        var third = new[] { 48.7, 49.3 }.Select(hour => new UsageSample(
            Start.AddHours(hour), "EA-3", 3, IPAddress.Parse("41.3.7.9"), Tokyo, TimeSpan.FromHours(0.6),
            Start.AddHours(hour).AddMinutes(minutesLate)));

        Assert.Equal(suspends, Play([.. Hours(0, 50, 1, 1, Lagos), .. Hours(0, 50, 2, 2, London), .. third]).Exists(IsSuspension));
    }

    /// <summary>
    /// The first records of three charts and of a second computer, after hours of work and before the login. Their accounts are known from
    /// the next records on.
    /// </summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)] // without a login
    public void Observe_LongSessionsInFirstRecordsWithoutAccount_AreNoEvidence(int records, bool suspends)
    {
        var samples = Enumerable.Range(0, 4 * records).Select(i => new UsageSample(
            Start.AddHours(4 * (1 + (i / 4))), $"EA-{i % 4}", null, IPAddress.Parse(i % 4 == 3 ? "41.2.7.9" : "41.1.7.9"), Lagos,
            TimeSpan.FromHours(4), Start.AddHours(4 * (1 + (i / 4)))));
        var afterLogin = Enumerable.Range(0, 3).Select(i => new UsageSample(
            Start.AddHours(4.2), $"EA-{i}", 1, IPAddress.Parse("41.1.7.9"), Lagos, TimeSpan.FromHours(0.2), Start.AddHours(4.2)));

        Assert.Equal(suspends, Play(records == 1 ? samples.Concat(afterLogin) : samples).Exists(IsSuspension));
    }

    /// <summary>Three people in far towns with one account, each at its own hours, on three days and a later one.</summary>
    [Theory]
    [InlineData(10, FindingAction.Suspend)] // within two weeks
    [InlineData(16, FindingAction.Ask)]
    public void Observe_ThreeDevicesInTurnOnDaysOfTwoWeeks_CountsTheDays(int last, FindingAction strongest)
    {
        Location[] far = [Lagos, London, Tokyo];
        var samples = new[] { 0, 1, 2, last }.SelectMany(day => Enumerable.Range(0, 3).SelectMany(turn =>
            Hours((day * 24) + (turn * 8), (day * 24) + (turn * 8) + 7, turn, 1, far[turn], line: 8 + turn)));

        Assert.Equal(strongest, Strongest(samples));
    }

    /// <summary>A server, and a laptop that is sometimes at home and sometimes on another network, have one EA and account.</summary>
    [Fact]
    public void Observe_RoamingCopyBesideAServer_AsksOnly()
    {
        var laptop = Enumerable.Range(0, 14).SelectMany(turn =>
            Hours(turn * 8, (turn * 8) + 8, 1, 1, turn % 2 == 0 ? London : Tokyo, line: 8 + (turn % 2)));

        Assert.Equal(FindingAction.Ask, Strongest([.. Hours(0, 112, 1, 1, Lagos), .. laptop]));
    }

    /// <summary>The same, every five minutes and without durations.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the third one is always there
    public void Observe_CopiesThatReportEveryFewMinutes_AreCountedByTheRecordsOfFewMinutes(bool isThird)
    {
        var samples = Enumerable.Range(0, 600).SelectMany(i => new (Location Location, int Line, double At, bool IsThere)[]
        {
            (Lagos, 1, 5.0 * i, true),
            (London, 8, (5.0 * i) + 1, isThird || i / 12 % 2 == 0),
            (Tokyo, 9, (5.0 * i) + 2, isThird || i / 12 % 2 == 1),
        }).Where(record => record.IsThere).Select(record => new UsageSample(
            Start.AddMinutes(record.At), "EA-1", 1, IPAddress.Parse($"41.{record.Line}.7.9"), record.Location, null));

        Assert.Equal(isThird, Play(samples).Exists(IsSuspension));
    }

    [Theory]
    [InlineData(200, false)] // some records before the login
    [InlineData(10, true)] // most records have no account
    public void Observe_RecordsWithoutAccountInThreePlaces_AreEvidenceOnlyIfMostAre(int known, bool suspends)
    {
        var blank = new[] { Lagos, London, Tokyo }.SelectMany((location, i) =>
            Hours(100, 110, 1, 0, location, line: 5 + i).Select(sample => sample with { Account = null }));

        Assert.Equal(suspends, Play([.. Hours(0, known / 2, 1, 1, Lagos), .. Hours(0, known / 2, 1, 2, London, line: 2), .. blank])
            .Exists(IsSuspension));
    }

    /// <summary>
    /// Demo accounts at one place: with a new account on the network of an earlier one, the earlier one has not returned.
    /// </summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Observe_NewAccountOnAKnownNetwork_IsNoReturn(bool returns, bool suspends)
    {
        var samples = Hours(0, 90, 1, 1, Lagos)
            .Concat(Hours(20, 23, 2, 2, London, line: 2))
            .Concat(Hours(40, 44, 3, 3, London, line: 3))
            .Concat(Hours(48, 50, returns ? 2 : 4, returns ? 2 : 4, London, line: 2))
            .Concat(Hours(64, 67, returns ? 3 : 5, returns ? 3 : 5, London, line: 3));

        Assert.Equal(suspends, Play(samples).Exists(IsSuspension));
    }

    /// <summary>Two terminals of one computer, of which one has the IPv4 address of the router when the other has its IPv6 one.</summary>
    [Fact]
    public void Observe_TwoTerminalsOfOneRouterWithBothVersions_AreOneDevice()
    {
        var (one, other) = (Terminal(1, 0), Terminal(2, 1));

        Assert.DoesNotContain(Play([.. one, .. other, .. Hours(0, 96, 9, 9, Tokyo)]), IsSuspension);

        IEnumerable<UsageSample> Terminal(int account, int parity) => Hours(0, 96, 1, account, London).Select((sample, hour) =>
            sample with { Address = IPAddress.Parse((hour / 4 % 2) == parity ? $"81.{hour / 24}.7.9" : $"2a02:8:{hour / 24}::1") });
    }

    /// <summary>
    /// One has the IPv4 address of the router and the other its IPv6 address. Connections choose again every few hours, so that this
    /// becomes unlikely for one router.
    /// </summary>
    [Theory]
    [InlineData(22, false)]
    [InlineData(30, true)]
    public void Observe_TwoTerminalsThatKeepToOneVersionEach_AreApartAfterADay(int hours, bool suspends)
    {
        var other = Hours(0, hours, 1, 2, London).Select(sample => sample with { Address = IPAddress.Parse("2a02:8::1") });

        Assert.Equal(suspends, Play([.. Hours(0, hours, 1, 1, London), .. other, .. Hours(0, hours, 1, 9, Tokyo, line: 9)])
            .Exists(IsSuspension));
    }

    /// <summary>A server, a terminal at home with the router's IPv6 address, and later a second one with its IPv4 address.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Observe_NewTerminalWithTheOtherVersionOfARouter_IsADeviceIfItIsElsewhere(bool isElsewhere, bool suspends)
    {
        var first = Hours(0, 16, 1, 1, London).Select(sample => sample with { Address = IPAddress.Parse("2a02:8::1") });

        Assert.Equal(suspends, Play([.. first, .. Hours(10, 16, 1, 2, isElsewhere ? Lagos : London), .. Hours(0, 16, 9, 9, Tokyo)])
            .Exists(IsSuspension));
    }

    /// <summary>Two new terminals beside the first one have the router's IPv4 address. They share its EA or its account.</summary>
    [Fact]
    public void Observe_TwoNewTerminalsWithTheOtherVersionOfARouter_AreOnTheFirstDevice()
    {
        var first = Hours(0, 16, 1, 1, London).Select(sample => sample with { Address = IPAddress.Parse("2a02:8::1") });

        Assert.DoesNotContain(Play([.. first, .. Hours(10, 16, 1, 2, London), .. Hours(10, 16, 2, 1, London, line: 1)]), IsSuspension);
    }

    /// <summary>The same without locations: whether the second one is elsewhere shows only after a day.</summary>
    [Fact]
    public void Observe_TerminalsOfOneEaAndAccountWithOneVersionEachWithoutLocations_AreOneDevice()
    {
        var first = Hours(0, 16, 1, 1, London).Select(sample => sample with { Address = IPAddress.Parse("2a02:8::1") });

        Assert.DoesNotContain(
            Play(new[] { first, Hours(10, 16, 1, 2, London), Hours(10, 16, 2, 2, London, line: 1), Hours(0, 16, 9, 9, Tokyo) }
                .SelectMany(samples => samples.Select(sample => sample with { Location = null }))),
            IsSuspension);
    }

    /// <summary>A server, and two terminals at home. The carrier gives each connection an address of its pool, a /18.</summary>
    [Theory]
    [InlineData("41.1.7.9", "41.1.9.9", "41.1.63.9", false)]
    [InlineData("41.1.7.9", "41.1.9.9", "41.1.64.9", true)] // not of the pool
    [InlineData("41.1.7.9", "41.1.7.9", "41.1.12.9", true)] // nothing shows that it is a pool
    public void Observe_TwoTerminalsBehindOneCarrier_AreOneDevice(string before, string after, string other, bool suspends)
    {
        var first = Hours(0, 16, 1, 1, London)
            .Select((sample, hour) => sample with { Address = IPAddress.Parse(hour < 4 ? before : after) });
        var second = Hours(6, 16, 1, 2, London).Select(sample => sample with { Address = IPAddress.Parse(other) });

        Assert.Equal(suspends, Play([.. first, .. second, .. Hours(0, 16, 9, 9, Tokyo)]).Exists(IsSuspension));
    }

    /// <summary>The same for days, without locations. People with a copied EA and lines of their own are several.</summary>
    [Theory]
    [InlineData(16, false)]
    [InlineData(64, true)] // not of the pool
    public void Observe_TwoTerminalsBehindOneCarrierForDays_AreOneDevice(int apart, bool suspends)
    {
        var terminals = new[] { 0, 1 }.SelectMany(terminal => Hours(0, 72, 1, 1 + terminal, London).Select((sample, hour) => sample with
        {
            Address = IPAddress.Parse($"41.1.{(terminal * apart) + (hour / 2 % 8)}.{10 + terminal}"),
            Location = null,
        }));

        Assert.Equal(suspends, Play([.. terminals, .. Hours(0, 72, 9, 9, Tokyo)]).Exists(IsSuspension));
    }

    /// <summary>A new server runs beside the old one for a while; the computer at home is used later.</summary>
    [Theory]
    [InlineData(0.8, false)]
    [InlineData(4, true)]
    public void Observe_HandoverWhileAThirdDeviceIsIdle_IsNoTurn(double hours, bool suspends) =>
        Assert.Equal(suspends, Play(
        [
            .. Hours(20, 24, 1, 1, Lagos), .. Hours(70, 74, 1, 1, Lagos),
            .. Hours(0, 60, 2, 2, London), .. Hours(60 - hours, 90, 3, 3, Tokyo),
        ]).Exists(IsSuspension));

    /// <summary>A new laptop with an EA and account of its own, and the old one once more, never while a server works.</summary>
    [Theory]
    [InlineData(1, FindingAction.Ask)]
    [InlineData(4, FindingAction.Suspend)]
    public void Observe_OldDeviceAfterTheNewOneCame_IsATurnIfItWorks(int hours, FindingAction strongest) =>
        Assert.Equal(strongest, Strongest(
        [
            .. Hours(0, 80, 1, 1, Lagos), .. Hours(96, 100, 1, 1, Lagos),
            .. Hours(0, 60, 2, 2, London), .. Hours(90, 90 + hours, 2, 2, London),
            .. Hours(82, 86, 3, 3, Tokyo), .. Hours(102, 106, 3, 3, Tokyo),
        ]));

    /// <summary>A live account, and two machines in turn with a pause between.</summary>
    [Theory]
    [InlineData(1, FindingAction.Ask)]
    [InlineData(6, FindingAction.Ask)]
    [InlineData(14, FindingAction.Suspend)]
    public void Observe_TwoMachinesInTurnBesideAThird_DependsOnTheirPauses(int pause, FindingAction strongest)
    {
        var turns = Enumerable.Range(0, 4).SelectMany(turn =>
            Hours(24 + (turn * (8 + pause)), 32.1 + (turn * (8 + pause)), 2 + (turn % 2), 2 + (turn % 2), turn % 2 == 0 ? London : Tokyo));

        Assert.Equal(strongest, Strongest([.. Hours(0, 40 + (4 * (8 + pause)), 1, 1, Lagos), .. turns]));
    }

    [Theory]
    // Three people in far towns, each for a third of the day, with one account, or with one EA.
    [InlineData(6, 24, 7, 0, true, FindingAction.Suspend)]
    [InlineData(6, 24, 7, 1, true, FindingAction.Suspend)]
    [InlineData(3, 24, 7, 0, true, FindingAction.Ask)]
    // Without locations, three devices of one person are possible, unless there is no night.
    [InlineData(5, 24, 7, 0, false, FindingAction.Ask)]
    [InlineData(9, 24, 7, 0, false, FindingAction.Suspend)]
    [InlineData(9, 24, 5, 0, false, FindingAction.Ask)]
    // Servers that replace one another have no hours of their own.
    [InlineData(9, 29, 9, 0, true, FindingAction.Ask)]
    public void Observe_ThreeDevicesInTurnDayAfterDay_DependsOnPlacesAndHours(
        int days, int period, int length, int ofOneEa, bool located, FindingAction strongest)
    {
        Location[] far = [Lagos, London, Tokyo];
        var samples = Enumerable.Range(0, days * 3).SelectMany(turn => Hours(
                turn * period / 3.0, (turn * period / 3.0) + length,
                ofOneEa == 1 ? 1 : turn % 3, ofOneEa == 1 ? 1 + (turn % 3) : 1, far[turn % 3], line: 8 + (turn % 3))
            .Select(sample => located ? sample
                : sample with { Location = null, Address = IPAddress.Parse($"{40 + (20 * (turn % 3))}.1.7.9") }));

        Assert.Equal(strongest, Strongest(samples));
    }

    /// <summary>Records without locations that are written while the market is open: a week has five full days.</summary>
    [Theory]
    [InlineData(7, FindingAction.Ask)]
    [InlineData(8, FindingAction.Suspend)]
    public void Observe_ThreeDevicesInTurnOnWorkingDays_CountsTheFullDaysOfTwoWeeks(int days, FindingAction strongest)
    {
        var samples = Enumerable.Range(0, 12).Where(day => day % 7 < 5).Take(days).SelectMany(day => Enumerable.Range(0, 3)
            .SelectMany(turn => Hours((day * 24) + (turn * 8), (day * 24) + (turn * 8) + 7, turn, 1, Lagos)
                .Select(sample => sample with { Location = null, Address = IPAddress.Parse($"{40 + (20 * turn)}.1.7.9") })));

        Assert.Equal(strongest, Strongest(samples));
    }

    /// <summary>A server, and two devices in far towns day after day: one may be in an office whose network has a distant exit.</summary>
    [Fact]
    public void Observe_TwoDevicesInTurnDayAfterDayBesideAServer_AsksOnly()
    {
        var turns = Enumerable.Range(0, 7).SelectMany(day =>
            Hours(day * 24, (day * 24) + 8, 2, 1, London).Concat(Hours((day * 24) + 12, (day * 24) + 18, 3, 1, Tokyo)));

        Assert.Equal(FindingAction.Ask, Strongest([.. Hours(0, 168, 1, 1, Lagos), .. turns]));
    }

    /// <summary>The evidence that two terminals are on one device is kept while one is idle and the other changes its network.</summary>
    [Fact]
    public void Observe_TerminalsOfOneDeviceAfterManyNetworks_StayOneDevice()
    {
        var both = new[] { 1, 2 }.SelectMany(account => Hours(0, 24, 1, account, London)
            .Select((sample, hour) => sample with { Address = IPAddress.Parse($"81.{hour / 3}.7.9") }));
        var one = Hours(24, 120, 1, 1, London)
            .Select((sample, hour) => sample with { Address = IPAddress.Parse($"81.{20 + (hour / 3)}.7.9") });

        Assert.DoesNotContain(Play([.. both, .. one, .. Hours(0, 120, 9, 9, Tokyo)]), IsSuspension);
    }

    private static FindingAction Strongest(IEnumerable<UsageSample> samples) => Play(samples).Max(finding => finding.Action);

    private static bool IsSuspension(Finding finding) => finding.Action == FindingAction.Suspend;

    /// <summary>A device at work: one record an hour, with a session of one hour.</summary>
    private static IEnumerable<UsageSample> Hours(double from, double to, int ea, int account, Location location, int? line = null)
    {
        for (var hour = from + 1; hour <= to; hour++)
            yield return new UsageSample(
                Start.AddHours(hour), $"EA-{ea}", account, IPAddress.Parse($"41.{line ?? ea}.7.9"), location, TimeSpan.FromHours(1),
                Start.AddHours(hour));
    }

    /// <summary>Two devices for 60 hours, the second from a given hour on, and a third one in the last 12 hours.</summary>
    private static List<UsageSample> ThirdBesideTwo(double secondFrom) =>
        [.. Hours(0, 60, 1, 1, Lagos), .. Hours(secondFrom, 60, 2, 2, London), .. Hours(48, 60, 3, 3, Tokyo)];

    private static List<UsageSample> Order(IEnumerable<UsageSample> samples) => [.. samples.OrderBy(sample => sample.LoggedAt)];

    private static List<Finding> Play(IEnumerable<UsageSample> samples, DetectionPolicy? policy = null)
    {
        var (state, findings) = (new DetectionState(), new List<Finding>());
        foreach (var minute in Order(samples).GroupBy(sample => sample.LoggedAt))
        {
            var observation = Detector.Observe(state, minute, policy ?? Policy);
            state = observation.State;
            findings.AddRange(observation.Findings);
        }

        return findings;
    }

    private static string Json<T>(T value) => JsonSerializer.Serialize(value);
}
