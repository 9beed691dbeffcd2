using System.Globalization;

namespace DetectionCorpus.Lives;

/// <summary>A person who uses a license.</summary>
public sealed record Person(int Number, Town Town);

/// <summary>The difference between a device's clock and the right time, in hours, before and after an hour at which it jumps.</summary>
public sealed record Clock(double Before, double After, double JumpsAt)
{
    public static readonly Clock Right = new(0, 0, 0);

    public double At(double hour) => hour < JumpsAt ? Before : After;
}

/// <summary>
/// A terminal of MetaTrader: a program on a device, logged into one account at a time. A device may run several terminals, each in a
/// folder of its own.
/// </summary>
/// <param name="Ea">The name of the EA: that of its file unless renamed, or an identifier of the installation.</param>
/// <param name="Account">Null if the records have none.</param>
/// <param name="Blank">Share of the records without an account.</param>
public sealed record Terminal(
    Person Person, string Device, string Folder, Clock Clock, Line Line, string Ea, long? Account, double Blank = 0);

/// <summary>A terminal at work from one hour to another, counted from the start of the corpus in right time.</summary>
public sealed record Use(Terminal Terminal, double From, double To);

/// <summary>Writes the uses of one license. Hours count from the start of the corpus.</summary>
public sealed class Life(Random random, LifeParameters parameters)
{
    private static readonly string[] _products =
        ["GoldPulse", "TrendRider", "NightScalp", "GridMaster", "SwingPilot", "LondonBreak", "PipHarvest", "AlphaWave"];

    private readonly List<Use> _uses = [];
    private int _devices;
    private int _people;

    public LifeParameters Parameters => parameters;

    public Lines Lines { get; } = new(random, parameters);

    public double Hours => parameters.Days * 24.0;

    /// <summary>In order of importance: if two uses contradict each other, the earlier one in the list is kept.</summary>
    public IReadOnlyList<Use> Uses => _uses;

    /// <summary>False if the records of this life have no locations; null if it is chosen at random.</summary>
    public bool? Located { get; set; }

    public double Between(double least, double most) => least + (random.NextDouble() * (most - least));

    public double Of(Bounds bounds) => Between(bounds.Least, bounds.Most);

    public int Whole(int least, int most) => random.Next(least, most + 1);

    public int Whole(Bounds bounds) => Whole((int)bounds.Least, (int)bounds.Most);

    public bool Chance(double share) => random.NextDouble() < share;

    public Person Person(Town? town = null) => new(_people++, town ?? parameters.Towns[random.Next(parameters.Towns.Count)]);

    /// <summary>People in towns more than 500 km from each other, if there are enough of them.</summary>
    public Person[] PeopleApart(int count)
    {
        var towns = new List<Town>();
        foreach (var town in parameters.Towns.OrderBy(_ => random.Next()))
        {
            if (towns.Count < count && towns.TrueForAll(other => other.KmTo(town) > 500))
                towns.Add(town);
        }

        return [.. Enumerable.Range(0, count).Select(i => Person(towns[i % towns.Count]))];
    }

    public string NewEa() => Whole(0, 2) switch
    {
        0 => "EA-" + random.Next().ToString("x8", CultureInfo.InvariantCulture),
        1 => string.Create(CultureInfo.InvariantCulture, $"{_products[Whole(0, _products.Length - 1)]} v{Whole(1, 9)}.{Whole(0, 99)}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{_products[Whole(0, _products.Length - 1)]}_{random.Next():x6}"),
    };

    /// <summary>Brokers number their accounts with six to nine digits.</summary>
    public long NewAccount() => (long)(Math.Pow(10, Whole(5, 8)) * Between(1, 9.99));

    public Clock NewClock() => Chance(parameters.WrongClock) ? WrongClock() : Clock.Right;

    /// <summary>Wrong by up to an hour: always, until a jump, or since a jump.</summary>
    public Clock WrongClock()
    {
        if (parameters.SummerTimeEndsAt is { } ends && Chance(0.3))
            return new(1, 0, ends);
        var error = Of(parameters.ClockMinutes) / 60 * (Chance(0.5) ? 1 : -1);
        var jump = Between(10, Hours - 10);
        return Whole(0, 2) switch { 0 => new(error, error, 0), 1 => new(error, 0, jump), _ => new(0, error, jump) };
    }

