namespace DetectionCorpus.Lives;

/// <summary>
/// A third world, for validation only: don't tune on it. Nothing in it is typical. Each life has its own numbers, drawn from wide ranges,
/// and each device has a network and hours of its own, drawn from all that exist. It stands for customers with unknown habits.
/// </summary>
public static class DrawnWorld
{
    /// <summary>Added to the number of a life that is drawn again.</summary>
    internal const int Again = 1_000_000;

    public static IReadOnlyList<Kind> Kinds { get; } = [.. DrawnHonest.All, .. DrawnShared.All];

    /// <summary>The same seed gives the same lives. A life does not depend on the number of others.</summary>
    public static IEnumerable<History> Generate(int seed, LifeCounts counts, int? accountsPerLicense = null) =>
        LivesCorpus.Numbered(Kinds, counts).Select(life => One(seed, life.Number, life.Kind, accountsPerLicense));

    /// <summary>A life without records is drawn again, and one of sharers whose records are of two devices only.</summary>
    public static History One(int seed, int number, Kind kind, int? accountsPerLicense = null)
    {
        for (var drawn = number; ; drawn += Again)
        {
            var parameters = Parameters(new Random(LivesCorpus.Hash(seed, drawn, kind.Name + " in numbers")));
            var life = LivesCorpus.One(seed, drawn, kind, parameters, accountsPerLicense);
            if (life.Rows.Count > 0 && (life.Label.Nature != Nature.Shared || life.Label.FirstViolationAt is not null))
                return life;
        }
    }

    private static LifeParameters Parameters(Random random)
    {
        var world = random.Next(2) == 0 ? LifeParameters.Open : LifeParameters.HeldOut;
        return world with
        {
            Towns = [.. Places.Towns, .. Places.HeldOutTowns],
            DataCenters = [.. Places.DataCenters, .. Places.HeldOutDataCenters],
            AlwaysOn = Number(0, 0.8),
            Weekend = Number(0.1, 1),
            Break = Number(0, 0.7),
            OneFileName = Number(0, 1),
            DayStart = Range(6, 12),
            DayHours = Range(3, 12),
            EveningStart = Range(16, 21),
            EveningHours = Range(1, 6),
            RestartAfterHours = Range(10, 300),
            RestartMinutes = Range(0.5, 60),
            Outage = Number(0, 0.4),
            OutageHours = Range(0.3, 16),
            LeaseHours = Range(6, 200),
            CarrierStayHours = Range(0.05, 24),
            MobileStayHours = Range(0.05, 6),
            VpnStayHours = Range(0.2, 48),
            VpnExits = Range(1, 12),
            Misplaced = Number(0, 0.3),
            WrongClock = Number(0, 0.3),
            ClockMinutes = Range(1, 60),
            Located = 0.5,
            HourlySessions = 0.6,
            FiveMinuteSessions = 0.5,
            EventSessions = 0.5,
            EventGapMinutes = Range(3, 45),
            Lost = new(0, Number(0, 0.1)),
            Late = Number(0, 0.3),
            LateHours = Range(0.05, 12),
            Backfilled = Number(0, 0.3),
            Duplicated = Number(0, 0.3),
            BlankStart = Number(0, 0.15),
            Group = Range(3, 7),
            Managed = Range(4, 14),
            ManagedInTurn = Range(5, 14),
            TurnHours = Range(2, 24),
            SeatDays = Range(0.7, 3.5),
            Buyers = Range(6, 18),
            HandoverMinutes = Range(0, 60),
            StepHours = Range(12, 120),
            ChallengeHours = Range(12, 150),
        };

        double Number(double least, double most) => least + (random.NextDouble() * (most - least));

        Bounds Range(double least, double most)
        {
            var (a, b) = (Number(least, most), Number(least, most));
            return new(Math.Min(a, b), Math.Max(a, b));
        }
    }
}
