using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Timers;
using LicenseFunctions.Operations;
using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Microsoft.Extensions.Logging.Abstractions;

namespace Simulation;

/// <summary>
/// Eleven days in which no timer fires: requests at random times do the work of RunRenewals in slices, in two processes. Then the timers
/// fire again for ten days.
/// </summary>
internal sealed class SilentTimers
{
    private const int Customers = 60;
    private const decimal Price = 49.99m;
    private const decimal Deposit = 120;
    private static readonly TimeSpan Silent = TimeSpan.FromDays(11);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(15);
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Random random;
    private readonly ScheduleClock clock = new(Start);
    private readonly Scheduler scheduler = new();
    private readonly MemoryRenewalStore memory;
    private readonly ScheduleGateway gateway;
    private readonly Judge judge;
    private readonly RenewalPolicy policy;
    private readonly RunDueRenewals run;
    private readonly HashSet<Guid> payers = [];
    private readonly HashSet<string> violations = [];
    private DateTimeOffset sliceAt = Start;
    private bool wasCut;
    private uint ids;

    private SilentTimers(int seed)
    {
        random = new Random(seed);
        memory = new MemoryRenewalStore(clock, NewId)
        {
            OnSuspended = license =>
            {
                if (payers.Contains(license.SubscriptionId))
                    violations.Add($"{license.SubscriptionId} pays and was suspended");
                Suspended++;
            },
        };
        gateway = new ScheduleGateway(scheduler, clock, random, text => violations.Add(text)) { FaultRate = 15 };
        policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0,
            new Dictionary<string, TimeSpan> { [gateway.Provider] = gateway.IdempotencyKeyLifetime });
        judge = new Judge(gateway, scheduler, clock, renewsPaused: false, text => violations.Add(text));
        var world = judge.World = new MemoryWorld(memory, memory);
        var store = new PausingStore(world, memory, scheduler, judge);
        var process = new ProcessRenewal(store, new RenewalGateways([gateway], NewId), policy, new SignedLinks([], clock), clock);
        run = new RunDueRenewals(
            store, process, policy, new RenewalPace(1, 2, TimeSpan.FromMinutes(5)), clock, NullLogger<RunDueRenewals>.Instance);
        for (var i = 0; i < Customers; i++)
            AddCustomer();
    }

    /// <summary>Licenses that were suspended; some of them can't be paid.</summary>
    public int Suspended { get; private set; }

    /// <summary>Slices that ended before all work was done.</summary>
    public int Cut { get; private set; }

    public IReadOnlyCollection<string> Violations => violations;

    public static SilentTimers Run(int seed, bool fallback = true)
    {
        var simulation = new SilentTimers(seed);
        while (simulation.clock.Now < Start + Silent)
        {
            simulation.clock.Now += TimeSpan.FromSeconds(simulation.random.Next(1, 1_800));
            if (fallback)
                simulation.Request();
            simulation.CheckThatPayersMayRun();
        }

        while (simulation.clock.Now < Start + Silent + TimeSpan.FromDays(10))
        {
            simulation.clock.Now += Interval;
            simulation.scheduler.Start("timer", () => simulation.run.RunAsync(CancellationToken.None));
            simulation.Finish();
            simulation.CheckThatPayersMayRun();
        }

        simulation.CheckBooks();
        return simulation;
    }

    private void AddCustomer()
    {
        var license = new MemoryLicense
        {
            SubscriptionId = NewId(),
            UserId = NewId(),
            ExpiresAt = Start + TimeSpan.FromHours(random.Next(6, 7 * 24)),
            PriceUsd = Price,
            LastPaidUsd = Price,
        };
        switch (random.Next(3))
        {
            case 0:
                license.WalletUsd = Deposit;
                payers.Add(license.SubscriptionId);
                break;
            case 1:
                license.Card = new SavedCard(NewId(), "stripe", "cus_1", "pm_good");
                payers.Add(license.SubscriptionId);
                break;
            default:
                license.Card = new SavedCard(NewId(), "stripe", "cus_1", "pm_hard");
                break;
        }

        memory.Licenses.Add(license.SubscriptionId, license);
        judge.Added(license, isReliable: false);
    }

    // As TimerFallbackStore claims: after an interval, or soon if work was left. Two processes may have a slice at the same time.
    private void Request()
    {
        if (!wasCut && clock.Now - sliceAt < Interval)
            return;
        sliceAt = clock.Now;
        wasCut = false;
        memory.IsWalletLocked = () => random.Next(10) == 0;
        for (var processes = random.Next(5) == 0 ? 2 : 1; processes > 0; processes--)
            scheduler.Start("slice", SliceAsync);
        Finish();
    }

    private async Task SliceAsync()
    {
        var slice = TimeSlice.Begin(clock, TimerFallback.Slice);
        await run.RunAsync(CancellationToken.None);
        wasCut |= slice.WasCut;
        Cut += slice.WasCut ? 1 : 0;
    }

    // Each step takes some time, so that a slice ends before its work does.
    private void Finish()
    {
        while (scheduler.Strands.Count > 0)
        {
            clock.Now += TimeSpan.FromMilliseconds(random.Next(100));
            var strand = scheduler.Strands[random.Next(scheduler.Strands.Count)];
            if (random.Next(200) == 0)
                scheduler.Crash(strand);
            else
                scheduler.Resume(strand);
        }

        foreach (var delayed in gateway.Delayed.ToList())
            delayed.Call();
        gateway.Delayed.Clear();
    }

    private void CheckThatPayersMayRun()
    {
        foreach (var id in payers)
        {
            var license = memory.Licenses[id];
            if (license.ExpiresAt + policy.Grace <= clock.Now && !(license.GraceUntil > clock.Now))
                violations.Add($"{id} pays and was locked out");
        }
    }

    private void CheckBooks()
    {
        foreach (var id in payers)
        {
            var license = memory.Licenses[id];
            var charges = gateway.Intents.Values.Count(intent => intent.Request.SubscriptionId == id && intent.Charge is not null);
            var fromWallet = license.Card is null ? Deposit - license.WalletUsd : 0;
            if ((charges * Price) + fromWallet != Price || license.PaidPeriods.Count != 1)
                violations.Add($"{id}: {charges} charges and {fromWallet} USD for {license.PaidPeriods.Count} periods");
        }
    }

    private Guid NewId() => new(++ids, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
