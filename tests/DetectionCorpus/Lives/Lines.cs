using System.Net;
using Licensing.Suspicion;

namespace DetectionCorpus.Lives;

/// <summary>An access to the internet: its address, and the location that a geolocation database gives for it, at each hour.</summary>
public sealed class Line
{
    private readonly double[] _from;
    private readonly (IPAddress Address, Location Location)[] _stays;

    /// <param name="stays">By hour of their beginning. The first also applies before.</param>
    public Line(IReadOnlyCollection<(double From, IPAddress Address, Location Location)> stays)
    {
        _from = [.. stays.Select(stay => stay.From)];
        _stays = [.. stays.Select(stay => (stay.Address, stay.Location))];
    }

    public (IPAddress Address, Location Location) At(double hour)
    {
        var found = Array.BinarySearch(_from, hour);
        return _stays[Math.Max(0, found < 0 ? ~found - 1 : found)];
    }
}

/// <summary>The accesses that traders use.</summary>
public sealed class Lines(Random random, LifeParameters parameters)
{
    /// <summary>An address that never changes: a rented server, a company's or hotel's line, a private exit of a VPN.</summary>
    public Line Static(Town town) => new([(0, Address(), town.Location)]);

    /// <summary>A rented server in a data center.</summary>
    public Line Server(Town? town = null) => Static(town ?? parameters.DataCenters[random.Next(parameters.DataCenters.Count)]);

    /// <summary>A home: an address per lease, IPv6 with a new suffix per day, a carrier's translation, or an address for years.</summary>
    public Line Home(Town town) => random.Next(10) switch
    {
        < 4 => Leased(town),
        < 6 => Version6(town),
        < 8 => Carrier(town),
        _ => Static(town),
    };

    public Line Leased(Town town)
    {
        var blocks = Blocks(town, random.Next(1, 4));
        return Stays(parameters.LeaseHours, () => Of(blocks[random.Next(blocks.Length)], 16));
    }

    public Line Version6(Town town)
    {
        var (prefix, host) = (new byte[8], new byte[8]);
        random.NextBytes(prefix);
        (prefix[0], prefix[1]) = (0x2a, (byte)(prefix[1] & 0x0f));
        var moves = random.Next(3) == 0;
        return Stays(new(24, 24), () =>
        {
            random.NextBytes(host);
            if (moves)
                random.NextBytes(prefix.AsSpan(5));
            return (new IPAddress([.. prefix, .. host]), town.Location);
        });
    }

    /// <summary>A provider that translates the addresses of many customers to few.</summary>
    public Line Carrier(Town town)
    {
        var block = Blocks(town, 1)[0];
        var pool = Enumerable.Range(0, random.Next(3, 25)).Select(_ => Of(block, 22)).ToArray();
        return Stays(parameters.CarrierStayHours, () => pool[random.Next(pool.Length)]);
    }

    /// <summary>A mobile network. Its gateways, to which addresses are located, are in other towns of the region.</summary>
    public Line Mobile(Town town)
    {
        var gateways = Blocks(Near(town, 900), 1).Concat(Blocks(Near(town, 900), 1)).Concat(Blocks(town, 1)).ToArray();
        return Stays(parameters.MobileStayHours, () => Of(gateways[random.Next(gateways.Length)], 18));
    }

    /// <summary>A VPN whose exit is chosen anew with each connection.</summary>
    public Line Vpn()
    {
        var exits = Enumerable.Range(0, (int)Between(parameters.VpnExits))
            .Select(_ => (Address(), parameters.DataCenters.Concat(parameters.Towns).ElementAt(Any()).Location)).ToArray();
        return Stays(parameters.VpnStayHours, () => exits[random.Next(exits.Length)]);

        int Any() => random.Next(parameters.DataCenters.Count + parameters.Towns.Count);
    }

