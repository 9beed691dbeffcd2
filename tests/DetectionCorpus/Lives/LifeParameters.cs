namespace DetectionCorpus.Lives;

/// <summary>Minimum and maximum of a number.</summary>
public readonly record struct Bounds(double Least, double Most);

/// <summary>
/// The numbers behind the lives. They come from how MetaTrader 5, its rented servers, providers of internet access and vendors of EAs
/// work, not from the detector. <see cref="HeldOut"/> has other places, hours, rhythms and sizes: it validates a detector that was tuned
/// on <see cref="Open"/>, so don't tune on it.
/// </summary>
public sealed record LifeParameters
{
    public static readonly LifeParameters Open = new();

    /// <summary>Another world, in which summer time ends in the first week.</summary>
    public static readonly LifeParameters HeldOut = new()
    {
        Start = new(2026, 10, 19, 0, 0, 0, TimeSpan.Zero),
        SummerTimeEndsAt = 145,
        Towns = Places.HeldOutTowns,
        DataCenters = Places.HeldOutDataCenters,
        AlwaysOn = 0.3,
        Weekend = 0.75,
        Break = 0.3,
        OneFileName = 0.7,
        DayStart = new(9, 12),
        DayHours = new(6, 10),
        EveningStart = new(18.5, 20),
        EveningHours = new(2.2, 4),
        RestartAfterHours = new(20, 100),
        RestartMinutes = new(1, 40),
        Outage = 0.25,
        OutageHours = new(0.5, 12),
        LeaseHours = new(12, 60),
        CarrierStayHours = new(0.1, 12),
        MobileStayHours = new(0.3, 4),
        VpnStayHours = new(2, 30),
        VpnExits = new(3, 9),
        Misplaced = 0.25,
        WrongClock = 0.15,
        ClockMinutes = new(5, 60),
        Located = 0.65,
        HourlySessions = 0.85,
        FiveMinuteSessions = 0.3,
        EventSessions = 0.4,
        EventGapMinutes = new(4, 35),
        Lost = new(0, 0.05),
        Late = 0.15,
        LateHours = new(0.1, 8),
        Backfilled = 0.15,
        Duplicated = 0.15,
        BlankStart = 0.08,
        Group = new(3, 5),
        Managed = new(4, 9),
        ManagedInTurn = new(6, 10),
        TurnHours = new(4, 16),
        SeatDays = new(1, 2.5),
        Buyers = new(8, 16),
        HandoverMinutes = new(0, 40),
        StepHours = new(16, 90),
        ChallengeHours = new(14, 90),
    };

    /// <summary>A Monday. Markets close from Friday, 21:00 UTC, to Sunday, 22:00 UTC.</summary>
    public DateTimeOffset Start { get; init; } = new(2026, 9, 7, 0, 0, 0, TimeSpan.Zero);

    public int Days { get; init; } = 14;

    /// <summary>The hour at which the clocks of devices that take local time for UTC go back; null for none.</summary>
    public double? SummerTimeEndsAt { get; init; }

    public IReadOnlyList<Town> Towns { get; init; } = Places.Towns;

    public IReadOnlyList<Town> DataCenters { get; init; } = Places.DataCenters;

    /// <summary>Share of people in a group who run the EA on a rented server, day and night.</summary>
    public double AlwaysOn { get; init; } = 0.45;

    /// <summary>Chance that a personal computer is used on a day of the weekend.</summary>
    public double Weekend { get; init; } = 0.5;

    /// <summary>Chance that a stretch of use has a pause in it.</summary>
    public double Break { get; init; } = 0.5;

    /// <summary>Share of people whose EA has the name of its file, so that their devices report the same name.</summary>
    public double OneFileName { get; init; } = 0.5;

    /// <summary>Local time.</summary>
    public Bounds DayStart { get; init; } = new(7.5, 10);

    public Bounds DayHours { get; init; } = new(5, 11);

    public Bounds EveningStart { get; init; } = new(17.5, 19.5);

    public Bounds EveningHours { get; init; } = new(2, 4.5);

    public Bounds RestartAfterHours { get; init; } = new(40, 170);

    public Bounds RestartMinutes { get; init; } = new(2, 25);

    /// <summary>Chance that a restart takes <see cref="OutageHours"/> instead.</summary>
    public double Outage { get; init; } = 0.15;

    public Bounds OutageHours { get; init; } = new(1, 7);

    /// <summary>Hours for which a provider leaves an address with a customer.</summary>
    public Bounds LeaseHours { get; init; } = new(23.9, 24.1);

    /// <summary>Hours for which a carrier's address translation uses one address.</summary>
    public Bounds CarrierStayHours { get; init; } = new(0.3, 6);

    public Bounds MobileStayHours { get; init; } = new(0.1, 2.5);

    public Bounds VpnStayHours { get; init; } = new(0.5, 12);

    public Bounds VpnExits { get; init; } = new(2, 6);

    /// <summary>Share of a provider's address blocks that the geolocation database puts in another town within 400 km.</summary>
    public double Misplaced { get; init; } = 0.15;

    /// <summary>Share of devices with a wrong clock.</summary>
    public double WrongClock { get; init; } = 0.08;

    public Bounds ClockMinutes { get; init; } = new(2, 60);

    /// <summary>Share of licenses whose records have locations.</summary>
    public double Located { get; init; } = 0.75;

    /// <summary>Share of licenses whose records have session durations, by style.</summary>
    public double HourlySessions { get; init; } = 1;

    public double FiveMinuteSessions { get; init; } = 0.5;

    public double EventSessions { get; init; } = 0.25;

    /// <summary>Mean minutes between two signals while the market is busy.</summary>
    public Bounds EventGapMinutes { get; init; } = new(6, 25);

    /// <summary>Share of a license's records that are lost.</summary>
    public Bounds Lost { get; init; } = new(0, 0.02);

    /// <summary>Share of licenses with late records.</summary>
    public double Late { get; init; } = 0.1;

    public Bounds LateHours { get; init; } = new(0.05, 4);

    /// <summary>Share of licenses whose records are held back for hours once or twice, and then arrive together.</summary>
    public double Backfilled { get; init; } = 0.1;

    /// <summary>Share of licenses with records that arrive twice.</summary>
    public double Duplicated { get; init; } = 0.1;

    /// <summary>Share of licenses whose EA reports once before the terminal has logged in.</summary>
    public double BlankStart { get; init; } = 0.04;

    /// <summary>People in a group.</summary>
    public Bounds Group { get; init; } = new(3, 6);

    /// <summary>Accounts of a manager, at once and in turn.</summary>
    public Bounds Managed { get; init; } = new(4, 12);

    public Bounds ManagedInTurn { get; init; } = new(6, 12);

    public Bounds TurnHours { get; init; } = new(6, 22);

    public Bounds SeatDays { get; init; } = new(1, 3);

    /// <summary>Buyers of a reseller.</summary>
    public Bounds Buyers { get; init; } = new(6, 15);

    /// <summary>Minutes for which an old and a new server of one person run side by side.</summary>
    public Bounds HandoverMinutes { get; init; } = new(0, 25);

    /// <summary>Hours between two honest changes.</summary>
    public Bounds StepHours { get; init; } = new(20, 80);

    /// <summary>Hours for which a prop firm's challenge account lasts.</summary>
    public Bounds ChallengeHours { get; init; } = new(18, 120);
}
