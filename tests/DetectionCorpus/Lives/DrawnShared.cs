namespace DetectionCorpus.Lives;

/// <summary>People of the drawn world who share a license.</summary>
internal static class DrawnShared
{
    public static readonly Kind[] All =
    [
        Of("drawn_copied_folder", "One EA's folder, copied to several people with own accounts.", CopiedFolder),
        Of("drawn_one_account", "One account on several people's devices, each with an EA of its own.", OneAccount),
        Of("drawn_blank_accounts", "Several people, whose records often have no account.", Blank),
        Of("drawn_two_households", "Two people, with two devices each, or one of them with one.", TwoHouseholds),
        Of("drawn_rented_seats", "The owner's server, and two seats that strangers rent for some days.", RentedSeats),
        Of("drawn_passing_strangers", "More than seven strangers a week, none of whom returns.", PassingStrangers),
        Of("drawn_turns", "Three to five people, one at a time, in no order.", Turns),
        Of("drawn_copies", "One EA and account in three to five places.", Copies),
        Of("drawn_neighbors", "People of one provider whose addresses change hands.", Neighbors),
        Of("drawn_own_everything", "People with EAs, accounts and lines of their own.", OwnEverything),
        Of("drawn_one_exit", "People with EAs and accounts of their own behind one exit.", OneExit),
        Of("drawn_partly_shared", "Each of several people has the EA, the account or the network of one before, or nothing.", PartlyShared),
        new("drawn_managed_at_once", Nature.Ambiguous, "Many accounts at once on one server: a platform's term decides.",
            life => ManagedAtOnce(life, new DrawnCast(life)), ByTerm: true),
        new("drawn_managed_in_turn", Nature.Ambiguous, "Many accounts in turn on one server: a platform's term decides.",
            life => ManagedInTurn(life, new DrawnCast(life)), ByTerm: true),
    ];

    private static Kind Of(string name, string reason, Action<Life, DrawnCast> write) =>
        new(name, Nature.Shared, reason, life => write(life, new DrawnCast(life)));

    private static double Joins(Life life) => life.Chance(0.4) ? 0 : life.Between(0, 90);

    private static void CopiedFolder(Life life, DrawnCast cast)
    {
        var ea = life.NewEa();
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
            cast.Join(person, Joins(life), ea: ea);
    }

    private static void OneAccount(Life life, DrawnCast cast)
    {
        var account = life.NewAccount();
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
            cast.Join(person, Joins(life), account: account);
    }

    private static void Blank(Life life, DrawnCast cast)
    {
        var (share, ea) = (life.Chance(0.4) ? 1 : life.Between(0.02, 0.6), life.Chance(0.3) ? life.NewEa() : null);
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
        {
            var isServer = life.Chance(life.Parameters.AlwaysOn);
            var device = cast.Device(person, isServer, ea) with { Blank = share };
            (isServer ? cast.Always() : cast.Hours())(device, Joins(life), life.Hours);
        }
    }

    private static void TwoHouseholds(Life life, DrawnCast cast)
    {
        foreach (var person in cast.People(2))
        {
            var pc = cast.Join(person, Joins(life));
            if (person.Number == 0 || life.Chance(0.6))
            {
                var line = life.Chance(0.5) ? pc.Line : cast.Home(person.Town);
                cast.Hours()(life.Second(pc, line), Joins(life), life.Hours);
            }
        }
    }

    private static void RentedSeats(Life life, DrawnCast cast)
    {
        var owner = cast.Device(life.Person(), true);
        cast.Always()(owner, 0, life.Hours);
        for (var seat = 2; seat > 0; seat--)
        {
            for (double at = life.Between(0, 40), next; at < life.Hours; at = next + life.Between(0.1, 12))
            {
                next = at + (24 * life.Of(life.Parameters.SeatDays));
                cast.Join(life.Person(), at, next, life.Chance(0.3) ? owner.Ea : null);
            }
        }
    }

    private static void PassingStrangers(Life life, DrawnCast cast)
    {
        if (life.Chance(0.5))
            cast.Always()(cast.Device(life.Person(), true), 0, life.Hours);
        for (double at = life.Between(0, 10), next; at < life.Hours; at = next + life.Between(0.2, 4))
        {
            next = at + life.Between(2, 14);
            life.Run(cast.Device(life.Person(), life.Chance(0.3)), at, next);
        }
    }

    private static void Turns(Life life, DrawnCast cast)
    {
        var devices = cast.People(life.Whole(3, 5)).Select(person => cast.Device(person, life.Chance(0.4))).ToList();
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.1, 4))
        {
            next = at + life.Of(life.Parameters.TurnHours);
            life.Run(cast.Any(devices), at, next);
        }
    }

    private static void Copies(Life life, DrawnCast cast)
    {
        var (ea, account) = (life.NewEa(), life.NewAccount());
        foreach (var person in cast.People(life.Whole(3, 5)))
            cast.Join(person, Joins(life), ea: ea, account: account);
    }

    private static void Neighbors(Life life, DrawnCast cast)
    {
        var first = life.Person();
        Person[] people = [first, .. Enumerable.Range(0, life.Whole(2, 4)).Select(_ => life.Person(life.Lines.Near(first.Town, 400)))];
        var lines = life.Lines.OneProvider([.. people.Select(person => person.Town)]);
        foreach (var (person, line) in people.Zip(lines))
            cast.Join(person, Joins(life), line: line);
    }

    private static void OwnEverything(Life life, DrawnCast cast)
    {
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
            cast.Join(person, Joins(life));
    }

    private static void OneExit(Life life, DrawnCast cast)
    {
        var exit = life.Chance(0.6) ? life.Lines.Server() : life.Lines.Vpn();
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
            cast.Join(person, Joins(life), line: exit);
    }

    private static void PartlyShared(Life life, DrawnCast cast)
    {
        var before = new List<Terminal>();
        foreach (var person in cast.People(life.Whole(life.Parameters.Group)))
        {
            var other = before.Count == 0 ? null : cast.Any(before);
            before.Add(life.Whole(0, 3) switch
            {
                0 => cast.Join(person, Joins(life), ea: other?.Ea),
                1 => cast.Join(person, Joins(life), account: other?.Account),
                2 => cast.Join(person, Joins(life), line: other?.Line),
                _ => cast.Join(person, Joins(life)),
            });
        }
    }

    private static void ManagedAtOnce(Life life, DrawnCast cast)
    {
        var server = cast.Device(life.Person(), true);
        var own = life.Chance(0.4);
        for (var i = life.Whole(life.Parameters.Managed); i > 0; i--)
        {
            var terminal = life.Copy(server);
            terminal = own ? terminal with { Ea = life.NewEa() } : terminal;
            (life.Chance(0.8) ? cast.Always() : cast.Hours())(terminal, Joins(life), life.Hours);
        }
    }

    private static void ManagedInTurn(Life life, DrawnCast cast)
    {
        var server = cast.Device(life.Person(), true);
        var accounts = Enumerable.Range(0, life.Whole(life.Parameters.ManagedInTurn)).Select(_ => life.NewAccount()).ToArray();
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.01, 0.5))
        {
            next = at + life.Between(0.5, 10);
            life.Run(server with { Account = cast.Any(accounts) }, at, next);
        }
    }
}
