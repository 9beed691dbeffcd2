namespace DetectionCorpus.Lives;

/// <summary>
/// Customers who use their own license, and whose networks or devices change as often as they can: what few customers do, but may do.
/// </summary>
internal static class StressedLives
{
    public static readonly Kind[] All =
    [
        HonestLives.Of("flapping_vpn", FlappingVpn),
        HonestLives.Of("flapping_vpn_on_two_devices", FlappingVpnOnTwo),
        HonestLives.Of("flapping_vpn_and_two_terminals", FlappingVpnAndTwoTerminals),
        HonestLives.Of("failover_every_few_minutes", Failover),
        HonestLives.Of("ipv4_and_ipv6_in_turn", DualStack),
        HonestLives.Of("carrier_pool", Pool),
        HonestLives.Of("three_own_devices_in_turn", ThreeInTurn),
        HonestLives.Of("two_devices_after_an_outage", AfterOutage),
    ];

    /// <summary>For a license of three devices.</summary>
    public static readonly Kind[] OfThreeDevices =
    [
        OfThree("three_own_devices", ThreeDevices),
        OfThree("three_own_servers", ThreeServers),
    ];

    private static Kind OfThree(string name, Action<Life> write) =>
        new(name, Nature.Honest, "One person, at most three devices at once, which the license allows.", write, ByTerm: true);

    private static void FlappingVpn(Life life)
    {
        var me = life.Person();
        var pc = life.Device(me, life.Lines.Flapping(1)[0]);
        HonestLives.Home(life, pc);
        var other = life.Chance(0.5) ? life.Lines.Server() : life.Lines.Home(me.Town);
        if (life.Chance(0.5))
            HonestLives.Home(life, life.Second(pc, other), life.Between(0, 100));
    }

    private static void FlappingVpnOnTwo(Life life)
    {
        var lines = life.Lines.Flapping(2);
        var pc = life.Device(life.Person(), lines[0]);
        HonestLives.Home(life, pc);
        HonestLives.Home(life, life.Second(pc, life.Chance(0.5) ? lines[1] : life.Lines.Flapping(1)[0]), life.Between(0, 60));
    }

    private static void FlappingVpnAndTwoTerminals(Life life)
    {
        var lines = life.Lines.Flapping(2);
        var pc = life.Device(life.Person(), lines[0]);
        HonestLives.Home(life, pc);
        HonestLives.Home(life, life.Copy(pc));
        if (life.Chance(0.6))
            HonestLives.Home(life, life.Second(pc, life.Chance(0.5) ? lines[1] : life.Lines.Server()), life.Between(0, 60));
    }

    private static void Failover(Life life)
    {
        var me = life.Person();
        var line = life.Lines.Failover(me.Town);
        var pc = life.Device(me, line);
        HonestLives.Home(life, pc);
        if (life.Chance(0.4))
            HonestLives.Home(life, life.Copy(pc));
        if (life.Chance(0.6))
            HonestLives.Home(life, life.Second(pc, life.Chance(0.5) ? line : life.Lines.Server()), life.Between(0, 60));
    }

    private static void DualStack(Life life)
    {
        var me = life.Person();
        var lines = life.Lines.DualStack(me.Town, 3, life.Lines.Often());
        var pc = life.Device(me, lines[0]);
        HonestLives.Home(life, pc);
        if (life.Chance(0.5))
            HonestLives.Home(life, life.Copy(pc) with { Line = lines[1] }, life.Between(0, 30));
        HonestLives.Home(life, life.Second(pc, life.Chance(0.6) ? lines[2] : life.Lines.Server()), life.Between(0, 30));
    }

    private static void Pool(Life life)
    {
        var me = life.Person();
        var lines = life.Lines.Pool(me.Town, 3);
        var pc = life.Device(me, lines[0]);
        HonestLives.Home(life, pc);
        if (life.Chance(0.5))
            HonestLives.Home(life, life.Copy(pc) with { Line = lines[1] }, life.Between(0, 30));
        HonestLives.Home(life, life.Second(pc, life.Chance(0.6) ? lines[2] : life.Lines.Server()), life.Between(0, 30));
    }

    /// <summary>
    /// One EA's file on three devices, with an account of its own on each: live at home, and two prop firms' in the office and on a laptop.
    /// One of them works at a time, at fixed hours or as it comes.
    /// </summary>
    private static void ThreeInTurn(Life life)
    {
        var me = life.Person();
        var office = life.Chance(0.5) ? me.Town : life.Lines.Near(me.Town, 400);
        var home = life.HomePc(me);
        Terminal[] devices =
        [
            home, life.Device(me, life.Lines.Static(office), home.Ea), life.Device(me, life.Lines.Mobile(me.Town), home.Ea),
        ];
        if (life.Chance(0.5))
        {
            var (weekends, rest) = (life.Between(0, 1), life.Between(0.3, 3));
            for (var day = -1; day * 24 < life.Hours; day++)
            {
                var at = (day * 24) - me.Town.Zone;
                if (day % 7 < 5 || life.Chance(weekends))
                    life.Run(devices[1], at + life.Between(8, 9.5), at + life.Between(15, 17.5));
                life.Run(devices[2], at + 17.5 + life.Between(0, rest), at + life.Between(20.5, 22.5));
                life.Run(devices[0], at + 22.5 + life.Between(0, rest), at + 24 + life.Between(5, 8));
            }

            return;
        }

        var stay = life.Between(2, 16);
        var inOrder = life.Chance(0.5);
        var turn = 0;
        for (double at = 0, next; at < life.Hours; at = next + life.Between(0.2, 10), turn++)
        {
            next = at + (stay * life.Between(0.5, 1.5));
            life.Run(devices[inOrder ? turn % 3 : life.Whole(0, 2)], at, next);
        }
    }

    /// <summary>
    /// The line fails for hours, and more than once. Records are kept and arrive together, by the backup line or by the line itself.
    /// </summary>
    private static void AfterOutage(Life life)
    {
        var me = life.Person();
        var line = life.Lines.WithBackup(life.Lines.Home(me.Town), life.Lines.Mobile(me.Town));
        var pc = life.Device(me, line);
        HonestLives.Home(life, pc);
        HonestLives.Home(life, life.Second(pc, life.Chance(0.5) ? line : life.Lines.Server()), life.Between(0, 30));
        if (life.Chance(0.3))
            HonestLives.Home(life, life.Copy(pc));
    }

    private static void ThreeDevices(Life life)
    {
        var me = life.Person();
        var (flapping, home) = (life.Lines.Flapping(2), life.Lines.Home(me.Town));
        var pc = life.Device(me, life.Chance(0.3) ? flapping[0] : home);
        HonestLives.Home(life, pc);
        HonestLives.Home(life, life.Second(pc, life.Chance(0.5) ? home : life.Lines.Server()), life.Between(0, 60));
        HonestLives.Home(life, life.Second(pc, life.Chance(0.3) ? flapping[1] : life.Lines.Mobile(me.Town)), life.Between(0, 60));
    }

    private static void ThreeServers(Life life)
    {
        var first = life.Server(life.Person());
        life.DayAndNight(first);
        for (var i = 0; i < 2; i++)
            life.DayAndNight(life.Device(first.Person, life.Lines.Server(), life.Chance(0.5) ? first.Ea : null), life.Between(0, 60));
    }
}
