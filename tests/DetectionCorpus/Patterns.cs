namespace DetectionCorpus;

/// <summary>
/// The behavior of customers who share a license. Each pattern writes the usage of one license and returns the hour from which it is
/// shared.
/// </summary>
public static class Patterns
{
    public static readonly (string Name, Func<World, double> Live)[] All =
    [
        ("three_at_once", w => Crew(w, 2, 0)),
        ("four_at_once", w => Crew(w, 3, 0)),
        ("three_from_the_start", FromTheStart),
        ("growing_group", w => Crew(w, w.Whole(2, 4), w.Between(10, 36))),
        ("slow_leak", w => Crew(w, w.Whole(2, 3), w.Between(36, 60))),
        ("resale_ring", w => Crew(w, w.Whole(6, 13), w.Between(1, 6))),
        ("time_sliced", TimeSliced),
        ("short_turns", ShortTurns),
        ("rota_of_days", RotaOfDays),
        ("rare_third", w => Third(w, 3, 15)),
        ("third_for_minutes", w => Third(w, 0.1, 0.4)),
        ("stolen_token", Stolen),
        ("stolen_from_two_accounts", StolenFromTwo),
        ("cloned_thrice", ClonedThrice),
        ("friends_in_one_city", FriendsInOneCity),
        ("group_behind_vpn", GroupBehindVpn),
        ("evening_friends", EveningFriends),
    ];

    /// <summary>The hour in which sharing begins: early enough that the detector can find it.</summary>
    private static double Begin(World w) => w.Between(20, w.Hours * 0.55);

    private static double Crew(World w, int joiners, double every)
    {
        var start = Begin(w);
        w.RunSomehow(w.NewMachine(), w.Home(), 0, w.Hours);
        var joined = start;
        var third = start;
        for (var i = 0; i < joiners && joined < w.Hours - 6; i++, joined += every * w.Between(0.6, 1.4))
        {
            w.RunSomehow(w.NewMachine(), w.Home(), joined, w.Hours);
            third = i <= 1 ? joined : third;
        }

        return third;
    }

    private static double FromTheStart(World w)
    {
        for (var i = 0; i < 3; i++)
            w.RunSomehow(w.NewMachine(), w.Home(), 0, w.Hours);
        return 0;
    }

    private static double TimeSliced(World w)
    {
        var friends = w.Whole(3, 5);
        var slice = 24.0 / friends;
        for (var i = 0; i < friends; i++)
        {
            var (machine, site) = (w.NewMachine(), w.Home());
            for (var day = 0; day * 24 < w.Hours; day++)
                w.Run(machine, site, (day * 24) + (i * slice) + w.Between(0, 0.7), (day * 24) + ((i + 1) * slice) - w.Between(0.5, 1.5));
        }

        return slice * 2;
    }

    private static double ShortTurns(World w)
    {
        var machines = Enumerable.Range(0, w.Whole(3, 4)).Select(_ => (w.NewMachine(), w.Home())).ToArray();
        var third = 0.0;
        for (double at = 0, next, turn = 0; at < w.Hours; at = next + w.Between(0.1, 1), turn++)
        {
            next = at + w.Between(1, 4);
            third = turn == 2 ? at : third;
            var (machine, site) = machines[(int)turn % machines.Length];
            w.Run(machine, site, at, next);
        }

        return third;
    }

    private static double RotaOfDays(World w)
    {
        var machines = Enumerable.Range(0, w.Whole(3, 4)).Select(_ => (w.NewMachine(), w.Home())).ToArray();
        for (var day = 0; day * 24 < w.Hours; day++)
        {
            var (machine, site) = machines[day % machines.Length];
            w.Run(machine, site, (day * 24) + w.Between(0, 4), (day * 24) + w.Between(18, 24));
        }

        return 48;
    }

    private static double Third(World w, double least, double most)
    {
        w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours);
        w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, w.Between(8, 16));
        var (third, site, begin) = (w.NewMachine(), w.Home(), Begin(w));
        for (var at = begin; at < w.Hours; at += w.Between(14, 36))
            w.Run(third, site, at, at + w.Between(least, most));
        return begin;
    }

    private static double Stolen(World w)
    {
        var (victim, begin) = (w.NewMachine(), Begin(w));
        w.Run(victim, w.Fixed(), 0, w.Hours);
        w.RunSome(victim with { Ea = w.NewEa() }, w.Home(), 0, w.Hours, w.Between(6, 14));
        w.RunSomehow(w.NewMachine(), w.Fixed(), begin, w.Hours);
        return begin;
    }

    private static double StolenFromTwo(World w)
    {
        var begin = Begin(w);
        w.Run(w.NewMachine(), w.Fixed(), 0, w.Hours);
        w.RunSome(w.NewMachine(), w.Home(), 0, w.Hours, w.Between(6, 14));
        w.RunSomehow(w.NewMachine(), w.Fixed(), begin, w.Hours);
        return begin;
    }

    private static double ClonedThrice(World w)
    {
        var (machine, begin) = (w.NewMachine(), Begin(w));
        w.Run(machine, w.Fixed(), 0, w.Hours);
        for (var i = 0; i < 2; i++)
            w.RunSome(machine, w.Fixed(), begin, w.Hours, w.Between(12, 18));
        return begin;
    }

    private static double FriendsInOneCity(World w)
    {
        var (city, begin) = (w.City(), Begin(w));
        w.RunSomehow(w.NewMachine(), w.Daily(city), 0, w.Hours);
        for (var i = 0; i < w.Whole(2, 3); i++)
            w.RunSomehow(w.NewMachine(), w.Chance(0.3) ? w.Carrier(city) : w.Daily(city), begin, w.Hours);
        return begin;
    }

    private static double GroupBehindVpn(World w)
    {
        var (exit, begin) = (w.Fixed(), Begin(w));
        w.RunSomehow(w.NewMachine(), exit, 0, w.Hours);
        for (var i = 0; i < w.Whole(2, 4); i++)
            w.RunSomehow(w.NewMachine(), exit, begin, w.Hours);
        return begin;
    }

    private static double EveningFriends(World w)
    {
        var begin = Begin(w);
        for (var i = 0; i < 4; i++)
            w.RunSome(w.NewMachine(), w.Home(), i < 2 ? 0 : begin, w.Hours, w.Between(7, 11));
        return begin;
    }
}
