using System.Globalization;
using System.Net;
using Licensing.Suspicion;

namespace DetectionCorpus;

/// <summary>How a corpus is recorded. The habits are the same; what is known of them differs.</summary>
/// <param name="GapMinutes">Mean time between two records of a device at work.</param>
/// <param name="Spread">By how much of it that time varies, to both sides.</param>
/// <param name="LeastRecall">The share of sharers that must be suspended.</param>
/// <param name="Late">Share of records that arrive up to hours after their time.</param>
public sealed record Recording(string Name, double GapMinutes = 60, double Spread = 0.5, bool Sessions = true, bool Places = true, double Late = 0, int Days = 8,
    double LeastRecall = 0.97);

/// <summary>A usage record as it arrived.</summary>
public sealed record Row(Guid Subscription, DateTimeOffset ArrivedAt, Use Use);

/// <summary>What is true of a license.</summary>
public sealed record Label(Guid Subscription, bool Sharing, string Scenario, DateTimeOffset? FirstViolationAt);

/// <summary>Where a device's packets come from at an hour.</summary>
public delegate (IPAddress Address, Place Place) Site(double hour);

/// <summary>An EA and its account.</summary>
public sealed record Machine(string Ea, long Account);

/// <summary>One license's life, written by a scenario. Hours count from the corpus's start.</summary>
public sealed class World(Random random, Recording recording, Guid subscription)
{
    public static readonly DateTimeOffset Start = new(2026, 9, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly (string Country, string City, double Latitude, double Longitude)[] _cities =
    [
        ("SG", "Singapore", 1.35, 103.82), ("JP", "Tokyo", 35.68, 139.65), ("PK", "Karachi", 24.86, 67.00), ("GB", "London", 51.51, -0.13),
        ("NG", "Lagos", 6.52, 3.38), ("KE", "Nairobi", -1.29, 36.82), ("VN", "Hanoi", 21.03, 105.83), ("PL", "Warsaw", 52.23, 21.01),
        ("US", "New York", 40.71, -74.01), ("US", "Chicago", 41.88, -87.63), ("BR", "Sao Paulo", -23.55, -46.63), ("ZA", "Johannesburg", -26.20, 28.05),
        ("AU", "Sydney", -33.87, 151.21), ("IN", "Delhi", 28.61, 77.21), ("AE", "Dubai", 25.20, 55.27), ("DE", "Frankfurt", 50.11, 8.68),
        ("FR", "Paris", 48.86, 2.35), ("NL", "Amsterdam", 52.37, 4.90), ("MX", "Mexico City", 19.43, -99.13), ("CO", "Bogota", 4.71, -74.07),
        ("CA", "Toronto", 43.65, -79.38), ("PT", "Lisbon", 38.72, -9.14), ("UA", "Kyiv", 50.45, 30.52), ("ID", "Jakarta", -6.21, 106.85),
        ("PH", "Manila", 14.60, 120.98), ("EG", "Cairo", 30.04, 31.24), ("TR", "Istanbul", 41.01, 28.98), ("MY", "Kuala Lumpur", 3.14, 101.69),
        ("IE", "Dublin", 53.35, -6.26), ("BE", "Brussels", 50.85, 4.35), ("CZ", "Prague", 50.08, 14.44), ("AT", "Vienna", 48.21, 16.37),
    ];

    private readonly List<Row> _rows = [];
    private readonly Dictionary<(Machine, string), double> _began = [];

    public double Hours => recording.Days * 24.0;

    public IReadOnlyList<Row> Rows => _rows;

    /// <summary>The hour at which a device that wasn't there before an hour was first at work; that hour where none came.</summary>
    public double FirstUseFrom(double hour) => _began.Values.Where(began => began >= hour).DefaultIfEmpty(hour).Min();

    public double Between(double least, double most) => least + (random.NextDouble() * (most - least));

    public int Whole(int least, int most) => random.Next(least, most + 1);

    public bool Chance(double share) => random.NextDouble() < share;

    public string NewEa() => "EA-" + random.Next().ToString("x8", CultureInfo.InvariantCulture);

    public long NewAccount() => random.NextInt64(10_000_000, 99_999_999);

    public Machine NewMachine() => new(NewEa(), NewAccount());

    public Place City()
    {
        var (country, city, latitude, longitude) = _cities[random.Next(_cities.Length)];
        return new Place(country, city, latitude, longitude);
    }

    public IPAddress Address() => new([(byte)Whole(11, 223), (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(1, 254)]);

    public Site Fixed(Place? place = null) => At(Address(), place ?? City());

    public static Site At(IPAddress address, Place place) => _ => (address, place);

    /// <summary>A line that gets an address a day, most of them in one provider's block.</summary>
    public Site Daily(Place? place = null)
    {
        var (home, changes) = (place ?? City(), Between(0, 24));
        var addresses = Enumerable.Range(0, recording.Days + 2).Select(_ => Address()).ToArray();
        return hour => (addresses[(int)((Math.Max(0, hour) + changes) / 24)], home);
    }

    /// <summary>A carrier's NAT: nearly every record from another address of its block.</summary>
    public Site Carrier(Place? place = null)
    {
        var (home, block, width) = (place ?? City(), (byte)Whole(11, 223), Whole(1, 15));
        return _ => (new IPAddress([block, (byte)Whole(0, width), (byte)Whole(0, 255), (byte)Whole(0, 255)]), home);
    }

    public Site Privacy(Place? place = null)
    {
        var home = place ?? City();
        var prefix = new byte[] { 0x20, 0x01, (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(0, 255), (byte)Whole(0, 255), 0, 1 };
        return _ =>
        {
            var host = new byte[8];
            random.NextBytes(host);
            return (new IPAddress([.. prefix, .. host]), home);
        };
    }

    public Site Home(Place? place = null) => Whole(0, 3) switch
    {
        0 => Fixed(place),
        1 => Privacy(place),
        _ => Daily(place),
    };

    /// <summary>At work from one hour to another without a pause.</summary>
    public void Run(Machine machine, Site site, double from, double to, double skewHours = 0)
    {
        to = Math.Min(to, Hours);
        var began = Math.Max(0, from);
        while (began < to)
        {
            var next = Math.Min(to, began + (recording.GapMinutes / 60 * Between(1 - recording.Spread, 1 + recording.Spread)));
            var (address, place) = site(next);
            var seconds = Math.Min(3600, (next - began) * 3600);
            Log(machine, next + skewHours, address, place, seconds);
            began = next;
        }
    }

    /// <summary>At work some hours of each day, in stretches, as a person's machine is.</summary>
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

    /// <summary>Any of the ways in which a sharer's machine is on.</summary>
    public void RunSomehow(Machine machine, Site site, double from, double to)
    {
        if (Chance(0.5))
            Run(machine, site, from, to);
        else
            RunSome(machine, site, from, to, Between(10, 16));
    }

    public void Log(Machine machine, double hour, IPAddress address, Place place, double seconds)
    {
        var at = Start.AddSeconds(Math.Round(hour * 3600));
        var device = (machine, $"{place.City}");
        var began = hour - (seconds / 3600);
        _began[device] = Math.Min(began, _began.GetValueOrDefault(device, began));
        var arrived = recording.Late > 0 && Chance(recording.Late) ? at.AddHours(Between(0, 3) * Between(0, 1)) : at;
        _rows.Add(new Row(subscription, arrived, new Use(
            at, machine.Ea, machine.Account, address, recording.Places ? place : null,
            recording.Sessions ? TimeSpan.FromSeconds(Math.Round(seconds)) : null)));
    }
}
