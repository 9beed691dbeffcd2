namespace DetectionCorpus.Lives;

/// <summary>Writes the uses of a terminal from one hour to another. The hours of the day are drawn once and kept.</summary>
internal delegate void Rhythm(Terminal terminal, double from, double to);

/// <summary>Draws the devices of one life, their lines and their hours. Some lives have all kinds of lines, others one or two.</summary>
internal sealed class DrawnCast
{
    private readonly Life _life;
    private readonly Func<Town, Line>[] _homes;
    private readonly Func<Line>[] _servers;

    public DrawnCast(Life life)
    {
        (_life, var lines, var parameters) = (life, life.Lines, life.Parameters);
        _homes = Some<Func<Town, Line>>(
        [
            lines.Leased, lines.Version6, lines.Carrier, lines.Mobile, lines.Static, lines.Satellite,
            _ => lines.Vpn(),
            town => lines.DualStack(town, 1)[0],
            town => lines.Switched(lines.Home(town), lines.Vpn(), Range(0.5, 40), Range(0.3, 20)),
            town => lines.Switched(lines.Home(town), lines.Mobile(town), Range(0.5, 20), Range(0.2, 8)),
            town => lines.WithBackup(lines.Leased(town), lines.Mobile(town)),
        ]);
        _servers = Some<Func<Line>>(
        [
            () => lines.Server(), () => lines.Server(), () => lines.Cloud(Range(3, 100)),
            () => lines.Version6(parameters.DataCenters[life.Whole(0, parameters.DataCenters.Count - 1)]),
        ]);
    }

    public Line Home(Town town) => Any(_homes)(town);

    public Line Server() => Any(_servers)();

    /// <summary>People in towns drawn from all, or of one region.</summary>
    public Person[] People(int count)
    {
        var (first, isOneRegion) = (_life.Person(), _life.Chance(0.2));
        return [first, .. Enumerable.Range(1, count - 1).Select(_ => _life.Person(isOneRegion ? _life.Lines.Near(first.Town, 400) : null))];
    }

    /// <summary>A device with a network of its own.</summary>
    public Terminal Device(Person person, bool isServer, string? ea = null, long? account = null) =>
        _life.Device(person, isServer ? Server() : Home(person.Town), ea, account);

    /// <summary>A server that is always at work, or a device at home with hours of its own.</summary>
    public Terminal Join(Person person, double from = 0, double? to = null, string? ea = null, long? account = null, Line? line = null)
    {
        var isServer = _life.Chance(_life.Parameters.AlwaysOn);
        var device = Device(person, isServer, ea, account);
        device = line is null ? device : device with { Line = line };
        (isServer ? Always() : Hours())(device, from, to ?? _life.Hours);
        return device;
    }

    public Rhythm Always() => (terminal, from, to) => _life.DayAndNight(terminal, from, to);

    /// <summary>Hours of the day, hours of the night, bursts at any time, or days at a stretch.</summary>
    public Rhythm Hours()
    {
        var (chance, start, hours) = (_life.Between(0.4, 1), _life.Between(0, 24), Range(0.7, 13));
        return _life.Whole(0, 5) switch
        {
            0 => (terminal, from, to) => _life.Daytimes(terminal, from, to, chance),
            1 => (terminal, from, to) => _life.Evenings(terminal, from, to, chance),
            2 or 3 => Daily(new(start, start + _life.Between(0.2, 3)), hours, chance),
            4 => Intervals(Range(0.2, 8), Range(0.3, 20)),
            _ => Intervals(Range(6, 60), Range(2, 50)),
        };
    }

    private Rhythm Daily(Bounds start, Bounds hours, double chance) =>
        (terminal, from, to) => _life.Daily(terminal, from, to, start, hours, chance);

    private Rhythm Intervals(Bounds on, Bounds off) => (terminal, from, to) =>
    {
        for (double at = from + (_life.Of(off) / 2), next; at < to; at = next + _life.Of(off))
        {
            next = at + _life.Of(on);
            _life.Run(terminal, at, Math.Min(next, to));
        }
    };

    public Bounds Range(double least, double most)
    {
        var (a, b) = (_life.Between(least, most), _life.Between(least, most));
        return new(Math.Min(a, b), Math.Max(a, b));
    }

    public T Any<T>(IReadOnlyList<T> of) => of[_life.Whole(0, of.Count - 1)];

    private T[] Some<T>(T[] all)
    {
        var count = _life.Whole(1, all.Length);
        return [.. Enumerable.Range(0, count).Select(_ => Any(all))];
    }
}
