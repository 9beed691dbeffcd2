namespace DetectionCorpus.Lives;

/// <summary>People who share a license. They have everything of their own, or one thing in common. None of them hides it.</summary>
internal static class SharedLives
{
    public static readonly Kind[] All =
    [
        new("one_folder_own_accounts", Nature.Shared, "One EA's folder, copied to people in 3–8 towns with own accounts.", OneFolder),
        new("manager_accounts_at_once", Nature.Ambiguous, "One server with 4–12 accounts at once: a platform's term decides.",
            ManagerAtOnce, ByTerm: true),
        new("manager_accounts_in_turn", Nature.Ambiguous, "One terminal with 6–12 accounts in turn: a platform's term decides.",
            ManagerInTurn, ByTerm: true),
        new("one_account_many_eas", Nature.Shared, "One account at work from 3–6 cities at once, under as many EA names.", OneAccount),
        new("blank_accounts", Nature.Shared, "People in several towns, whose records have no account.", life => Blank(life, 1)),
        new("some_blank_accounts", Nature.Shared, "People with all of their own; some records have no account.",
            life => Blank(life, life.Between(0.02, 0.25))),
        new("two_friends_four_devices", Nature.Shared, "Two people with two devices each, together in the evenings of many days.", Friends),
        new("guest_in_the_evenings", Nature.Shared, "A person with two devices, and another one in the evenings.", Guest),
        new("rented_seats_at_once", Nature.Shared, "Two or three seats, each rented to a stranger for 1–3 days.", RentedSeats),
        new("rented_seat_beside_two_devices", Nature.Shared, "One such seat, beside the owner's two devices.", RentedSeatBesideTwo),
        new("strangers_in_turn", Nature.Shared, "More than seven strangers a week, one after another; none returns.", StrangersInTurn),
        new("seats_by_the_day", Nature.Shared, "Two or three other strangers each day.", life => SeatsByTheDay(life, null, null)),
        new("turns_in_no_order", Nature.Shared, "Three or four people, one at a time, who come back in patterns like A-B-D-D-A-B.", Turns),
        new("clones_from_day_one", Nature.Shared, "One EA and account in 3–5 places from the first day.", life => Clones(life, null)),
        new("clones_without_locations", Nature.Shared, "The same, and the records have no locations.", life => Clones(life, false)),
        new("one_provider", Nature.Shared, "People within 400 km, of one provider, whose addresses change hands.", OneProvider),
        new("all_of_their_own", Nature.Shared, "People with EAs, accounts and lines of their own.", OwnEverything),
        new("one_exit", Nature.Shared, "People with EAs and accounts of their own behind one exit of a VPN.", OneExit),
        new("chain_of_shared_things", Nature.Shared,
            "The second of four people has the first one's EA, the third the second one's account, the fourth the third one's line.",
            ChainOfThings),
        new("guest_twice_a_week", Nature.Shared, "A person with two devices, and another one on two evenings a week.", GuestTwiceAWeek),
        new("one_folder_in_turn", Nature.Shared, "One EA's folder in 3–4 towns with own accounts, each for some hours of the day.",
            OneFolderInTurn),
    ];

    /// <param name="line">Shared by all; null for lines of their own.</param>
    public static void SeatsByTheDay(Life life, string? ea, Line? line)
    {
        if (life.Chance(0.5))
            life.DayAndNight(life.Server(life.Person(), ea));
        for (var day = 0; day * 24 < life.Hours; day++)
        {
            for (var i = life.Whole(2, 3); i > 0; i--)
            {
                var renter = life.Person();
                var at = (day * 24) + life.Between(0, 14);
                life.Run(life.Device(renter, line ?? life.Lines.Home(renter.Town), ea), at, at + life.Between(3, 10));
            }
        }
    }

    private static void OneFolder(Life life)
    {
        var (ea, together) = (life.NewEa(), life.Chance(0.4));
        foreach (var person in life.PeopleApart(life.Whole(3, 8)))
            life.Join(person, person.Number == 0 || together ? 0 : life.Between(0, 80), ea: ea);
    }

    private static void ManagerAtOnce(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        var together = life.Chance(0.5);
        for (var i = life.Whole(life.Parameters.Managed) - 1; i > 0; i--)
            life.DayAndNight(life.Copy(server), together ? life.Between(0, 1) : life.Between(0, 120));
    }