    /// <summary>
    /// One home with IPv4 and IPv6. Each terminal connects by one or the other, whichever answers first, so that two terminals at the same
    /// time may have different ones.
    /// </summary>
    /// <param name="stay">Hours for which a terminal keeps one of the two.</param>
    public Line[] DualStack(Town town, int terminals, Bounds? stay = null)
    {
        var (version4, version6) = (random.Next(2) == 0 ? Leased(town) : Carrier(town), Version6(town));
        var share = Between(new(0.1, 0.9));
        return [.. Enumerable.Range(0, terminals).Select(_ => Alternate(version4, version6, share))];

        Line Alternate(Line a, Line b, double shareOfB)
        {
            var stays = new List<(double, IPAddress, Location)>();
            for (var at = 0.0; at < parameters.Days * 24; at += Between(stay ?? new(0.05, 6)))
            {
                var (address, location) = (random.NextDouble() < shareOfB ? b : a).At(at);
                stays.Add((at, address, location));
            }

            return new Line(stays);
        }
    }

    /// <summary>
    /// A VPN that changes its exit every few minutes or hours, at random or in order. The devices have one connection, or one each.
    /// </summary>
    public Line[] Flapping(int devices)
    {
        var exits = Enumerable.Range(0, random.Next(2, 9))
            .Select(_ => (Address(), parameters.DataCenters.Concat(parameters.Towns).ElementAt(Any()).Location)).ToArray();
        var (hours, isInOrder, isOneConnection) = (Often(), random.Next(2) == 0, random.Next(2) == 0);
        var first = Connection();
        return [.. Enumerable.Range(0, devices).Select(_ => isOneConnection ? first : Connection())];

        Line Connection()
        {
            var exit = 0;
            return Stays(hours, () => exits[isInOrder ? exit++ % exits.Length : random.Next(exits.Length)]);
        }

        int Any() => random.Next(parameters.DataCenters.Count + parameters.Towns.Count);
    }

    /// <summary>A home whose router changes between its line and a mobile network every few minutes or hours.</summary>
    public Line Failover(Town town)
    {
        var (home, mobile) = (Home(town), Mobile(town));
        var (homeHours, mobileHours, isMobile) = (Often(), Often(), random.Next(2) == 0);
        var stays = new List<(double, IPAddress, Location)>();
        for (var at = 0.0; at < parameters.Days * 24; at += Between(isMobile ? mobileHours : homeHours), isMobile = !isMobile)
        {
            var (address, location) = (isMobile ? mobile : home).At(at);
            stays.Add((at, address, location));
        }

        return new Line(stays);
    }

    /// <summary>A carrier that gives each connection of each terminal any address of a pool.</summary>
    public Line[] Pool(Town town, int terminals)
    {
        var (block, hours) = (Blocks(town, 1)[0], Often());
        var bits = random.Next(18, 25);
        var pool = Enumerable.Range(0, random.Next(2, 200)).Select(_ => Of(block, bits)).ToArray();
        return [.. Enumerable.Range(0, terminals).Select(_ => Stays(hours, () => pool[random.Next(pool.Length)]))];
    }

    /// <summary>From a minute to six hours: always the same time, or one that varies.</summary>
    public Bounds Often()
    {
        var hours = Math.Pow(360, random.NextDouble()) / 60;
        return random.Next(3) == 0 ? new(hours, hours) : new(hours * 0.2, hours * 1.8);
    }

    /// <summary>Another access for some hours, such as a VPN or a phone, then the usual one again.</summary>
    public Line Switched(Line usual, Line other, Bounds usualHours, Bounds otherHours)
    {
        var stays = new List<(double, IPAddress, Location)>();
        var isOther = random.Next(2) == 0;
        for (double at = 0, end; at < parameters.Days * 24; at = end, isOther = !isOther)
        {
            end = at + Between(isOther ? otherHours : usualHours);
            for (var hour = at; hour < end; hour += 0.2)
            {
                var (address, location) = (isOther ? other : usual).At(hour);
                stays.Add((hour, address, location));
            }
        }

        return new Line(stays);
    }

