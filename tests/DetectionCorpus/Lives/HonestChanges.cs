namespace DetectionCorpus.Lives;

/// <summary>Customers who use their own license and change one thing after the other.</summary>
internal static class HonestChanges
{
    public static readonly Kind[] All =
    [
        HonestLives.Of("ea_updated_with_new_names", EaUpdated),
        HonestLives.Of("demo_at_home_then_live_on_server", DemoThenLive),
        HonestLives.Of("brokers_server_merged", BrokerMerged),
        HonestLives.Of("computer_laptop_and_server", ThreeDevices),
        HonestLives.Of("several_charts", SeveralCharts),
        HonestLives.Of("copier_beside_master", Copier),
        HonestLives.Of("server_set_up_again", ServerSetUpAgain),
        HonestLives.Of("server_moved_back", ServerMovedBack),
        HonestLives.Of("trial_of_servers", TrialOfServers),
        HonestLives.Of("clock_corrected_and_moved", ClockAndMove),
        HonestLives.Of("sleeping_laptop", SleepingLaptop),
        HonestLives.Of("trip_with_borrowed_computer", BorrowedComputer),
        HonestLives.Of("repaired_computer", Repaired),
        HonestLives.Of("weekend_changes", WeekendChanges),
    ];

    /// <summary>New versions of the EA have other names. The second device gets them hours or days later.</summary>
    private static void EaUpdated(Life life)
    {
        var server = life.Server(life.Person());
        var ea = life.NewEa();
        var home = life.HomePc(server.Person, ea, life.Chance(0.5) ? server.Account : null);
        server = server with { Ea = ea };
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Of(life.Parameters.StepHours);
            life.DayAndNight(server, at, next);
            var late = at + life.Between(0, 50);
            HonestLives.Home(life, home, at, late);
            home = home with { Ea = server.Ea };
            HonestLives.Home(life, home, late, next);
            server = server with { Ea = life.NewEa() };
        }
    }

    private static void DemoThenLive(Life life)
    {
        var pc = life.HomePc(life.Person());
        var at = life.Between(48, 200);
        HonestLives.Home(life, pc, 0, at);
        var server = life.Server(pc.Person, life.Chance(0.7) ? pc.Ea : null);
        var live = pc with { Account = server.Account };
        HonestLives.Home(life, live, at, at + 20); // first tried at home, then moved
        life.DayAndNight(server with { Ea = life.Chance(0.5) ? live.Ea : server.Ea }, at + 20.1);
        life.Evenings(life.Chance(0.5) ? pc : pc with { Account = life.NewAccount() }, at + 40, chance: 0.6);
    }

    /// <summary>A broker gives all accounts new numbers on a weekend.</summary>
    private static void BrokerMerged(Life life)
    {
        var server = life.Server(life.Person());
        var home = life.Second(server, life.Lines.Home(server.Person.Town));
        var at = life.Between(119, 166);
        life.DayAndNight(server, 0, at);
        HonestLives.Home(life, home, 0, at);
        var account = life.NewAccount();
        life.DayAndNight(server with { Account = account }, at + life.Between(0.1, 3));
        var ofHome = home.Account == server.Account ? account : life.NewAccount();
        HonestLives.Home(life, home with { Account = ofHome }, at + life.Between(0.1, 30));
    }

    /// <summary>A server by day and night; a computer at home and a laptop on the road, of which one at a time is on.</summary>
    private static void ThreeDevices(Life life)
    {
        var server = life.Server(life.Person());
        var pc = life.Second(server, life.Lines.Home(server.Person.Town));
        var laptop = life.Chance(0.5)
            ? life.Device(server.Person, pc.Line, pc.Ea, life.Chance(0.5) ? server.Account : null)
            : life.Device(server.Person, pc.Line, account: pc.Account);
        life.DayAndNight(server);
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Between(20, 100);
            HonestLives.Home(life, pc, at, next);
            at = next + life.Between(1, 10);
            next = at + life.Between(10, 60);
            var town = life.Chance(0.5) ? life.Person().Town : laptop.Person.Town;
            life.Daytimes(laptop with { Line = life.Lines.Mobile(town) }, at, next);
        }
    }

    /// <summary>Two or three EAs on charts of one terminal, each with a name of its own; and a second device.</summary>
    private static void SeveralCharts(Life life)
    {
        var me = life.Person();
        var first = life.Device(me, life.Chance(0.5) ? life.Lines.Server() : life.Lines.Home(me.Town));
        var always = life.Chance(0.5);
        var charts = Enumerable.Range(0, life.Whole(2, 3)).Select(i => first with { Folder = $"chart {i}", Ea = life.NewEa() }).ToArray();
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, always ? 0.5 : 12))
        {
            next = at + life.Between(4, 40);
            foreach (var chart in charts)
                life.Run(chart, at, next - life.Between(0, 0.2));
        }

        HonestLives.Home(life, life.Device(me, life.Lines.Home(me.Town), account: life.Chance(0.5) ? first.Account : null));
    }

    /// <summary>A master account and a copy in another terminal of the same server; both are watched at home.</summary>
    private static void Copier(Life life)
    {
        var master = life.Server(life.Person());
        life.DayAndNight(master);
        life.DayAndNight(life.Copy(master), life.Between(0, 40));
        HonestLives.Home(life, life.Device(master.Person, life.Lines.Home(master.Person.Town), account: master.Account));
    }

    /// <summary>A server is set up again from nothing, often with a new identifier of the installation; then the laptop, too.</summary>
    private static void ServerSetUpAgain(Life life)
    {
        var server = life.Server(life.Person());
        var laptop = life.Second(server, life.Lines.Home(server.Person.Town));
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Of(life.Parameters.StepHours);
            life.DayAndNight(server, at, next);
            HonestLives.Home(life, laptop, at, next);
            next += life.Between(0.2, 4);
            server = life.Device(server.Person, server.Line, life.Chance(0.3) ? server.Ea : null, server.Account);
            if (life.Chance(0.4))
                laptop = life.Device(laptop.Person, laptop.Line, life.Chance(0.3) ? laptop.Ea : null, laptop.Account);
        }
    }

    /// <summary>The new server is slow: after some days the person returns to the old one.</summary>
    private static void ServerMovedBack(Life life)
    {
        var old = life.Server(life.Person());
        var other = life.Device(old.Person, life.Lines.Server(), life.Chance(0.5) ? old.Ea : null, old.Account);
        var (at, back) = (life.Between(40, 120), life.Between(150, 260));
        life.DayAndNight(old, 0, at);
        life.DayAndNight(other, at + life.Between(0, 2), back);
        life.DayAndNight(old, back + life.Between(-0.5, 2));
        HonestLives.BesideServer(life, old);
    }

    /// <summary>Servers of several providers are tried for a day or two each, before one is taken.</summary>
    private static void TrialOfServers(Life life)
    {
        var pc = life.HomePc(life.Person());
        HonestLives.Home(life, pc);
        var account = life.Chance(0.5) ? pc.Account : life.NewAccount();
        var trials = life.Whole(2, 4);
        var at = life.Between(10, 60);
        for (var i = 0; i < trials; i++)
        {
            var next = i == trials - 1 ? life.Hours : at + life.Between(18, 60);
            life.DayAndNight(life.Server(pc.Person, pc.Ea, account), at, next);
            at = next + life.Between(0, 20);
        }
    }

    private static void ClockAndMove(Life life)
    {
        var server = life.Server(life.Person());
        var at = life.Between(50, 200);
        var error = life.Between(0.2, 1) * (life.Chance(0.5) ? 1 : -1);
        server = server with { Clock = new(error, 0, at - life.Between(0, 20)) };
        life.DayAndNight(server, 0, at);
        life.DayAndNight(life.Device(server.Person, life.Lines.Server(), server.Ea, server.Account) with { Clock = life.WrongClock() }, at);
        var home = life.Second(server, life.Lines.Home(server.Person.Town)) with { Clock = life.WrongClock() };
        HonestLives.Home(life, home, 0, at + 10);
        HonestLives.Home(life, life.Device(home.Person, home.Line, account: home.Account) with { Clock = life.WrongClock() }, at + 12);
    }

    /// <summary>A laptop that works for minutes at a time, whenever its lid is open.</summary>
    private static void SleepingLaptop(Life life)
    {
        var me = life.Person();
        var home = life.Lines.Home(me.Town);
        var laptop = life.Device(me, life.Lines.Switched(home, life.Lines.Mobile(me.Town), new(3, 20), new(0.5, 8)));
        for (double at = life.Between(0, 8), next; at < life.Hours; at = next + life.Between(0.2, 14))
        {
            next = at + life.Between(0.1, 1.5);
            life.Run(laptop, at, next);
        }

        HonestLives.Home(life, life.Second(laptop, life.Chance(0.5) ? home : life.Lines.Server()));
    }

    /// <summary>Some days away without a laptop: the terminal is installed on a computer there, with the same account.</summary>
    private static void BorrowedComputer(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        var pc = life.Second(server, life.Lines.Home(server.Person.Town));
        var (at, there) = (life.Between(40, 180), life.Person().Town);
        var end = at + life.Between(40, 120);
        HonestLives.Home(life, pc, 0, at);
        var account = life.Chance(0.5) ? server.Account : pc.Account;
        life.Evenings(life.Device(server.Person, life.Lines.Home(there), life.Chance(0.4) ? pc.Ea : null, account), at + 6, end, 0.9);
        HonestLives.Home(life, pc, end + life.Between(3, 12));
    }

    /// <summary>While the computer is repaired, an old one is in use.</summary>
    private static void Repaired(Life life)
    {
        var pc = life.HomePc(life.Person());
        var old = life.Device(pc.Person, pc.Line, life.Chance(0.5) ? pc.Ea : null, life.Chance(0.7) ? pc.Account : null);
        var (at, back) = (life.Between(40, 150), life.Between(170, 290));
        if (life.Chance(0.6))
            life.DayAndNight(life.Second(pc, life.Lines.Server()));
        HonestLives.Home(life, pc, 0, at);
        HonestLives.Home(life, old, at + life.Between(1, 30), back);
        HonestLives.Home(life, pc, back + life.Between(0, 3));
    }

    /// <summary>All changes on weekends: the server, its account or the EA, then the computer at home.</summary>
    private static void WeekendChanges(Life life)
    {
        var server = life.Server(life.Person());
        var home = life.Second(server, life.Lines.Home(server.Person.Town));
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = Math.Floor(at / 168 * 1.0001) * 168 + life.Between(122, 160);
            if (next <= at)
                next += 168;
            life.DayAndNight(server, at, next);
            HonestLives.Home(life, home, at, next + life.Between(0, 10));
            server = life.Whole(0, 2) switch
            {
                0 => life.Device(server.Person, life.Lines.Server(), account: server.Account),
                1 => server with { Account = life.NewAccount() },
                _ => server with { Ea = life.NewEa() },
            };
            home = life.Chance(0.5) ? home with { Ea = life.NewEa() } : home with { Account = server.Account };
        }
    }
}
