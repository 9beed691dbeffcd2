namespace DetectionCorpus;

/// <summary>The behavior of honest customers. Each habit writes the usage of one license.</summary>
public static class Habits
{
    public static readonly (string Name, Action<World> Live)[] All =
    [
        ("fixed_home", w => w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours)),
        ("dynamic_home", w => w.Run(w.NewMachine(), w.Daily(), 0, w.Hours)),
        ("carrier_nat", w => w.Run(w.NewMachine(), w.Carrier(), 0, w.Hours)),
        ("ipv6_privacy", w => w.Run(w.NewMachine(), w.Privacy(), 0, w.Hours)),
        ("vpn_on_and_off", VpnOnAndOff),
        ("vpn_flapping", VpnFlapping),
        ("traveler", Traveler),
        ("home_and_phone", HomeAndPhone),
        ("reinstalls", Reinstalls),
        ("broker_changes", BrokerChanges),
        ("broker_change_on_both", BrokerChangeOnBoth),
        ("broker_and_reinstall", BrokerAndReinstall),
        ("two_accounts_one_ea", TwoAccountsOneEa),
        ("vps_and_home", w => VpsAndHome(w, w.NewMachine(), w.NewMachine())),
        ("vps_and_home_one_account", w => { var a = w.NewMachine(); VpsAndHome(w, a, a with { Ea = w.NewEa() }); }),
        ("vps_and_carrier_laptop", VpsAndCarrierLaptop),
        ("two_vps_all_day", w => { w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours); w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours); }),
        ("weekend_laptop", WeekendLaptop),
        ("failover_pair", w => Failover(w, 2, 0)),
        ("failover_many", w => Failover(w, w.Whole(3, 5), 0)),
        ("failover_many_and_home", FailoverManyAndHome),
        ("failover_skewed", w => Failover(w, w.Whole(2, 4), w.Between(0.05, 0.6))),
        ("vps_move", w => VpsMove(w, sameHomeAccount: true)),
        ("vps_move_other_home_account", w => VpsMove(w, sameHomeAccount: false)),
        ("vps_move_twice", w => { VpsMove(w, sameHomeAccount: w.Chance(0.5), moves: 2); }),
        ("vps_image_move", VpsImageMove),
        ("provider_moves_vm", ProviderMovesVm),
        ("one_after_another", OneAfterAnother),
        ("one_after_another_beside_vps", OneAfterAnotherBesideVps),
        ("one_after_another_skewed", OneAfterAnotherSkewed),
        ("demo_beside_live", w => DemoBesideLive(w, w.Fixed())),
        ("demo_beside_live_daily", w => DemoBesideLive(w, w.Daily())),
        ("demo_beside_live_carrier", w => DemoBesideLive(w, w.Carrier())),
        ("demo_and_home", DemoAndHome),
        ("demo_renewed", DemoRenewed),
        ("wrong_places", WrongLocations),
        ("skewed_clock", SkewedClock),
        ("batched", Batched),
        ("one_trial_of_a_third", OneTrialOfAThird),
        ("holiday", Holiday),
        ("dual_line", DualLine),
        ("standby_or_copy", StandbyOrCopy),
        ("vpn_in_order", VpnInOrder),
    ];

    private static void VpsAndHome(World w, Machine vps, Machine home)
    {
        w.Run(vps, w.Fixed(), 0, w.Hours);
        w.RunSome(home, w.Home(), 0, w.Hours, w.Between(2, 12));
    }

    private static void VpsAndCarrierLaptop(World w)
    {
        w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours);
        w.RunSome(w.NewMachine(), w.Carrier(), 0, w.Hours, 8);
    }

    private static void FailoverManyAndHome(World w)
    {
        var known = w.NewMachine();
        Failover(w, w.Whole(3, 4), 0, known);
        w.RunSome(w.Chance(0.5) ? w.NewMachine() : known with { Ea = w.NewEa() }, w.Home(), 0, w.Hours, 5);
    }

    private static void VpnOnAndOff(World w)
    {
        var machine = w.NewMachine();
        var sites = Enumerable.Range(0, w.Whole(2, 4)).Select(_ => w.Fixed()).ToArray();
        for (double at = 0, next; at < w.Hours; at = next)
        {
            next = at + w.Between(1, 20);
            w.Run(machine, sites[w.Whole(0, sites.Length - 1)], at, next);
        }
    }

    private static void VpnFlapping(World w)
    {
        var machine = w.NewMachine();
        Site[] sites = [w.Fixed(), w.Fixed(), w.Fixed()];
        w.Run(machine, hour => sites[w.Whole(0, 2)](hour), 0, w.Hours);
    }

    /// <summary>Each connection takes the next of some exits.</summary>
    private static void VpnInOrder(World w)
    {
        var (machine, connection) = (w.NewMachine(), 0);
        var sites = Enumerable.Range(0, w.Whole(3, 5)).Select(_ => w.Fixed()).ToArray();
        w.Run(machine, hour => sites[connection++ % sites.Length](hour), 0, w.Hours);
    }

    private static void DualLine(World w)
    {
        var machine = w.NewMachine();
        var location = w.City();
        Site[] sites = [w.Fixed(location), w.Fixed(w.Chance(0.5) ? location : null)];
        w.Run(machine, hour => sites[w.Whole(0, 1)](hour), 0, w.Hours);
    }

    private static void Traveler(World w)
    {
        var machine = w.NewMachine();
        for (double at = 0, next; at < w.Hours; at = next + w.Between(3, 14))
        {
            next = at + w.Between(24, 72);
            w.Run(machine, w.Home(), at, next);
        }
    }

    private static void HomeAndPhone(World w)
    {
        var machine = w.NewMachine();
        var location = w.City();
        var (home, phone) = (w.Daily(location), w.Carrier(location));
        for (double at = 0, next; at < w.Hours; at = next)
        {
            next = at + w.Between(0.5, 6);
            w.Run(machine, w.Chance(0.5) ? home : phone, at, next);
        }
    }

    private static void Reinstalls(World w)
    {
        var (site, account) = (w.Home(), w.NewAccount());
        for (double at = 0, next; at < w.Hours; at = next + w.Between(0.2, 4))
        {
            next = at + w.Between(12, 80);
            w.Run(new Machine(w.NewEa(), account), site, at, next);
        }
    }

    private static void BrokerChanges(World w)
    {
        var (site, ea, first) = (w.Home(), w.NewEa(), w.NewAccount());
        for (double at = 0, next; at < w.Hours; at = next + w.Between(0, 3))
        {
            next = at + w.Between(12, 90);
            w.Run(new Machine(ea, w.Chance(0.2) ? first : w.NewAccount()), site, at, next);
        }
    }

    private static void BrokerChangeOnBoth(World w)
    {
        var (vps, home) = (w.NewMachine(), w.NewMachine());
        var change = w.Between(30, w.Hours - 30);
        var account = w.NewAccount();
        var (vpsSite, homeSite) = (w.Fixed(), w.Home());
        w.Run(vps, vpsSite, 0, change);
        w.Run(vps with { Account = account }, vpsSite, change + 0.3, w.Hours);
        w.RunSome(home, homeSite, 0, change + w.Between(-20, 20), 6);
        w.RunSome(home with { Account = account }, homeSite, change + 21, w.Hours, 6);
    }

    private static void BrokerAndReinstall(World w)
    {
        var (site, change) = (w.Home(), w.Between(20, w.Hours - 20));
        w.Run(w.NewMachine(), site, 0, change);
        w.Run(w.NewMachine(), site, change + w.Between(0.2, 10), w.Hours);
        w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 5);
    }

    private static void TwoAccountsOneEa(World w)
    {
        var (site, one) = (w.Chance(0.3) ? w.Carrier() : w.Home(), w.NewMachine());
        w.Run(one, site, 0, w.Hours);
        w.Run(one with { Account = w.NewAccount() }, site, 0.2, w.Hours);
        if (w.Chance(0.5))
            w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 6);
    }

    private static void WeekendLaptop(World w)
    {
        var vps = w.NewMachine();
        var laptop = w.Chance(0.5) ? w.NewMachine() : vps with { Ea = w.NewEa() };
        w.Run(vps, w.Fixed(), 0, w.Hours);
        for (var day = w.Whole(0, 5); day * 24 < w.Hours; day += 7)
            w.RunSome(laptop, w.Carrier(), day * 24, (day + 2) * 24, 12);
    }

    private static void Failover(World w, int servers, double skew, Machine? known = null)
    {
        var first = known ?? w.NewMachine();
        var machines = Enumerable.Range(0, servers)
            .Select(i => (Machine: i == 0 ? first : first with { Ea = w.NewEa() }, Site: w.Fixed(), Skew: i * skew))
            .ToArray();
        for (double at = 0, next; at < w.Hours; at = next + w.Between(0, 0.5))
        {
            next = at + w.Between(4, 40);
            var (machine, site, late) = machines[w.Whole(0, servers - 1)];
            w.Run(machine, site, at, next, -late);
        }
    }

    private static void VpsMove(World w, bool sameHomeAccount, int moves = 1)
    {
        var vps = w.NewMachine();
        var home = sameHomeAccount ? vps with { Ea = w.NewEa() } : w.NewMachine();
        w.RunSome(home, w.Home(), 0, w.Hours, w.Between(2, 14));
        var began = 0.0;
        for (var move = 1; move <= moves; move++)
        {
            var moved = (w.Hours / (moves + 1) * move) + w.Between(-20, 20);
            w.Run(vps, w.Fixed(), began, moved + w.Between(4, 26));
            (vps, began) = (vps with { Ea = w.NewEa() }, moved);
        }

        w.Run(vps, w.Fixed(), began, w.Hours);
    }

    private static void VpsImageMove(World w)
    {
        var vps = w.NewMachine();
        var moved = w.Between(24, w.Hours - 24);
        w.Run(vps, w.Fixed(), 0, moved + w.Between(2, 24));
        w.Run(vps, w.Fixed(), moved, w.Hours);
        if (w.Chance(0.5))
            w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 5);
    }

    private static void ProviderMovesVm(World w)
    {
        var vps = w.NewMachine();
        for (double at = 0, next; at < w.Hours; at = next - w.Between(0, 0.3))
        {
            next = at + w.Between(20, 120);
            w.Run(vps, w.Fixed(), at, next);
        }

        if (w.Chance(0.5))
            w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 5);
    }

    /// <summary>
    /// One EA and account on two servers, one of them for a part of the day. That may also be a copy at a friend's; but two devices are
    /// allowed.
    /// </summary>
    private static void StandbyOrCopy(World w)
    {
        var machine = w.NewMachine();
        w.Run(machine, w.Fixed(), 0, w.Hours);
        w.RunSome(machine, w.Fixed(), w.Between(20, w.Hours * 0.55), w.Hours, w.Between(12, 18));
    }

    private static void OneAfterAnother(World w)
    {
        for (double at = 0, next; at < w.Hours; at = next + w.Between(-0.5, 12))
        {
            next = at + w.Between(20, 50);
            w.Run(w.NewMachine(), w.Home(), at, next);
        }
    }

    private static void OneAfterAnotherBesideVps(World w)
    {
        w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours);
        for (double at = 0, next; at < w.Hours; at = next + w.Between(-0.3, 12))
        {
            next = at + w.Between(20, 60);
            w.Run(w.NewMachine(), w.Home(), at, next);
        }
    }

    private static void OneAfterAnotherSkewed(World w)
    {
        w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours, w.Between(-0.2, 0.05));
        for (double at = 0, next; at < w.Hours; at = next + w.Between(0, 5))
        {
            next = at + w.Between(20, 60);
            w.Run(w.NewMachine(), w.Home(), at, next, w.Between(-0.3, 0.05));
        }
    }

    private static void DemoBesideLive(World w, Site site)
    {
        w.Run(w.NewMachine(), site, 0, w.Hours);
        w.RunSome(w.NewMachine(), site, w.Between(0, 60), w.Hours, w.Between(3, 20));
    }

    private static void DemoAndHome(World w)
    {
        DemoBesideLive(w, w.Whole(0, 2) switch { 0 => w.Fixed(), 1 => w.Daily(), _ => w.Carrier() });
        w.RunSome(w.NewMachine(), w.Chance(0.5) ? w.Fixed() : w.Home(), 0, w.Hours, w.Between(3, 12));
    }

    private static void DemoRenewed(World w)
    {
        var (site, live) = (w.Home(), w.NewMachine());
        w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 8);
        for (double at = 0, next; at < w.Hours; at = next + w.Between(1, 5))
        {
            next = at + w.Between(30, 80);
            w.Run(live, site, at, next);
            w.Run(w.NewMachine(), site, at + 1, next);
            live = live with { Ea = w.NewEa() };
        }
    }

    private static void WrongLocations(World w)
    {
        var (address, locations) = (w.Address(), new[] { w.City(), w.City(), w.City() });
        w.Run(w.NewMachine(), _ => (address, locations[w.Whole(0, 2)]), 0, w.Hours);
        if (w.Chance(0.5))
            w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 5);
    }

    private static void SkewedClock(World w)
    {
        var vps = w.NewMachine();
        w.Run(vps, w.Fixed(), 0, w.Hours, -w.Between(0.1, 3));
        w.RunSome(w.Chance(0.5) ? w.NewMachine() : vps with { Ea = w.NewEa() }, w.Home(), 0, w.Hours, 6, w.Between(-0.5, 0.05));
    }

    private static void Batched(World w)
    {
        var (machine, site) = (w.NewMachine(), w.Whole(0, 2) switch { 0 => w.Fixed(), 1 => w.Carrier(), _ => w.Daily() });
        for (var at = 4.0; at < w.Hours; at += w.Between(3, 9))
        {
            var stamp = at;
            for (var i = 0; i < w.Whole(2, 6); i++)
            {
                var (address, location) = site(stamp);
                w.Log(machine, stamp + (i * 0.001), address, location, w.Between(600, 3600));
            }
        }

        if (w.Chance(0.6))
            w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, 6);
    }

    private static void OneTrialOfAThird(World w)
    {
        VpsAndHome(w, w.NewMachine(), w.NewMachine());
        var at = w.Between(20, w.Hours - 20);
        w.Run(w.NewMachine(), w.Fixed(), at, at + w.Between(0.1, 0.45));
    }

    private static void Holiday(World w)
    {
        var (vps, laptop) = (w.NewMachine(), w.NewMachine());
        w.Run(vps, w.Fixed(), 0, w.Hours);
        var away = w.Between(20, w.Hours - 60);
        w.RunSome(laptop, w.Home(), 0, away, 5);
        w.RunSome(laptop, w.Carrier(), away + 8, away + 48, 4);
        w.RunSome(laptop, w.Home(), away + 50, w.Hours, 5);
    }
}
