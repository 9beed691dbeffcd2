namespace DetectionCorpus.Lives;

/// <summary>Kinds that only the held-out world has.</summary>
internal static class HeldOutLives
{
    public static readonly Kind[] All =
    [
        new("weekend_cottage", Nature.Honest, "One laptop in two homes, and a server.", Cottage),
        new("cafes_and_coworking", Nature.Honest, "One laptop in three places a day.", Cafes),
        new("server_renumbered", Nature.Honest, "A data center gives its servers new addresses twice.", Renumbered),
        new("shifts_on_one_account", Nature.Shared, "Three people in three towns, each for a third of the day, with one account.", Shifts),
        new("course_with_one_license", Nature.Shared, "A teacher, and students who try the EA in the same hours of some days.", Course),
    ];

    private static void Cottage(Life life)
    {
        var server = life.Server(life.Person());
        life.DayAndNight(server);
        var laptop = life.Second(server, life.Lines.Home(server.Person.Town));
        var cottage = laptop with { Line = life.Lines.Mobile(life.Lines.Near(server.Person.Town, 400)) };
        for (var week = 0; week * 168 < life.Hours; week++)
        {
            life.Evenings(laptop, week * 168, (week * 168) + 115);
            life.Daily(cottage, (week * 168) + 118, (week * 168) + 166, new(9, 12), new(4, 9), 1);
        }
    }

    private static void Cafes(Life life)
    {
        var laptop = life.HomePc(life.Person());
        life.Daily(laptop with { Line = life.Lines.Static(laptop.Person.Town) }, 0, life.Hours, new(8, 9), new(1, 3), 0.8);
        life.Daily(laptop with { Line = life.Lines.Carrier(laptop.Person.Town) }, 0, life.Hours, new(13, 14), new(2, 4), 0.8);
        life.Evenings(laptop);
    }

    private static void Renumbered(Life life)
    {
        var server = life.Server(life.Person());
        var town = life.Parameters.DataCenters[life.Whole(0, life.Parameters.DataCenters.Count - 1)];
        var (first, second) = (life.Between(40, 120), life.Between(150, 300));
        life.DayAndNight(server with { Line = life.Lines.Server(town) }, 0, first);
        life.DayAndNight(server with { Line = life.Lines.Server(town) }, first + 0.1, second);
        life.DayAndNight(server with { Line = life.Lines.Server() }, second + 0.2);
        HonestLives.BesideServer(life, server);
    }

    private static void Shifts(Life life)
    {
        var account = life.NewAccount();
        foreach (var person in life.PeopleApart(3))
        {
            var terminal = life.HomePc(person, account: account);
            for (var day = 0; day * 24 < life.Hours; day++)
            {
                var at = (day * 24) + (person.Number * 8) + life.Between(-0.7, 0.7);
                life.Run(terminal, at, at + life.Between(6.5, 8.5));
            }
        }
    }

    private static void Course(Life life)
    {
        var teacher = life.Server(life.Person());
        life.DayAndNight(teacher);
        var students = Enumerable.Range(0, life.Whole(4, 9)).Select(_ => life.HomePc(life.Person(teacher.Person.Town))).ToArray();
        for (var day = life.Whole(0, 3); day * 24 < life.Hours; day += life.Whole(1, 3))
        {
            var at = (day * 24) + life.Between(15, 18);
            foreach (var student in students.Where(_ => life.Chance(0.8)))
                life.Run(student, at + life.Between(0, 0.4), at + life.Between(1.5, 3.5));
        }
    }
}
