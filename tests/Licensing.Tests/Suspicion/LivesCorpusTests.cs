using DetectionCorpus.Lives;
using Xunit;

namespace Licensing.Tests.Suspicion;

/// <summary>Tests of the second corpus itself, without the detector: its labels are true, and its lives are possible.</summary>
public sealed class LivesCorpusTests
{
    private const int Term = 3;

    // At least two lives of each kind.
    private static readonly LifeCounts _few = new(80, 60, 10);

    private static readonly Lazy<IReadOnlyList<History>> _open = new(() => Lives(LifeParameters.Open));
    private static readonly Lazy<IReadOnlyList<History>> _heldOut = new(() => Lives(LifeParameters.HeldOut));
    private static readonly Lazy<IReadOnlyList<History>> _drawn =
        new(() => [.. DrawnWorld.Generate(LivesCorpus.TuningSeed, _few, Term)]);

    private static readonly Lazy<IReadOnlyList<History>> _stressed =
        new(() => [.. StressedWorld.Generate(LivesCorpus.TuningSeed, 160, Term)]);

    public static TheoryData<string> Worlds => ["open", "held-out", "drawn", "stressed"];

    private static readonly Dictionary<string, Kind> _kinds = LivesCorpus.Kinds(LifeParameters.HeldOut)
        .Concat(DrawnWorld.Kinds).Concat(StressedWorld.Kinds).DistinctBy(kind => kind.Name).ToDictionary(kind => kind.Name);

    public static TheoryData<string> KindsOfThirdDevice =>
        [.. LivesCorpus.Kinds(LifeParameters.HeldOut).Where(kind => kind.Nature == Nature.Shared).Select(kind => kind.Name)];

    [Fact]
    public void Generate_SameSeed_GivesTheSameRecords()
    {
        var again = Lives(LifeParameters.Open);

        Assert.Equal(_open.Value.Select(life => life.Label), again.Select(life => life.Label));
        Assert.Equal(_open.Value.SelectMany(life => life.Rows), again.SelectMany(life => life.Rows));
    }

    [Fact]
    public void Generate_OtherSeed_GivesOtherLives()
    {
        var other = LivesCorpus.Generate(LivesCorpus.TuningSeed + 1, LifeParameters.Open, _few, Term);

        Assert.Empty(_open.Value.Select(life => life.Label.Subscription).Intersect(other.Select(life => life.Label.Subscription)));
    }

    [Fact]
    public void Generate_FewerLives_GivesThoseOfMore()
    {
        var fewer = LivesCorpus.Generate(LivesCorpus.TuningSeed, LifeParameters.Open, new LifeCounts(5, 5, 5), Term).ToList();

        Assert.Equal(15, fewer.Count);
        Assert.Subset(_open.Value.SelectMany(life => life.Rows).ToHashSet(), fewer.SelectMany(life => life.Rows).ToHashSet());
    }

