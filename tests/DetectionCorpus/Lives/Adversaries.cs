namespace DetectionCorpus.Lives;

/// <summary>People who share a license and know how sharing is detected: each kind avoids what the rules look for.</summary>
internal static class Adversaries
{
    public static readonly Kind[] All =
    [
        Of("buyers_of_one_ea_behind_one_exit", "Buyers with accounts of their own, one EA name and one exit.", OneEaOneExit),
        Of("proxy_that_writes_the_account", "Buyers whose records all have the owner's account.", ProxyWritesAccount),
        Of("new_account_each_session", "Buyers of one EA name who report a new account each time.", life => NewEachSession(life, false)),
        Of("new_identity_each_session", "Buyers who report a new EA name and account each time.", life => NewEachSession(life, true)),
        Of("buyers_without_accounts", "Buyers of one EA name whose records have no account.", WithoutAccounts),
        Of("seats_by_the_day_behind_one_exit", "Other strangers each day, with one EA name and one exit.",
            life => SharedLives.SeatsByTheDay(life, life.NewEa(), life.Lines.Server())),
        Of("flood_of_identities", "Buyers, and a script that reports dozens of invented devices.", Flood),
    ];

    private static Kind Of(string name, string reason, Action<Life> write) => new(name, Nature.Shared, reason, write);

    private static void OneEaOneExit(Life life)
    {
        var (ea, exit) = (life.NewEa(), life.Lines.Server());
        for (var i = life.Whole(12, 15); i > 0; i--)
            life.Join(life.Person(), life.Between(0, 48), ea: ea, line: exit);
    }

    private static void ProxyWritesAccount(Life life)
    {
        var account = life.NewAccount();
        var exit = life.Chance(0.3) ? life.Lines.Server() : null;
        for (var i = life.Whole(life.Parameters.Buyers); i > 0; i--)
            life.Join(life.Person(), life.Between(0, 48), account: account, line: exit);
    }

    private static void NewEachSession(Life life, bool newEa)
    {
        var ea = life.NewEa();
        for (var i = life.Whole(life.Parameters.Buyers); i > 0; i--)
        {
            var person = life.Person();
            var pc = life.HomePc(person, ea);
            for (double at = life.Between(0, 48), next; at < life.Hours; at = next + life.Between(5, 30))
            {
                next = at + life.Between(2, 12);
                life.Run(pc with { Account = life.NewAccount(), Ea = newEa ? life.NewEa() : ea }, at, next);
            }
        }
    }

    private static void WithoutAccounts(Life life)
    {
        var ea = life.NewEa();
        for (var i = life.Whole(life.Parameters.Buyers); i > 0; i--)
        {
            var person = life.Person();
            var always = life.Chance(life.Parameters.AlwaysOn);
            var line = always ? life.Lines.Server() : life.Lines.Home(person.Town);
            life.Work(life.Device(person, line, ea) with { Account = null }, always, life.Between(0, 48));
        }
    }

    private static void Flood(Life life)
    {
        var owner = life.Person();
        for (var i = life.Whole(life.Parameters.Group); i > 0; i--)
            life.Join(i == 1 ? owner : life.Person(), life.Between(0, 24));
        for (var at = life.Between(0, 4); at < life.Hours; at += life.Between(0.3, 4))
            life.Run(life.Server(owner), at, at + life.Between(0.1, 1.2));
    }
}
