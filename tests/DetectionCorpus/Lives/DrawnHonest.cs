namespace DetectionCorpus.Lives;

/// <summary>Customers of the drawn world who use their own license.</summary>
internal static class DrawnHonest
{
    public static readonly Kind[] All =
    [
        Of("drawn_device", Device),
        Of("drawn_two_devices", TwoDevices),
        Of("drawn_server_and_device", ServerAndDevice),
        Of("drawn_places_in_turn", PlacesInTurn),
        Of("drawn_changes", (life, cast) => Changes(life, cast, devices: 1)),
        Of("drawn_changes_on_two_devices", (life, cast) => Changes(life, cast, devices: 2)),
        Of("drawn_traveler", Traveler),
        Of("drawn_demos_and_challenges", DemosAndChallenges),
        Of("drawn_household", Household),
        Of("drawn_renumbered_server", Renumbered),
        Of("drawn_phone_hotspot", PhoneHotspot),
        new("drawn_own_accounts", Nature.Honest, "Up to three accounts of one person, each in a terminal of one device.",
            life => OwnAccounts(life, new DrawnCast(life)), ByTerm: true),
    ];

    private static Kind Of(string name, Action<Life, DrawnCast> write) => HonestLives.Of(name, life => write(life, new DrawnCast(life)));

    private static Rhythm OfHome(Life life, DrawnCast cast) => life.Chance(0.3) ? cast.Always() : cast.Hours();

    private static void Device(Life life, DrawnCast cast) =>
        OfHome(life, cast)(cast.Device(life.Person(), life.Chance(0.3)), 0, life.Hours);

    private static void TwoDevices(Life life, DrawnCast cast)
    {
        var me = life.Person();
        var first = cast.Device(me, false);
        OfHome(life, cast)(first, 0, life.Hours);
        OfHome(life, cast)(life.Second(first, cast.Home(me.Town)), life.Chance(0.5) ? 0 : life.Between(0, 200), life.Hours);
    }

    private static void ServerAndDevice(Life life, DrawnCast cast)
    {
        var server = cast.Device(life.Person(), true);
        cast.Always()(server, 0, life.Hours);
        OfHome(life, cast)(life.Second(server, cast.Home(server.Person.Town)), life.Between(0, 60), life.Hours);
        if (life.Chance(0.3))
            cast.Hours()(life.Copy(server), life.Between(0, 100), life.Hours); // a demo account on the server
    }

