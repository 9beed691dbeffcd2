namespace DetectionCorpus.Lives;

/// <summary>Customers who use their own license, with at most two devices at once.</summary>
internal static class HonestLives
{
    public static readonly Kind[] All =
    [
        Of("server_only", life => life.DayAndNight(life.Server(life.Person()))),
        Of("home_only", life => Home(life, life.HomePc(life.Person()))),
        Of("home_with_new_address_daily", life => OnLine(life, (lines, town) => lines.Leased(town))),
        Of("home_ipv6", life => OnLine(life, (lines, town) => lines.Version6(town))),
        Of("home_behind_carrier", life => OnLine(life, (lines, town) => lines.Carrier(town))),
        Of("home_by_satellite", life => OnLine(life, (lines, town) => lines.Satellite(town))),
        Of("home_with_backup_line", life => OnLine(life, (lines, town) => lines.WithBackup(lines.Home(town), lines.Mobile(town)))),
        Of("home_through_vpn", life => OnLine(life, (lines, _) => lines.Vpn())),
        Of("server_and_home", life => ServerAnd(life, me => life.Lines.Home(me.Town))),
        Of("server_and_roaming_laptop", life => ServerAnd(life, me => life.Lines.Mobile(me.Town))),
        Of("server_and_home_through_vpn", life => ServerAnd(life, _ => life.Lines.Vpn())),
        Of("two_servers", TwoServers),
        Of("two_roaming_devices", TwoRoaming),
        Of("office_home_and_laptop_in_turn", ThreePlaces),
        Of("office_by_day_home_by_night", OfficeAndNights),
        Of("commuter", Commuter),
        Of("holiday", life => Trip(life, 1)),
        Of("family_trip", life => Trip(life, life.Whole(2, 5))),
        Of("new_laptop", NewLaptop),
        Of("roaming_laptop_replaced", RoamingLaptopReplaced),
        Of("server_moved", life => ServerMoved(life, life.NewClock())),
        Of("server_moved_with_wrong_clock", life => ServerMoved(life, life.WrongClock())),
        Of("migrated_to_virtual_hosting", VirtualHosting),
        Of("old_server_left_on", OldServerLeftOn),
        Of("cold_standby", ColdStandby),
        Of("prop_challenges", PropChallenges),
        Of("two_prop_firms", TwoPropFirms),
        Of("demo_experiments", DemoExperiments),
        Of("reinstalled_often", Reinstalled),
        Of("broker_changed_on_both", BrokerChangedOnBoth),
        Of("chain_of_changes", life => Chain(life, withHome: false, life.NewClock)),
        Of("chain_of_changes_and_home", life => Chain(life, withHome: true, life.NewClock)),
        Of("chain_of_changes_with_wrong_clocks", life => Chain(life, withHome: true, life.WrongClock)),
        Of("wrong_clocks", WrongClocks),
        Of("unstable_server", Unstable),
        new("own_accounts_on_one_server", Nature.Honest, "Up to three accounts of one person, each in a terminal of one server.",
            OwnAccounts, ByTerm: true),
        .. HonestNetworks.All,
        .. HonestChanges.All,
    ];

    /// <summary>A second terminal of the same person at home, in addition to a server.</summary>
    public static Terminal BesideServer(Life life, Terminal server)
    {
        var home = life.Second(server, life.Lines.Home(server.Person.Town));
        Home(life, home);
        return home;
    }

    public static Kind Of(string name, Action<Life> write) => new(name, Nature.Honest, "One person, at most two devices at once.", write);

    public static void Home(Life life, Terminal pc, double from = 0, double? to = null)
    {
        if (life.Chance(0.3))
            life.DayAndNight(pc, from, to);
        else if (life.Chance(0.5))
            life.Daytimes(pc, from, to);
        else
            life.Evenings(pc, from, to);
    }

    private static void OnLine(Life life, Func<Lines, Town, Line> line)
    {
        var me = life.Person();
        Home(life, life.Device(me, line(life.Lines, me.Town)));
    }