    [Fact]
    public void Generate_ByDefault_Gives300HonestAnd200SharersOfAllKinds()
    {
        var counts = new LifeCounts();
        var names = LivesCorpus.Kinds(LifeParameters.HeldOut).Select(kind => kind.Name).ToList();

        Assert.Equal((300, 200, 40), (counts.Honest, counts.Shared, counts.Ambiguous));
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.Equal(names.Order(), _heldOut.Value.Select(life => life.Label.Kind).Distinct().Order());
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void Label_OfEachLife_IsTrue(string world)
    {
        foreach (var life in World(world))
        {
            var (start, end) = Span(world, life);
            var people = life.Uses.Select(use => use.Terminal.Person.Number).Distinct().Count();
            var kind = _kinds[life.Label.Kind];
            Assert.NotEmpty(life.Label.Reason);
            if (life.Label.Nature == Nature.Shared)
            {
                Assert.True(life.Label.FirstViolationAt >= start && life.Label.FirstViolationAt < end, life.Label.Kind);
                Assert.False(life.Label.EvidenceAt < life.Label.FirstViolationAt, life.Label.Kind);
                Assert.True(people >= 2 || kind.ByTerm, life.Label.Kind);
            }
            else
            {
                Assert.Null(life.Label.FirstViolationAt);
                Assert.Null(life.Label.EvidenceAt);
                Assert.True(people == 1, life.Label.Kind);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void Uses_OfOnePerson_AreOfAtMostTwoDevicesAtOnce(string world)
    {
        foreach (var life in World(world).Where(life => life.Label.Nature != Nature.Shared))
            Assert.All(life.Uses, use => Assert.InRange(DevicesAt(life, use.From), 1, 2));
    }

    /// <summary>Otherwise nothing could show that the license is shared.</summary>
    [Theory]
    [MemberData(nameof(KindsOfThirdDevice))]
    public void Records_OfSharers_AreOfMoreThanTwoDevices(string kind)
    {
        Assert.All(_heldOut.Value.Where(life => life.Label.Kind == kind), life =>
        {
            var devices = life.Uses.Select(use => use.Terminal.Device).Distinct().Count();
            Assert.True(devices > 2, $"{devices} devices");
        });
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void Terminal_AtEachTime_IsLoggedIntoOneAccount(string world)
    {
        foreach (var life in World(world))
        {
            foreach (var terminal in life.Uses.GroupBy(use => use.Terminal.Folder))
            {
                var uses = terminal.OrderBy(use => use.From).ToList();
                Assert.All(uses.Zip(uses.Skip(1)), pair => Assert.True(pair.First.To <= pair.Second.From, life.Label.Kind));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void Records_OfEachLife_ArriveInOrderAndTheirClocksAreWithinAnHour(string world)
    {
        foreach (var life in World(world))
        {
            var (start, end) = Span(world, life);
            Assert.NotEmpty(life.Rows);
            Assert.True(life.Rows.Zip(life.Rows.Skip(1)).All(pair => pair.First.ArrivedAt <= pair.Second.ArrivedAt));
            Assert.All(life.Rows, row =>
            {
                Assert.InRange(row.Sample.LoggedAt, start.AddHours(-1), end.AddHours(1));
                // A record arrives after it was logged, by a clock that may be an hour ahead; it is late by a day at most.
                Assert.InRange((row.ArrivedAt - row.Sample.LoggedAt).TotalHours, -1.01, 25);
            });
        }
    }

    [Fact]
    public void Records_OfTheCorpus_HaveWrongClocksRepeatsDelaysAndMissingFields()
    {
        var rows = _open.Value.SelectMany(life => life.Rows).ToList();

        Assert.Contains(rows, row => row.Sample.LoggedAt > row.ArrivedAt.AddMinutes(20));
        Assert.Contains(rows, row => row.Sample.LoggedAt < row.ArrivedAt.AddHours(-5));
        Assert.Contains(rows.GroupBy(row => (row.Subscription, row.Sample)), same => same.Count() > 1);
        Assert.Contains(rows, row => row.Sample.Session is null);
        Assert.Contains(rows, row => row.Sample.Session > TimeSpan.FromMinutes(50));
        Assert.Contains(rows, row => row.Sample.Location is null);
        Assert.Contains(rows, row => row.Sample.Account is null);
    }

    [Theory]
    [InlineData(Style.FullHour, 55, 65)]
    [InlineData(Style.FiveMinutes, 4.5, 5.5)]
    [InlineData(Style.Event, 0.5, 45)]
    public void Records_OfAServer_HaveThePaceOfTheirStyle(Style style, double least, double most)
    {
        var lives = Enumerable.Range(0, 20)
            .Select(i => LivesCorpus.One(LivesCorpus.TuningSeed, i, Kind("server_only"), LifeParameters.Open))
            .Where(life => life.Style == style).ToList();

        Assert.NotEmpty(lives);
        Assert.All(lives, life =>
        {
            var times = life.Rows.Select(row => row.Sample.LoggedAt).Order().ToList();
            var gaps = times.Zip(times.Skip(1), (a, b) => (b - a).TotalMinutes).Where(gap => gap > 0).Order().ToList();
            Assert.InRange(gaps[gaps.Count / 2], least, most);
        });
    }

    [Theory]
    [InlineData("manager_accounts_at_once", null, Nature.Ambiguous)]
    [InlineData("manager_accounts_at_once", 3, Nature.Shared)]
    [InlineData("manager_accounts_at_once", 12, Nature.Ambiguous)]
    [InlineData("manager_accounts_in_turn", null, Nature.Ambiguous)]
    [InlineData("manager_accounts_in_turn", 3, Nature.Shared)]
    [InlineData("own_accounts_on_one_server", null, Nature.Honest)]
    [InlineData("own_accounts_on_one_server", 3, Nature.Honest)]
    [InlineData("own_accounts_on_one_server", 1, Nature.Shared)]
    public void Label_OfManyAccounts_FollowsThePlatformsTerm(string kind, int? accountsPerLicense, Nature expected) =>
        Assert.All(Enumerable.Range(0, 5), number => Assert.Equal(
            expected,
            LivesCorpus.One(LivesCorpus.TuningSeed, number, Kind(kind), LifeParameters.Open, accountsPerLicense).Label.Nature));

    [Fact]
    public void Records_OfOneProvider_HaveAnAddressThatChangesHands() =>
        Assert.All(Enumerable.Range(0, 5), number =>
        {
            var life = LivesCorpus.One(LivesCorpus.TuningSeed, number, Kind("one_provider"), LifeParameters.Open);

            Assert.Contains(life.Rows.GroupBy(row => row.Sample.Address), address =>
                address.Select(row => row.Sample.EaInstanceId).Distinct().Count() > 1);
        });

    [Fact]
    public void HeldOutWorld_BesideTheOpenOne_SharesNoTown() =>
        Assert.Empty(LifeParameters.Open.Towns.Select(town => town.Name).Intersect(LifeParameters.HeldOut.Towns.Select(town => town.Name)));

    private static List<History> Lives(LifeParameters parameters) =>
        [.. LivesCorpus.Generate(LivesCorpus.TuningSeed, parameters, _few, Term)];

    private static IReadOnlyList<History> World(string name) =>
        (name switch { "open" => _open, "held-out" => _heldOut, "drawn" => _drawn, _ => _stressed }).Value;

    /// <summary>A life of the drawn or the stressed world begins at the start of one of the other two.</summary>
    private static (DateTimeOffset Start, DateTimeOffset End) Span(string world, History life)
    {
        var isOpen = world == "open"
            || (world is "drawn" or "stressed" && life.Rows[0].ArrivedAt < LifeParameters.Open.Start.AddDays(LifeParameters.Open.Days + 2));
        var parameters = isOpen ? LifeParameters.Open : LifeParameters.HeldOut;
        return (parameters.Start, parameters.Start.AddDays(parameters.Days));
    }

    private static Kind Kind(string name) => LivesCorpus.Kinds(LifeParameters.Open).Single(kind => kind.Name == name);

    private static int DevicesAt(History life, double hour) =>
        life.Uses.Where(use => use.From <= hour && hour < use.To).Select(use => use.Terminal.Device).Distinct().Count();
}