    /// <summary>One person in up to four places, one after the other, with a device in each, and one or two accounts in all.</summary>
    private static void PlacesInTurn(Life life, DrawnCast cast)
    {
        var first = cast.Device(life.Person(), false);
        var ownAccount = life.Chance(0.4) ? life.NewAccount() : first.Account;
        var devices = new List<Terminal> { first };
        for (var i = life.Whole(1, 3); i > 0; i--)
        {
            var town = life.Lines.Near(first.Person.Town, 400);
            var ea = life.Chance(life.Parameters.OneFileName) ? first.Ea : null;
            devices.Add(life.Device(first.Person, cast.Home(town), ea, i == 1 ? ownAccount : first.Account));
        }

        var stay = cast.Range(0.5, 40);
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.3, 10))
        {
            next = at + life.Of(stay);
            life.Run(cast.Any(devices), at, next);
        }
    }

    /// <summary>One change after the other. Each keeps the EA, the account or the network.</summary>
    private static void Changes(Life life, DrawnCast cast, int devices)
    {
        var me = life.Person();
        var first = cast.Device(me, life.Chance(0.6));
        Terminal[] mine = devices == 1 ? [first] : [first, life.Second(first, cast.Home(me.Town))];
        Rhythm[] rhythms = [.. mine.Select(_ => OfHome(life, cast))];
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Of(life.Parameters.StepHours);
            for (var i = 0; i < mine.Length; i++)
                rhythms[i](mine[i], at, next);
            var changed = life.Whole(0, mine.Length - 1);
            var device = mine[changed];
            mine[changed] = life.Whole(0, 6) switch
            {
                0 => device with { Ea = life.NewEa() },
                1 => device with { Account = life.NewAccount() },
                2 => device with { Line = cast.Home(me.Town) },
                3 => life.Device(me, device.Line, device.Ea, life.Chance(0.5) ? device.Account : null),
                4 => life.Device(me, device.Line, account: device.Account),
                5 => cast.Device(me, life.Chance(0.5), life.Chance(0.5) ? device.Ea : null, device.Account),
                _ => device,
            };
            if (life.Chance(0.3))
                next += life.Between(1, 40); // a pause
        }
    }

    private static void Traveler(Life life, DrawnCast cast)
    {
        var me = life.Person();
        var laptop = cast.Device(me, false);
        if (life.Chance(0.5))
            cast.Always()(life.Second(laptop, cast.Server()), 0, life.Hours);
        for (double at = 0, next; at < life.Hours; at = next + life.Between(2, 16))
        {
            next = at + life.Between(10, 120);
            var town = life.Person().Town;
            (life.Chance(0.2) ? cast.Always() : cast.Hours())(laptop with { Line = cast.Home(town) }, at, next);
        }
    }

    private static void DemosAndChallenges(Life life, DrawnCast cast)
    {
        var server = cast.Device(life.Person(), life.Chance(0.7));
        if (life.Chance(0.5))
            cast.Always()(life.Copy(server), 0, life.Hours);
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, 20))
        {
            next = at + life.Of(life.Parameters.ChallengeHours);
            var ea = life.Chance(0.7) ? server.Ea : life.NewEa();
            cast.Always()(server with { Account = life.NewAccount(), Ea = ea }, at, next);
        }

        if (life.Chance(0.5))
        {
            var home = life.Device(server.Person, cast.Home(server.Person.Town), server.Ea, server.Account);
            cast.Hours()(home, 0, life.Hours);
        }
    }

    /// <summary>One home with IPv4 and IPv6, or a carrier's translation: two computers, and two terminals on one of them.</summary>
    private static void Household(Life life, DrawnCast cast)
    {
        var me = life.Person();
        var lines = life.Chance(0.6) ? life.Lines.DualStack(me.Town, 3) : Enumerable.Repeat(cast.Home(me.Town), 3).ToArray();
        var pc = life.Device(me, lines[0]);
        OfHome(life, cast)(pc, 0, life.Hours);
        OfHome(life, cast)(life.Second(pc, lines[1]), life.Between(0, 60), life.Hours);
        if (life.Chance(0.5))
            OfHome(life, cast)(life.Copy(pc) with { Line = lines[2] }, life.Between(0, 60), life.Hours);
    }

    private static void Renumbered(Life life, DrawnCast cast)
    {
        var server = cast.Device(life.Person(), true);
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0, 1))
        {
            next = at + life.Between(10, 200);
            cast.Always()(server with { Line = cast.Server() }, at, next);
        }

        OfHome(life, cast)(life.Second(server, cast.Home(server.Person.Town)), life.Between(0, 60), life.Hours);
    }

    /// <summary>A small computer on a phone's hotspot, whose address changes many times a day.</summary>
    private static void PhoneHotspot(Life life, DrawnCast cast)
    {
        var me = life.Person();
        var first = life.Device(me, life.Lines.Mobile(me.Town));
        OfHome(life, cast)(first, 0, life.Hours);
        var line = life.Chance(0.5) ? cast.Server()
            : life.Lines.Switched(cast.Home(me.Town), first.Line, cast.Range(0.5, 20), cast.Range(0.5, 20));
        OfHome(life, cast)(life.Second(first, line), life.Between(0, 40), life.Hours);
    }

    private static void OwnAccounts(Life life, DrawnCast cast)
    {
        var device = cast.Device(life.Person(), life.Chance(0.7));
        OfHome(life, cast)(device, 0, life.Hours);
        for (var i = life.Whole(1, 2); i > 0; i--)
            OfHome(life, cast)(life.Copy(device), life.Between(0, 150), life.Hours);
    }
}