    private static void ServerAnd(Life life, Func<Person, Line> line)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        Home(life, life.Second(server, line(server.Person)));
    }

    private static void TwoServers(Life life)
    {
        var first = life.Server(life.Person());
        life.DayAndNight(first);
        life.DayAndNight(life.Second(first, life.Lines.Server()), life.Between(0, 30));
    }

    private static void TwoRoaming(Life life)
    {
        var me = life.Person();
        var laptop = life.Device(me, life.Lines.Mobile(me.Town));
        life.Daytimes(laptop);
        Home(life, life.Second(laptop, life.Chance(0.5) ? life.Lines.Carrier(me.Town) : life.Lines.Mobile(me.Town)));
    }

    private static void ThreePlaces(Life life)
    {
        var home = life.HomePc(life.Person());
        var town = home.Person.Town;
        var office = life.Second(home, life.Lines.Static(town));
        var laptop = life.Device(home.Person, life.Lines.Mobile(life.Lines.Near(town, 400)), account: home.Account);
        life.Daily(office, 0, life.Hours, new(8, 9.5), new(5, 8), 0.8);
        life.Evenings(home);
        life.Daily(laptop, 0, life.Hours, new(9, 20), new(0.5, 3), 0.4);
    }

    /// <summary>
    /// One account on three devices in turn: at the office, whose line may leave the company's network far away, at home all night, and on
    /// a laptop between, on the way or at a friend's home.
    /// </summary>
    private static void OfficeAndNights(Life life)
    {
        var home = life.HomePc(life.Person());
        var town = home.Person.Town;
        var line = life.Chance(0.4) ? life.Lines.Server() : life.Lines.Static(town);
        var office = life.Device(home.Person, line, life.Chance(life.Parameters.OneFileName) ? home.Ea : null, home.Account);
        var laptop = life.Device(home.Person, life.Lines.Mobile(town), account: home.Account);
        var friend = life.Chance(0.3) ? laptop with { Line = life.Lines.Home(life.Lines.Near(town, 400)) } : null;
        for (var day = -1; day * 24 < life.Hours; day++)
        {
            var at = (day * 24) - town.Zone;
            life.Daily(laptop, at + 5, at + 24, new(7, 7.5), new(0.3, 1), 0.5);
            life.Daily(office, at + 5, at + 24, new(8.5, 9.5), new(7, 9), 0.9);
            if (friend is not null)
                life.Daily(friend, at + 5, at + 24, new(18, 19), new(2.5, 4), 0.8);
            var evening = at + (friend is null ? life.Between(18.5, 20) : life.Between(22.5, 23.5));
            life.Run(home, evening, evening + life.Between(8, 11));
        }
    }

    private static void Commuter(Life life)
    {
        var pc = life.HomePc(life.Person());
        var road = pc with { Line = life.Lines.Mobile(pc.Person.Town) };
        life.Daily(road, 0, life.Hours, new(7, 8), new(0.4, 1.5), 0.8);
        life.Daily(pc with { Line = life.Lines.Static(pc.Person.Town) }, 0, life.Hours, new(9, 10), new(4, 7), 0.8);
        life.Daily(road, 0, life.Hours, new(17.2, 18), new(0.4, 1.5), 0.8);
        life.Evenings(pc);
    }

    /// <summary>The person travels with a laptop: networks of hotels and of a phone. A server continues to run.</summary>
    private static void Trip(Life life, int stops)
    {
        var server = life.Server(life.Person());
        var laptop = life.Second(server, life.Lines.Home(server.Person.Town));
        if (life.Chance(0.7))
            life.DayAndNight(server);
        var at = life.Between(20, 160);
        life.Evenings(laptop, 0, at, 0.9);
        for (var i = 0; i < stops && at < life.Hours - 24; i++)
        {
            at += life.Between(3, 14);
            var town = life.Person().Town;
            var end = at + life.Between(24, stops == 1 ? 170 : 60);
            var phone = laptop with { Line = life.Lines.Mobile(town) };
            life.Daily(phone, at, end, new(8, 14), new(0.3, 1.5), 0.5);
            life.Evenings(laptop with { Line = life.Lines.Static(town) }, at, end, 0.9);
            at = end;
        }

        life.Evenings(laptop, at + life.Between(3, 14));
    }

    private static void NewLaptop(Life life)
    {
        var old = life.HomePc(life.Person());
        var at = life.Between(40, life.Hours - 60);
        if (life.Chance(0.6))
            life.DayAndNight(life.Second(old, life.Lines.Server()));
        Home(life, old, 0, at);
        var laptop = life.Chance(0.5) ? life.Device(old.Person, old.Line, old.Ea, old.Account) : life.Second(old, old.Line);
        Home(life, laptop, at + life.Between(0.3, 20));
        life.Daily(old, at, Math.Min(life.Hours, at + 72), new(10, 20), new(0.2, 1), 0.4);
    }

    private static void RoamingLaptopReplaced(Life life)
    {
        var server = life.Server(life.Person());
        var (town, at) = (server.Person.Town, life.Between(60, life.Hours - 80));
        life.DayAndNight(server);
        life.Daytimes(life.Second(server, life.Lines.Mobile(town)), 0, at);
        life.Daytimes(life.Device(server.Person, life.Lines.Mobile(town)), at + life.Between(1, 40));
    }

    private static void ServerMoved(Life life, Clock clock)
    {
        var first = life.Server(life.Person());
        var beside = life.Chance(0.6) ? life.HomePc(first.Person, account: life.Chance(0.5) ? first.Account : null) : null;
        var at = life.Between(40, life.Hours - 40);
        life.DayAndNight(first, 0, at);
        var next = life.Server(first.Person, life.Chance(0.5) ? first.Ea : null, first.Account) with { Clock = clock };
        life.DayAndNight(next, at - (life.Of(life.Parameters.HandoverMinutes) / 60));
        if (beside is not null)
            Home(life, beside);
    }

    /// <summary>The terminal at home is migrated to the broker's hosting: the same EA and account then work there.</summary>
    private static void VirtualHosting(Life life)
    {
        var pc = life.HomePc(life.Person());
        var at = life.Between(24, 200);
        Home(life, pc, 0, at);
        var hosted = pc with { Device = "hosting", Folder = "hosting", Clock = Clock.Right, Line = life.Lines.Server() };
        var moved = life.Chance(0.3) ? at + life.Between(40, 100) : life.Hours;
        life.DayAndNight(hosted, at + (life.Of(life.Parameters.HandoverMinutes) / 60), moved);
        life.DayAndNight(hosted with { Line = life.Lines.Server() }, moved);
        life.Evenings(pc with { Account = life.NewAccount() }, at + 24, chance: 0.4); // a demo, to try new inputs
    }

    /// <summary>
    /// The old server is paid until the end of the month and continues to run beside the new one, which has the same account or EA.
    /// </summary>
    private static void OldServerLeftOn(Life life)
    {
        var old = life.Server(life.Person());
        var at = life.Between(40, 200);
        life.DayAndNight(old, 0, at + life.Between(10, 120));
        var keepsAccount = life.Chance(0.5);
        life.DayAndNight(life.Server(old.Person, keepsAccount ? null : old.Ea, keepsAccount ? old.Account : null), at);
        life.Evenings(life.HomePc(old.Person, account: old.Account));
    }

    private static void ColdStandby(Life life)
    {
        var first = life.Server(life.Person());
        var second = life.Device(first.Person, life.Lines.Server(), account: first.Account);
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Between(30, 120);
            life.DayAndNight(first, at, next);
            at = next + life.Between(0, 0.3);
            next = at + life.Between(1, 30);
            life.DayAndNight(second, at, next);
        }
    }

    private static void PropChallenges(Life life)
    {
        var server = life.Server(life.Person());
        var live = life.Chance(0.5) ? life.Copy(server) : null;
        if (live is not null)
            life.DayAndNight(live);
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, 12))
        {
            next = at + life.Of(life.Parameters.ChallengeHours);
            life.DayAndNight(server with { Account = life.NewAccount() }, at, next);
        }

        if (life.Chance(0.4))
            life.Evenings(life.HomePc(server.Person, account: live?.Account));
    }

    private static void TwoPropFirms(Life life)
    {
        var server = life.Server(life.Person());
        foreach (var terminal in new[] { server, life.Copy(server) })
        {
            for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, 30))
            {
                next = at + life.Of(life.Parameters.ChallengeHours);
                life.DayAndNight(terminal with { Account = life.NewAccount() }, at, next);
            }
        }
    }

    /// <summary>A demo account per idea, with renamed versions of the EA, in the evenings at home; the live account on a server.</summary>
    private static void DemoExperiments(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        var pc = life.Second(server, life.Lines.Home(server.Person.Town));
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Between(10, 60);
            pc = pc with { Account = life.NewAccount(), Ea = life.Chance(0.5) ? pc.Ea : life.NewEa() };
            life.Evenings(pc, at, next, 0.9);
        }
    }

    private static void Reinstalled(Life life)
    {
        var pc = life.HomePc(life.Person());
        if (life.Chance(0.5))
            life.DayAndNight(life.Server(pc.Person, account: pc.Account));
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, 3))
        {
            next = at + life.Of(life.Parameters.StepHours);
            Home(life, pc with { Ea = life.NewEa() }, at, next);
        }
    }

    /// <summary>Server and home get the new broker's account, some hours apart. The EAs stay.</summary>
    private static void BrokerChangedOnBoth(Life life)
    {
        var server = life.Server(life.Person());
        var home = life.Device(server.Person, life.Lines.Home(server.Person.Town), account: server.Account);
        var (at, account) = (life.Between(50, life.Hours - 60), life.NewAccount());
        life.DayAndNight(server, 0, at);
        life.DayAndNight(server with { Account = account }, at + life.Between(0.05, 4));
        var late = at + life.Between(-20, 40);
        life.Evenings(home, 0, late);
        life.Evenings(home with { Account = account }, late);
    }

    /// <summary>Changes of a few days, one after the other. Each change keeps the account, the EA or the location.</summary>
    private static void Chain(Life life, bool withHome, Func<Clock> clock)
    {
        var server = life.Server(life.Person()) with { Clock = clock() };
        var home = withHome ? life.Second(server, life.Lines.Home(server.Person.Town)) with { Clock = clock() } : null;
        for (double at = 0, next; at < life.Hours; at = next)
        {
            next = at + life.Of(life.Parameters.StepHours);
            life.DayAndNight(server, at, next);
            if (home is not null)
                Home(life, home, at, next);
            switch (life.Whole(0, 6))
            {
                case 0:
                    server = server with { Ea = life.NewEa() };
                    break;
                case 1:
                    server = server with { Account = life.NewAccount() };
                    break;
                case 2:
                    server = server with { Ea = life.NewEa(), Account = life.NewAccount() };
                    break;
                case 3:
                    server = life.Device(server.Person, life.Lines.Server(), server.Ea, server.Account) with { Clock = clock() };
                    break;
                case 4:
                    server = life.Device(server.Person, life.Lines.Server(), account: server.Account) with { Clock = clock() };
                    break;
                case 5 when home is not null:
                    home = life.Chance(0.5)
                        ? home with { Line = life.Chance(0.5) ? life.Lines.Vpn() : life.Lines.Mobile(home.Person.Town) }
                        : life.Device(home.Person, home.Line, account: home.Account);
                    break;
                default:
                    next += life.Between(4, 30); // a pause
                    break;
            }
        }
    }

    private static void WrongClocks(Life life)
    {
        var server = life.Server(life.Person()) with { Clock = life.WrongClock() };
        life.DayAndNight(server);
        Home(life, life.Second(server, life.Lines.Home(server.Person.Town)) with { Clock = life.WrongClock() });
    }

    private static void Unstable(Life life)
    {
        var server = life.Server(life.Person());
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.02, 1.5))
        {
            next = at + life.Between(0.3, 14);
            life.Run(server, at, next);
        }

        BesideServer(life, server);
    }

    private static void OwnAccounts(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        for (var i = life.Whole(1, 2); i > 0; i--)
            life.DayAndNight(life.Copy(server), life.Between(0, 90));
        if (life.Chance(0.5))
            life.Evenings(life.HomePc(server.Person, account: server.Account));
    }
}