    /// <summary>A new device with one terminal. It has an EA and account of its own unless given.</summary>
    public Terminal Device(Person person, Line line, string? ea = null, long? account = null) =>
        new(person, Numbered("device"), Numbered("folder"), NewClock(), line, ea ?? NewEa(), account ?? NewAccount());

    /// <summary>Another terminal on the same device, with the EA's file copied.</summary>
    public Terminal Copy(Terminal terminal) => terminal with { Folder = Numbered("folder"), Account = NewAccount() };

    public Terminal Server(Person person, string? ea = null, long? account = null) => Device(person, Lines.Server(), ea, account);

    public Terminal HomePc(Person person, string? ea = null, long? account = null) =>
        Device(person, Lines.Home(person.Town), ea, account);

    /// <summary>
    /// A second device of a person: with an account of its own, or with the same account and another EA. One EA and account on two
    /// devices would be a clone.
    /// </summary>
    public Terminal Second(Terminal first, Line line) =>
        Chance(parameters.OneFileName) ? Device(first.Person, line, first.Ea)
        : Chance(0.5) ? Device(first.Person, line, account: first.Account)
        : Device(first.Person, line);

    public void Run(Terminal terminal, double from, double to)
    {
        var (began, ended) = (Math.Max(0, from), Math.Min(Hours, to));
        if (ended - began > 1.0 / 60)
            _uses.Add(new Use(terminal, began, ended));
    }

    /// <summary>Day and night, with restarts and outages, as a server works.</summary>
    public void DayAndNight(Terminal terminal, double from = 0, double? to = null)
    {
        var end = Math.Min(Hours, to ?? Hours);
        for (double at = from, next; at < end; at = next)
        {
            next = at + Of(parameters.RestartAfterHours);
            Run(terminal, at, Math.Min(next, end));
            next += Chance(parameters.Outage) ? Of(parameters.OutageHours) : Of(parameters.RestartMinutes) / 60;
        }
    }

    /// <summary>In the daytime of the person's zone.</summary>
    public void Daytimes(Terminal terminal, double from = 0, double? to = null, double chance = 0.9) =>
        Daily(terminal, from, to ?? Hours, parameters.DayStart, parameters.DayHours, chance);

    public void Evenings(Terminal terminal, double from = 0, double? to = null, double chance = 0.75) =>
        Daily(terminal, from, to ?? Hours, parameters.EveningStart, parameters.EveningHours, chance);

    /// <summary>Once a day, from a local time, for some hours, with pauses.</summary>
    public void Daily(Terminal terminal, double from, double to, Bounds start, Bounds hours, double chance)
    {
        for (var day = (int)Math.Floor(from / 24) - 1; day * 24 < to; day++)
        {
            var (began, left) = ((day * 24) + Of(start) - terminal.Person.Town.Zone, Of(hours));
            var isWeekend = ((day % 7) + 7) % 7 >= 5;
            if (!Chance(chance * (isWeekend ? parameters.Weekend : 1)))
                continue;
            var pause = Chance(parameters.Break) ? Between(0.3, 0.7) * left : left;
            Run(terminal, Math.Max(from, began), Math.Min(to, began + pause));
            Run(terminal, Math.Max(from, began + pause + Between(0.2, 1.5)), Math.Min(to, began + left));
        }
    }

    /// <summary>The use of one person of a group: on a server, or at home by day or in the evening.</summary>
    public Terminal Join(Person person, double from = 0, double? to = null, string? ea = null, long? account = null, Line? line = null)
    {
        var always = Chance(parameters.AlwaysOn);
        var terminal = Device(person, line ?? (always ? Lines.Server() : Lines.Home(person.Town)), ea, account);
        Work(terminal, always, from, to);
        return terminal;
    }

    public void Work(Terminal terminal, bool always, double from = 0, double? to = null)
    {
        if (always)
            DayAndNight(terminal, from, to);
        else if (Chance(0.7))
            Daytimes(terminal, from, to);
        else
            Evenings(terminal, from, to, 0.9);
    }

    private string Numbered(string what) => string.Create(CultureInfo.InvariantCulture, $"{what} {_devices++}");
}