    private static void ManagerInTurn(Life life)
    {
        var server = life.Server(life.Person());
        var accounts = Enumerable.Range(0, life.Whole(life.Parameters.ManagedInTurn)).Select(_ => life.NewAccount()).ToArray();
        var inOrder = life.Chance(0.6);
        var turn = 0;
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.01, 0.2), turn++)
        {
            next = at + life.Between(0.7, 7);
            life.Run(server with { Account = accounts[inOrder ? turn % accounts.Length : life.Whole(0, accounts.Length - 1)] }, at, next);
        }
    }

    private static void OneAccount(Life life)
    {
        var account = life.NewAccount();
        foreach (var person in life.PeopleApart(life.Whole(life.Parameters.Group)))
            life.Join(person, life.Between(0, 20), account: account);
    }

    private static void Blank(Life life, double share)
    {
        var ea = share == 1 && life.Chance(0.4) ? life.NewEa() : null;
        foreach (var person in life.PeopleApart(life.Whole(life.Parameters.Group)))
        {
            var always = life.Chance(life.Parameters.AlwaysOn);
            var line = always ? life.Lines.Server() : life.Lines.Home(person.Town);
            life.Work(life.Device(person, line, ea) with { Blank = share }, always, life.Between(0, 40));
        }
    }

    private static void Friends(Life life)
    {
        var first = life.Person();
        var second = life.Person(life.Chance(0.5) ? life.Lines.Near(first.Town, 400) : life.Lines.Near(first.Town, 1500));
        foreach (var person in new[] { first, second })
        {
            var pc = life.HomePc(person);
            var other = life.Chance(0.5) ? life.Device(person, pc.Line, account: pc.Account) : life.HomePc(person);
            life.Evenings(pc, chance: 0.85);
            life.Evenings(other, chance: 0.85);
        }
    }

    private static void Guest(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        life.Evenings(life.Second(server, life.Lines.Home(server.Person.Town)), chance: 0.9);
        var guest = life.Person(life.Lines.Near(server.Person.Town, 1500));
        life.Evenings(life.HomePc(guest), life.Between(0, 72), chance: 0.9);
    }

    private static void GuestTwiceAWeek(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        life.Evenings(life.Second(server, life.Lines.Home(server.Person.Town)), chance: 1);
        var guest = life.HomePc(life.Person(life.Lines.Near(server.Person.Town, 1500)));
        var first = life.Whole(0, 3);
        for (var day = 0; day * 24 < life.Hours; day++)
        {
            if (day % 7 != first && day % 7 != first + 1)
                continue;
            var at = (day * 24) + life.Between(16, 18) - server.Person.Town.Zone;
            life.Run(guest, at, at + life.Between(5, 8));
        }
    }

    private static void ChainOfThings(Life life)
    {
        var people = life.PeopleApart(4);
        var first = life.Join(people[0]);
        var second = life.Join(people[1], life.Between(0, 40), ea: first.Ea);
        var third = life.Join(people[2], life.Between(0, 40), account: second.Account);
        life.Join(people[3], life.Between(0, 40), line: third.Line);
    }

    private static void OneFolderInTurn(Life life)
    {
        var ea = life.NewEa();
        var people = life.PeopleApart(life.Whole(3, 4));
        foreach (var person in people)
        {
            var (terminal, hours) = (life.HomePc(person, ea), 24.0 / people.Length);
            for (var day = 0; day * 24 < life.Hours; day++)
            {
                var at = (day * 24) + (person.Number * hours) + life.Between(-0.5, 0.5);
                if (life.Chance(0.85))
                    life.Run(terminal, at, at + (hours * life.Between(0.5, 0.9)));
            }
        }
    }

    private static void RentedSeats(Life life)
    {
        var owner = life.Server(life.Person());
        life.DayAndNight(owner);
        for (var seat = life.Whole(2, 3); seat > 0; seat--)
            RentSeat(life, owner.Ea);
    }

    private static void RentedSeatBesideTwo(Life life)
    {
        var owner = life.Server(life.Person());
        life.DayAndNight(owner);
        life.Daytimes(life.Second(owner, life.Lines.Home(owner.Person.Town)));
        RentSeat(life, owner.Ea);
    }

    private static void RentSeat(Life life, string ownersEa)
    {
        for (double at = life.Between(0, 30), next; at < life.Hours; at = next + life.Between(0.2, 8))
        {
            next = at + (24 * life.Of(life.Parameters.SeatDays));
            life.Join(life.Person(), at, next, ea: life.Chance(0.3) ? ownersEa : null);
        }
    }

    private static void StrangersInTurn(Life life)
    {
        if (life.Chance(0.5))
            life.DayAndNight(life.Server(life.Person()));
        for (double at = life.Between(0, 10), next; at < life.Hours; at = next + life.Between(0.3, 3))
        {
            next = at + life.Between(4, 14);
            life.Run(life.HomePc(life.Person()), at, next);
        }
    }

    private static void Turns(Life life)
    {
        string[] orders = ["ABDDAB", "ABCCAB", "AABCCB", "ABCDDCBA", "ABACBC", "ABBCAACB"];
        var order = orders[life.Whole(0, orders.Length - 1)];
        var people = order.Distinct().ToDictionary(letter => letter, _ =>
        {
            var person = life.Person();
            return life.Chance(0.4) ? life.Server(person) : life.HomePc(person);
        });
        var turn = 0;
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.2, 3), turn++)
        {
            next = at + life.Of(life.Parameters.TurnHours);
            life.Run(people[order[turn % order.Length]], at, next);
        }
    }

    private static void Clones(Life life, bool? located)
    {
        life.Located = located;
        var (ea, account) = (life.NewEa(), life.NewAccount());
        foreach (var person in life.PeopleApart(life.Whole(3, 5)))
        {
            var always = life.Chance(0.6);
            life.Work(
                life.Device(person, always ? life.Lines.Server() : life.Lines.Home(person.Town), ea, account), always, life.Between(0, 6));
        }
    }

    private static void OneProvider(Life life)
    {
        var first = life.Person();
        var others = Enumerable.Range(0, life.Whole(2, 3)).Select(_ => life.Person(life.Lines.Near(first.Town, 400)));
        Person[] people = [first, .. others];
        var lines = life.Lines.OneProvider([.. people.Select(person => person.Town)]);
        foreach (var (person, line) in people.Zip(lines))
            life.Work(life.Device(person, line), life.Chance(0.3), life.Between(0, 30));
    }

    private static void OwnEverything(Life life)
    {
        for (var i = life.Whole(life.Parameters.Group); i > 0; i--)
            life.Join(life.Person(), life.Between(0, 100));
    }

    private static void OneExit(Life life)
    {
        var exit = life.Lines.Server();
        for (var i = life.Whole(life.Parameters.Group); i > 0; i--)
            life.Join(life.Person(), life.Between(0, 60), line: exit);
    }
}
