using System.Globalization;
using System.Net;
using Licensing.Suspicion;

namespace DetectionCorpus;

/// <summary>A way to record a corpus: the behavior is the same, the recorded fields differ.</summary>
/// <param name="GapMinutes">Mean minutes between two records of a device at work.</param>
/// <param name="Spread">The variation of that time in both directions, as a share of it.</param>
/// <param name="LeastRecall">The least share of sharers that must be suspended.</param>
/// <param name="Late">Share of records that arrive up to 3 hours late.</param>
public sealed record Recording(
    string Name, double GapMinutes = 60, double Spread = 0.5, bool Sessions = true, bool Locations = true, double Late = 0, int Days = 8,
    double LeastRecall = 0.97);

/// <summary>A usage record and its time of arrival.</summary>
public sealed record Row(Guid Subscription, DateTimeOffset ArrivedAt, UsageSample Sample);

/// <summary>The truth about a license.</summary>
public sealed record Label(Guid Subscription, bool Sharing, string Scenario, DateTimeOffset? FirstViolationAt);

/// <summary>The address and location of a device at an hour.</summary>
public delegate (IPAddress Address, Location Location) Site(double hour);

/// <summary>An EA and its account.</summary>
public sealed record Machine(string Ea, long Account);

/// <summary>The usage of one license, written by a scenario. Hours count from the start of the corpus.</summary>
public sealed class World(Random random, Recording recording, Guid subscription)
{
    public static readonly DateTimeOffset Start = new(2026, 9, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly (string Country, string City, double Latitude, double Longitude)[] _cities =
    [
        ("SG", "Singapore", 1.35, 103.82), ("JP", "Tokyo", 35.68, 139.65), ("PK", "Karachi", 24.86, 67.00), ("GB", "London", 51.51, -0.13),
        ("NG", "Lagos", 6.52, 3.38), ("KE", "Nairobi", -1.29, 36.82), ("VN", "Hanoi", 21.03, 105.83), ("PL", "Warsaw", 52.23, 21.01),
        ("US", "New York", 40.71, -74.01), ("US", "Chicago", 41.88, -87.63), ("BR", "Sao Paulo", -23.55, -46.63),
        ("ZA", "Johannesburg", -26.20, 28.05),
        ("AU", "Sydney", -33.87, 151.21), ("IN", "Delhi", 28.61, 77.21), ("AE", "Dubai", 25.20, 55.27), ("DE", "Frankfurt", 50.11, 8.68),
        ("FR", "Paris", 48.86, 2.35), ("NL", "Amsterdam", 52.37, 4.90), ("MX", "Mexico City", 19.43, -99.13),
        ("CO", "Bogota", 4.71, -74.07),
        ("CA", "Toronto", 43.65, -79.38), ("PT", "Lisbon", 38.72, -9.14), ("UA", "Kyiv", 50.45, 30.52), ("ID", "Jakarta", -6.21, 106.85),
        ("PH", "Manila", 14.60, 120.98), ("EG", "Cairo", 30.04, 31.24), ("TR", "Istanbul", 41.01, 28.98),
        ("MY", "Kuala Lumpur", 3.14, 101.69),
        ("IE", "Dublin", 53.35, -6.26), ("BE", "Brussels", 50.85, 4.35), ("CZ", "Prague", 50.08, 14.44), ("AT", "Vienna", 48.21, 16.37),
    ];

    private readonly List<Row> _rows = [];
    private readonly Dictionary<(Machine, string), double> _began = [];

    public double Hours => recording.Days * 24.0;

    public IReadOnlyList<Row> Rows => _rows;

    /// <summary>The hour of the first use by a device that was not used before the given hour; the given hour when there is none.</summary>
    public double FirstUseFrom(double hour) => _began.Values.Where(began => began >= hour).DefaultIfEmpty(hour).Min();

    public double Between(double least, double most) => least + (random.NextDouble() * (most - least));

    public int Whole(int least, int most) => random.Next(least, most + 1);

    public bool Chance(double share) => random.NextDouble() < share;

    public string NewEa() => "EA-" + random.Next().ToString("x8", CultureInfo.InvariantCulture);

    public long NewAccount() => random.NextInt64(10_000_000, 99_999_999);

    public Machine NewMachine() => new(NewEa(), NewAccount());

    public Location City()
    {
        var (country, city, latitude, longitude) = _cities[random.Next(_cities.Length)];
        return new Location(country, city, latitude, longitude);
    }

    public IPAddress Address() => new([(byte)Whole(11, 223), (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(1, 254)]);

    public Site Fixed(Location? location = null) => At(Address(), location ?? City());

    public static Site At(IPAddress address, Location location) => _ => (address, location);

    /// <summary>A connection that gets a new address every day.</summary>
    public Site Daily(Location? location = null)
    {
        var (home, changes) = (location ?? City(), Between(0, 24));
        var addresses = Enumerable.Range(0, recording.Days + 2).Select(_ => Address()).ToArray();
        return hour => (addresses[(int)((Math.Max(0, hour) + changes) / 24)], home);
    }

    /// <summary>A carrier's address translation: nearly every record has another address of its block.</summary>
    public Site Carrier(Location? location = null)
    {
        var (home, block, width) = (location ?? City(), (byte)Whole(11, 223), Whole(1, 15));
        return _ => (new IPAddress([block, (byte)Whole(0, width), (byte)Whole(0, 255), (byte)Whole(0, 255)]), home);
    }

    public Site Privacy(Location? location = null)
    {
        var home = location ?? City();
        var prefix = new byte[] { 0x20, 0x01, (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(0, 255), 0, 1 };
        return _ =>
        {
            var host = new byte[8];
            random.NextBytes(host);
            return (new IPAddress([.. prefix, .. host]), home);
        };
    }

    public Site Home(Location? location = null) => Whole(0, 3) switch
    {
        0 => Fixed(location),
        1 => Privacy(location),
        _ => Daily(location),
    };

    /// <summary>A machine at work from one hour to another without a pause.</summary>
    public void Run(Machine machine, Site site, double from, double to, double skewHours = 0)
    {
        to = Math.Min(to, Hours);
        var began = Math.Max(0, from);
        while (began < to)
        {
            var next = Math.Min(to, began + (recording.GapMinutes / 60 * Between(1 - recording.Spread, 1 + recording.Spread)));
            var (address, location) = site(next);
            var seconds = Math.Min(3600, (next - began) * 3600);
            Log(machine, next + skewHours, address, location, seconds);
            began = next;
        }
    }

    /// <summary>A machine at work for some hours of each day, with pauses, as a personal machine is.</summary>
    public void RunSome(Machine machine, Site site, double from, double to, double hoursADay, double skewHours = 0)
    {
        for (var day = Math.Floor(from / 24); day * 24 < to; day++)
        {
            var left = hoursADay * Between(0.7, 1.3);
            var at = (day * 24) + Between(0, Math.Max(0.1, 22 - (1.5 * left)));
            while (left > 0.2)
            {
                var stretch = Math.Min(left, Between(0.5, 4));
                if (at >= from)
                    Run(machine, site, at, Math.Min(at + stretch, to), skewHours);
                at += stretch + Between(0.3, 3);
                left -= stretch;
            }
        }
    }

    /// <summary>A sharer's machine, at work all day or some hours of each day.</summary>
    public void RunSomehow(Machine machine, Site site, double from, double to)
    {
        if (Chance(0.5))
            Run(machine, site, from, to);
        else
            RunSome(machine, site, from, to, Between(10, 16));
    }

    public void Log(Machine machine, double hour, IPAddress address, Location location, double seconds)
    {
        var at = Start.AddSeconds(Math.Round(hour * 3600));
        var device = (machine, $"{location.City}");
        var began = hour - (seconds / 3600);
        _began[device] = Math.Min(began, _began.GetValueOrDefault(device, began));
        var arrived = recording.Late > 0 && Chance(recording.Late) ? at.AddHours(Between(0, 3) * Between(0, 1)) : at;
        _rows.Add(new Row(subscription, arrived, new UsageSample(
            at, machine.Ea, machine.Account, address, recording.Locations ? location : null,
            recording.Sessions ? TimeSpan.FromSeconds(Math.Round(seconds)) : null)));
    }
}
