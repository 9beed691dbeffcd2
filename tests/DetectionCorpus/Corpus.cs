namespace DetectionCorpus;

/// <summary>Usage records in the order of arrival, and the label of each license.</summary>
public sealed record Corpus(IReadOnlyList<Row> Rows, IReadOnlyList<Label> Labels)
{
    /// <summary>The ways to record a corpus: real ones may lack fields, and records may arrive late.</summary>
    public static readonly Recording[] Recordings =
    [
        new("full"),
        new("no_sessions", Sessions: false),
        new("no_places", Locations: false),
        new("bare", Sessions: false, Locations: false),
        new("late", Late: 0.15),
        new("frequent", GapMinutes: 20),
        new("frequent_bare", GapMinutes: 20, Sessions: false, Locations: false),
        // Here only the pace shows copies of one EA and account. The more irregular the pace is, the longer that takes.
        new("irregular", Spread: 0.95, Sessions: false, LeastRecall: 0.9),
        new("two_weeks", Days: 14),
    ];

    /// <summary>The first of the seeds on which the thresholds were set.</summary>
    public const int TuningSeed = 1_000;

    /// <summary>The first of the seeds on which the accuracy is reported. No threshold was set on them.</summary>
    public const int ReportSeed = 700_000;

    /// <summary>The same seed gives the same corpus. A license does not depend on the number of others.</summary>
    /// <param name="each">The number of licenses for each habit and for each pattern.</param>
    public static Corpus Generate(int seed, Recording recording, int each)
    {
        var rows = new List<Row>();
        var labels = new List<Label>();
        for (var i = 0; i < each; i++)
        {
            for (var habit = 0; habit < Habits.All.Length; habit++)
            {
                var (name, live) = Habits.All[habit];
                var (world, id) = New(seed, i, habit, recording);
                live(world);
                rows.AddRange(world.Rows);
                labels.Add(new Label(id, false, name, null));
            }

            for (var pattern = 0; pattern < Patterns.All.Length; pattern++)
            {
                var (name, live) = Patterns.All[pattern];
                var (world, id) = New(seed, i, 500 + pattern, recording);
                var began = live(world);
                rows.AddRange(world.Rows);
                labels.Add(new Label(id, true, name, World.Start.AddHours(world.FirstUseFrom(began))));
            }
        }

        return new Corpus([.. rows.OrderBy(row => row.ArrivedAt).ThenBy(row => row.Subscription)], labels);
    }

    private static (World World, Guid Id) New(int seed, int number, int scenario, Recording recording)
    {
        var random = new Random(HashCode(seed, number, scenario));
        var id = new byte[16];
        random.NextBytes(id);
        return (new World(random, recording, new Guid(id)), new Guid(id));
    }

    /// <summary>The same in every process; System.HashCode is not.</summary>
    private static int HashCode(int seed, int number, int scenario) => unchecked((((seed * 31) + number) * 1_009) + scenario);
}
