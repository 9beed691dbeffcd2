namespace DetectionCorpus.Lives;

/// <summary>Customers who use their own license through networks that change often, or in more than one way at once.</summary>
internal static class HonestNetworks
{
    public static readonly Kind[] All =
    [
        HonestLives.Of("two_computers_at_one_home", TwoAtHome),
        HonestLives.Of("home_ipv4_and_ipv6", DualStack),
        HonestLives.Of("vpn_on_and_off", VpnOnAndOff),
        HonestLives.Of("vpn_on_both_devices", VpnOnBoth),
        HonestLives.Of("laptop_on_wifi_and_phone", WifiAndPhone),
        HonestLives.Of("server_with_new_address_at_each_start", CloudServer),
        HonestLives.Of("two_cloud_servers", TwoCloudServers),
        HonestLives.Of("moved_house", MovedHouse),
        HonestLives.Of("new_provider", NewProvider),
        HonestLives.Of("remote_worker_between_two_countries", TwoCountries),
    ];

    /// <summary>A computer and a laptop behind one router. On some days, the laptop is elsewhere.</summary>
    private static void TwoAtHome(Life life)
    {
        var pc = life.HomePc(life.Person());
        var laptop = life.Second(pc, pc.Line);
        HonestLives.Home(life, pc);
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Between(30, 90);
            life.Evenings(laptop, at, next);
            at = next;
            next += life.Between(4, 30);
            life.Daytimes(laptop with { Line = life.Lines.Mobile(laptop.Person.Town) }, at, next);
        }
    }

    private static void DualStack(Life life)
    {
        var me = life.Person();
        var lines = life.Lines.DualStack(me.Town, 3);
        var pc = life.Device(me, lines[0]);
        HonestLives.Home(life, pc);
        if (life.Chance(0.5))
            HonestLives.Home(life, life.Copy(pc) with { Line = lines[1] });
        if (life.Chance(0.6))
            HonestLives.Home(life, life.Second(pc, lines[2]));
        else
            life.DayAndNight(life.Second(pc, life.Lines.Server()));
    }

    private static void VpnOnAndOff(Life life)
    {
        var me = life.Person();
        var line = life.Lines.Switched(life.Lines.Home(me.Town), life.Lines.Vpn(), new(1, 40), new(0.5, 20));
        var pc = life.Device(me, line);
        HonestLives.Home(life, pc);
        if (life.Chance(0.6))
            life.DayAndNight(life.Second(pc, life.Lines.Server()));
        if (life.Chance(0.3))
            HonestLives.Home(life, life.Copy(pc));
    }

    /// <summary>Both devices of one home use a VPN, each with exits of its own.</summary>
    private static void VpnOnBoth(Life life)
    {
        var me = life.Person();
        var pc = life.Device(me, life.Lines.Vpn());
        var other = life.Second(pc, life.Chance(0.5) ? life.Lines.Vpn()
            : life.Lines.Switched(life.Lines.Home(me.Town), life.Lines.Vpn(), new(2, 30), new(2, 30)));
        HonestLives.Home(life, pc);
        HonestLives.Home(life, other);
    }

    private static void WifiAndPhone(Life life)
    {
        var me = life.Person();
        var wifi = life.Lines.Home(me.Town);
        var laptop = life.Device(me, life.Lines.Switched(wifi, life.Lines.Mobile(me.Town), new(2, 14), new(0.3, 6)));
        HonestLives.Home(life, laptop);
        if (life.Chance(0.4))
            life.DayAndNight(life.Second(laptop, life.Lines.Server()));
        else
            HonestLives.Home(life, life.Second(laptop, wifi));
    }

    private static void CloudServer(Life life)
    {
        var server = life.Device(life.Person(), life.Lines.Cloud(new(5, 40)));
        life.DayAndNight(server);
        HonestLives.BesideServer(life, server);
    }

    private static void TwoCloudServers(Life life)
    {
        var first = life.Device(life.Person(), life.Lines.Cloud(new(12, 60)));
        life.DayAndNight(first);
        life.DayAndNight(life.Second(first, life.Lines.Cloud(new(12, 60))), life.Between(0, 60));
    }

    private static void MovedHouse(Life life)
    {
        var me = life.Person();
        var pc = life.HomePc(me);
        var at = life.Between(60, 220);
        var there = life.Person().Town;
        var server = life.Chance(0.5) ? life.Second(pc, life.Lines.Server()) : null;
        if (server is not null)
            life.DayAndNight(server);
        else if (life.Chance(0.5))
            HonestLives.Home(life, life.Second(pc, pc.Line), 0, at);
        HonestLives.Home(life, pc, 0, at);
        life.Daily(pc with { Line = life.Lines.Mobile(there) }, at + 5, at + 60, new(9, 18), new(1, 4), 0.7);
        HonestLives.Home(life, pc with { Line = life.Lines.Home(there) }, at + 60);
    }

    private static void NewProvider(Life life)
    {
        var pc = life.HomePc(life.Person());
        var (at, town) = (life.Between(40, 280), pc.Person.Town);
        var other = life.Chance(0.5) ? life.Second(pc, pc.Line) : null;
        var (next, days) = (life.Lines.Home(town), life.Chance(0.5) ? life.Between(0, 40) : 0);
        HonestLives.Home(life, pc, 0, at);
        if (days > 0)
            life.Evenings(pc with { Line = life.Lines.Mobile(town) }, at, at + days);
        HonestLives.Home(life, pc with { Line = next }, at + days);
        if (other is null)
            return;
        life.Evenings(other, 0, at);
        life.Evenings(other with { Line = next }, at + days);
    }

    /// <summary>Some days here, some there, with one laptop; and a computer in each place, with the same account.</summary>
    private static void TwoCountries(Life life)
    {
        var people = life.PeopleApart(2);
        var laptop = life.HomePc(people[0]);
        var away = laptop with { Line = life.Lines.Home(people[1].Town) };
        var desk = life.Device(people[0], laptop.Line, account: laptop.Account);
        var other = life.Device(people[0], away.Line, account: laptop.Account);
        var here = true;
        for (double at = 0, next; at < life.Hours; at = next + life.Between(4, 14), here = !here)
        {
            next = at + life.Between(40, 120);
            HonestLives.Home(life, here ? laptop : away, at, next);
            life.Evenings(here ? desk : other, at, next, 0.5);
        }
    }
}