    /// <summary>A virtual machine that gets a new address of its region each time it is started.</summary>
    public Line Cloud(Bounds hours)
    {
        var town = parameters.DataCenters[random.Next(parameters.DataCenters.Count)];
        var blocks = Enumerable.Range(0, 3).Select(_ => (Address().GetAddressBytes(), town.Location)).ToArray();
        return Stays(hours, () => Of(blocks[random.Next(3)], 14));
    }

    /// <summary>Internet by satellite: located to one of two ground stations.</summary>
    public Line Satellite(Town town)
    {
        var stations = Blocks(town, 1).Concat(Blocks(Near(town, 1500), 1)).ToArray();
        return Stays(new(6, 60), () => Of(stations[random.Next(2)], 20));
    }

    /// <summary>Two accesses of one router: the second one is used for minutes or hours while the first fails.</summary>
    public Line WithBackup(Line first, Line second)
    {
        var stays = new List<(double, IPAddress, Location)>();
        var backup = false;
        for (double at = 0, end; at < parameters.Days * 24; at = end, backup = !backup)
        {
            end = at + (backup ? Between(new(0.2, 5)) : Between(new(4, 40)));
            for (var hour = at; hour < end; hour += 0.25)
            {
                var (address, location) = (backup ? second : first).At(hour);
                stays.Add((hour, address, location));
            }
        }

        return new Line(stays);
    }

    /// <summary>
    /// Homes of one provider, in towns within 400 km. On some days one gets the address that another one had the day before.
    /// </summary>
    public Line[] OneProvider(IReadOnlyList<Town> towns)
    {
        var block = Address().GetAddressBytes();
        var last = new IPAddress[towns.Count];
        var stays = towns.Select(_ => new List<(double, IPAddress, Location)>()).ToArray();
        for (var day = 0; day <= parameters.Days; day++)
        {
            var before = (IPAddress[])last.Clone();
            var handed = day > 0 && random.Next(3) == 0 ? random.Next(towns.Count) : -1;
            for (var i = 0; i < towns.Count; i++)
            {
                last[i] = i == handed ? before[(i + 1) % towns.Count] : new IPAddress([block[0], block[1], Any(), Any()]);
                stays[i].Add(((day * 24) + 1 + (i * 0.1), last[i], towns[i].Location));
            }
        }

        return [.. stays.Select(stay => new Line(stay))];
    }

    /// <summary>Another town within the distance, or the same one if there is none.</summary>
    public Town Near(Town town, double km)
    {
        var near = parameters.Towns.Where(other => other.Name != town.Name && other.KmTo(town) <= km).ToArray();
        return near.Length == 0 ? town : near[random.Next(near.Length)];
    }

    private Line Stays(Bounds hours, Func<(IPAddress, Location)> next)
    {
        var stays = new List<(double, IPAddress, Location)>();
        for (var at = -Between(hours); at < parameters.Days * 24; at += Between(hours))
        {
            var (address, location) = next();
            stays.Add((at, address, location));
        }

        return new Line(stays);
    }

    /// <summary>Address blocks of a provider, each with the town to which all its addresses are located.</summary>
    private (byte[] Block, Location Location)[] Blocks(Town town, int count) =>
        [.. Enumerable.Range(0, count).Select(_ =>
            (Address().GetAddressBytes(), (random.NextDouble() < parameters.Misplaced ? Near(town, 400) : town).Location))];

    private (IPAddress, Location) Of((byte[] Block, Location Location) block, int bits)
    {
        var third = bits <= 16 ? Any() : (byte)((block.Block[2] & (0xff << (24 - bits))) | random.Next(1 << (24 - bits)));
        return (new IPAddress([block.Block[0], block.Block[1], third, Any()]), block.Location);
    }

    private IPAddress Address() => new([(byte)random.Next(20, 220), Any(), Any(), Any()]);

    private byte Any() => (byte)random.Next(1, 255);

    private double Between(Bounds bounds) => bounds.Least + (random.NextDouble() * (bounds.Most - bounds.Least));
}
