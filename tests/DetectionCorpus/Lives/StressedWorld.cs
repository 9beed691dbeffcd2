namespace DetectionCorpus.Lives;

/// <summary>
/// A fourth world: honest customers only, under conditions that are rare, and all together. Every second life has locations, and every
/// second of these session durations. Clocks are wrong, and records are held back, late, lost or repeated, in half of the lives each.
/// </summary>
public static class StressedWorld
{
    public static IReadOnlyList<Kind> Kinds { get; } =
        [.. StressedLives.All, .. HonestLives.All, .. DrawnHonest.All];

    /// <summary>The kinds that are in this world only.</summary>
    public static IReadOnlyList<Kind> StressedKinds => StressedLives.All;

    /// <summary>Customers whose license allows three devices.</summary>
    public static IReadOnlyList<Kind> KindsOfThreeDevices => StressedLives.OfThreeDevices;

    /// <summary>So many lives of all kinds in turn.</summary>
    public static IEnumerable<History> Generate(int seed, int lives, int? accountsPerLicense = null) =>
        Generate(Kinds, seed, lives, accountsPerLicense);

    /// <summary>The same, of customers whose license allows three devices.</summary>
    public static IEnumerable<History> GenerateOfThreeDevices(int seed, int lives) => Generate(KindsOfThreeDevices, seed, lives, null);

    private static IEnumerable<History> Generate(IReadOnlyList<Kind> kinds, int seed, int lives, int? accountsPerLicense) =>
        Enumerable.Range(0, lives).Select(i => One(seed, i / kinds.Count, kinds[i % kinds.Count], accountsPerLicense));

    /// <summary>The same seed and number give the same life. Four numbers in a row give all combinations of fields.</summary>
    public static History One(int seed, int number, Kind kind, int? accountsPerLicense = null)
    {
        for (var drawn = number; ; drawn += DrawnWorld.Again)
        {
            var random = new Random(LivesCorpus.Hash(seed, drawn, kind.Name + " under stress"));
            var life = LivesCorpus.One(seed, drawn, kind, Parameters(random, number), accountsPerLicense);
            if (life.Rows.Count > 0)
                return life;
        }
    }

    private static LifeParameters Parameters(Random random, int number)
    {
        var (located, sessions) = (number % 2, number / 2 % 2);
        return (random.Next(2) == 0 ? LifeParameters.Open : LifeParameters.HeldOut) with
        {
            Located = located,
            HourlySessions = sessions,
            FiveMinuteSessions = sessions,
            EventSessions = sessions,
            WrongClock = Half(0.7),
            Backfilled = Half(1),
            Late = Half(1),
            Duplicated = Half(1),
            Lost = new(0, Half(0.15)),
            BlankStart = Half(0.5),
        };

        double Half(double value) => random.Next(2) == 0 ? 0 : value;
    }
}
