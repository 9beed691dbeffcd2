namespace DetectionCorpus.Lives;

/// <summary>Lives that both honest use and sharing explain. They are generated as honest use.</summary>
internal static class AmbiguousLives
{
    public static readonly Kind[] All =
    [
        new("hot_standby_with_one_identity", Nature.Ambiguous,
            "One EA and account in two cities at once: a standby server, or a clone at a friend's.", HotStandby),
        new("live_and_two_prop_machines", Nature.Ambiguous,
            "A live account, and two prop firms' machines in turn: one person's three devices, or three people's.", LiveAndTwoProp),
        new("broker_and_server_at_once", Nature.Ambiguous,
            "EA, account and place change at once: a move, or a license passed on.", BrokerAndServer),
        new("author_with_fresh_demo_machines", Nature.Ambiguous,
            "New machines with demo accounts, each for one to three days: an author's tests, or rented seats.", Author),
        new("few_strangers_in_turn", Nature.Ambiguous,
            "Four to six strangers a week, one after another, none of whom returns: rented seats, or trials of one person.", FewStrangers),
    ];

    private static void HotStandby(Life life)
    {
        var first = life.Server(life.Person());
        var second = life.Device(first.Person, life.Lines.Server(), first.Ea, first.Account);
        life.DayAndNight(first);
        if (life.Chance(0.5))
            life.DayAndNight(second, life.Between(0, 100));
        else
            life.Daily(second, life.Between(0, 60), life.Hours, new(0, 20), new(2, 12), 0.9);
    }

    private static void LiveAndTwoProp(Life life)
    {
        var live = life.Server(life.Person());
        var prop = new[] { life.Server(live.Person), life.Server(live.Person) };
        life.DayAndNight(live);
        var turn = life.Whole(0, 1);
        for (double at = life.Between(0, 30), next; at < life.Hours; at = next + life.Between(0.1, 10), turn++)
        {
            next = at + life.Between(8, 50);
            life.DayAndNight(prop[turn % 2], at, next);
        }
    }

    private static void BrokerAndServer(Life life)
    {
        var old = life.Server(life.Person());
        var home = life.Chance(0.6) ? life.HomePc(old.Person) : null;
        var at = life.Between(50, life.Hours - 60);
        life.DayAndNight(old, 0, at);
        life.DayAndNight(life.Server(old.Person), at - (life.Of(life.Parameters.HandoverMinutes) / 60));
        if (home is not null)
            life.Evenings(home);
    }

    private static void Author(Life life)
    {
        var live = life.Server(life.Person());
        life.DayAndNight(live);
        for (double at = life.Between(0, 30), next; at < life.Hours; at = next + life.Between(4, 20))
        {
            next = at + life.Between(24, 60);
            life.DayAndNight(life.Server(live.Person), at, next);
        }
    }

    private static void FewStrangers(Life life)
    {
        var me = life.Person();
        if (life.Chance(0.5))
            life.DayAndNight(life.Server(me));
        for (double at = life.Between(0, 20), next; at < life.Hours; at = next + life.Between(4, 10))
        {
            next = at + life.Between(24.1, 32);
            life.Run(life.Device(me, life.Lines.Home(life.Person().Town)), at, next);
        }
    }
}
