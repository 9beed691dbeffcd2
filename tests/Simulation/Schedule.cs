using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Simulation;

/// <summary>Deliberate faults: the simulation must detect each of them.</summary>
internal enum Sabotage
{
    None,

    /// <summary>A worker that lost its lease still writes.</summary>
    FenceIgnored,

    /// <summary>Every confirmation charges a new intent under a new key, as most renewal jobs do.</summary>
    IntentPerCall,

    /// <summary>An intent counts as canceled without a call to the gateway.</summary>
    CancelSkipped,

    /// <summary>A lost answer counts as a decline.</summary>
    UnknownIsFailed,

    /// <summary>A permanent refusal counts as a lost answer.</summary>
    RefusalIsUnknown,

    /// <summary>Closed accounts and suspended licenses are charged.</summary>
    BlockIgnored,

    /// <summary>A card is charged automatically while a charge is disputed.</summary>
    DisputeIgnored,

    /// <summary>Refunds and disputes are acknowledged and not applied.</summary>
    ReversalsDropped,

    /// <summary>A renewal keeps its price forever.</summary>
    PriceKept,

    /// <summary>Two charges of a license are open at the same time.</summary>
    OtherChargeIgnored,

    /// <summary>No notice is sent before an automatic charge.</summary>
    NoticeSkipped,

    /// <summary>Licenses are charged that had lapsed before the first run.</summary>
    LapsedOpened,

    /// <summary>A lock timeout of any statement is read as a locked wallet.</summary>
    LockIsWallet,

    /// <summary>A charge whose renewal is unknown opens no payment case.</summary>
    CasesDropped,

    /// <summary>The next payment method is tried although the default one was not declined permanently.</summary>
    NextCardAtOnce,

    /// <summary>After a restore, cards are charged before the events of the lost time are read.</summary>
    MissedEventsIgnored,
}

/// <summary>
/// One schedule: customers, workers and a gateway for some weeks. The seed determines every event, so the same seed gives the same
/// steps.
/// </summary>
internal sealed class Schedule : ILogger<RunDueRenewals>
{
    private static readonly DateTimeOffset FirstDay = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] Cards = ["pm_good", "pm_good", "pm_good", "pm_soft", "pm_flaky", "pm_flaky", "pm_hard", "pm_3ds",
        "pm_slow", "pm_gone"];
    private static readonly string[] NextCards = ["next_good", "next_hard", "next_soft"];

    private readonly Random random;
    private readonly ScheduleClock clock = new(FirstDay);
    private readonly Scheduler scheduler = new();
    private readonly IWorld world;
    private readonly ScheduleGateway gateway;
    private readonly Judge judge;
    private readonly RenewalPolicy policy;
    private readonly RunDueRenewals run;
    private readonly ApplyPaymentEvent apply;
    private readonly RenewManually renew;
    private readonly ResolveUnknownCharge resolve;
    private readonly PausingStore store;
    private readonly List<string> violations = [];
    private readonly List<string>? trace;
    private readonly Dictionary<Scheduler.Strand, PaymentEvent> delivering = [];
    private readonly Dictionary<Guid, Renewal> shown = [];
    private readonly int workers;
    private readonly int[] acts;
    private (Action World, Action Judge, DateTimeOffset At)? backup;
    private DateTimeOffset lastExpiry;
    private string? refusal;
    private readonly SortedSet<string> unread = [];
    private readonly List<(PaymentEvent Received, PaymentCase Concern)> unapplied = [];
    private readonly Dictionary<string, DateTimeOffset> failedSince = [];
    private readonly Dictionary<string, DateTimeOffset> stuckUntil = [];
    private (string Provider, DateTimeOffset From, DateTimeOffset Until)? outage;
    private bool isOverdue;
    private uint ids;

    private Schedule(int seed, Sabotage sabotage, List<string>? trace, PostgresWorld? postgres, int? licenses)
    {
        this.trace = trace;
        random = new Random(seed);
        workers = random.Next(2, 5);
        // With few kinds of events in a schedule, the same kinds coincide more often.
        acts = [.. Enumerable.Range(0, Acts).Where(_ => random.Next(2) == 0).DefaultIfEmpty(Acts - 1)];
        gateway = new ScheduleGateway(scheduler, clock, random, Violate)
        {
            FaultRate = random.Next(4) * 15,
            ChargesOtherAmounts = random.Next(4) == 0,
        };
        var renewsPaused = random.Next(4) == 0;
        judge = new Judge(gateway, scheduler, clock, renewsPaused, Violate);
        var memory = new MemoryRenewalStore(clock, NewId)
        {
            IgnoresFence = sabotage is Sabotage.FenceIgnored,
            IgnoresOtherCharges = sabotage is Sabotage.OtherChargeIgnored,
            OpensLapsed = sabotage is Sabotage.LapsedOpened,
        };
        postgres?.Begin(clock);
        world = judge.World = postgres as IWorld
            ?? new MemoryWorld(memory, sabotage is Sabotage.None ? memory : new SabotagedStore(memory, sabotage));
        (gateway.OnConfirmed, gateway.BeganAt) = (judge.Confirmed, judge.BeganAt);
        var gateways = new RenewalGateways(
            new[] { gateway, gateway.PayPal }.Select(
                one => sabotage is Sabotage.None ? one : new SabotagedGateway(one, sabotage)), NewId);
        policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0, gateways.IdempotencyKeyLifetimes)
        {
            RenewsPaused = renewsPaused,
            MinimumChargesUsd = gateways.MinimumChargesUsd,
            OneAttemptProviders = gateways.OneAttemptProviders,
        };
        store = new PausingStore(world, world.Store, scheduler, judge);
        var process = new ProcessRenewal(store, gateways, policy, new SignedLinks([], clock), clock);
        run = new RunDueRenewals(store, process, policy, new RenewalPace(1, random.Next(1, 3), TimeSpan.FromMinutes(5)), clock, this);
        apply = new ApplyPaymentEvent(store, gateways, policy, clock, NewId);
        renew = new RenewManually(store, process, policy, clock);
        resolve = new ResolveUnknownCharge(store, gateways, policy, clock);
        for (var customers = licenses ?? random.Next(1, 4); customers > 0; customers--) AddCustomer();
    }

    /// <returns>The violated rules; empty if there are none.</returns>
    public static IReadOnlyList<string> Run(
        int seed, Sabotage sabotage = Sabotage.None, List<string>? trace = null, PostgresWorld? postgres = null, int? licenses = null)
    {
        var schedule = new Schedule(seed, sabotage, trace, postgres, licenses);
        try
        {
            schedule.Disturb();
            schedule.Settle();
            schedule.judge.Check();
        }
        catch (Exception thrown) when (thrown is not OutOfMemoryException)
        {
            schedule.Violate(thrown.ToString());
        }

        return schedule.violations;
    }

    private void AddCustomer()
    {
        var card = Cards[random.Next(Cards.Length)];
        var license = new MemoryLicense
        {
            SubscriptionId = NewId(),
            UserId = NewId(),
            ExpiresAt = FirstDay + TimeSpan.FromHours(random.Next(12) == 0 ? -random.Next(24 * 3, 24 * 20) : random.Next(24 * 5, 24 * 10)),
            AutoRenew = random.Next(10) > 0,
            PriceUsd = random.Next(10) switch { 0 => 0m, 1 => null, 2 => 0.30m, _ => 49.99m },
            LastPaidUsd = random.Next(6) switch { 0 => 39.99m, 1 => null, _ => 49.99m },
            WalletUsd = random.Next(3) == 0 ? random.Next(100) : 0,
            Card = random.Next(6) > 0 ? NewCard("cus_1", card) : null,
        };
        if (random.Next(3) == 0) license.NextCard = NewNextCard(license);
        if (random.Next(3) == 0) license.ReservedUsd = license.WalletUsd;
        if (license.ExpiresAt > lastExpiry) lastExpiry = license.ExpiresAt.Value;
        var pays = license.PriceUsd == 0 || (!(license.PriceUsd > license.LastPaidUsd)
            && (license.WalletUsd - license.ReservedUsd >= license.PriceUsd
                || (license.Card?.PaymentId == "pm_good" && license.PriceUsd >= 0.50m)));
        var isReliable = license.AutoRenew && license.PriceUsd is not null && pays && license.ExpiresAt > FirstDay && random.Next(2) == 0;
        world.Add(license);
        judge.Added(license, isReliable);
    }

    private void Disturb()
    {
        var mayRestore = random.Next(8) == 0;
        var (walletLocks, rowLocks) = (random.Next(1, 30), random.Next(1, 10));
        store.Locks = () => (random.Next(100) < walletLocks, random.Next(100) < rowLocks);
        for (var steps = random.Next(60, 240); steps > 0; steps--)
        {
            if (mayRestore && !judge.WasRestored && random.Next(8) == 0) LoseACharge();
            switch (random.Next(100))
            {
                case < 62:
                    if (scheduler.Strands.Count > 0) Resume(scheduler.Strands[random.Next(scheduler.Strands.Count)]);
                    break;
                case < 65:
                    if (scheduler.Strands.Count > 0) Crash(scheduler.Strands[random.Next(scheduler.Strands.Count)]);
                    break;
                case < 77:
                    Tick(random.Next(workers));
                    break;
                case < 84:
                    Advance(TimeSpan.FromSeconds(random.Next(10, 900)));
                    break;
                case < 87:
                    Advance(TimeSpan.FromHours(random.Next(1, 97)));
                    break;
                case < 94:
                    if (MustFetch && random.Next(2) == 0) Fetch();
                    else Deliver();
                    break;
                case < 96:
                    Arrive();
                    break;
                case < 97 when mayRestore && !judge.WasRestored:
                    if (backup is null) Backup();
                    else if (random.Next(3) == 0) Restore(backup.Value);
                    break;
                default:
                    Act();
                    break;
            }
        }
    }

    // The faults stop, and every renewal must finish without an operator. Half of the webhooks about charges never arrive.
    private void Settle()
    {
        // No worker ran for a week after the grace, or the first one ran after it, so the license is lost.
        foreach (var (id, license) in world.Licenses)
        {
            var lapsedAt = license.ExpiresAt + TimeSpan.FromDays(3);
            if (world.Renewals.All(renewal => renewal.SubscriptionId != id)
                && (lapsedAt + TimeSpan.FromDays(7) <= clock.Now || lapsedAt <= (world.LastOpened ?? clock.Now))) judge.IsLost(id);
        }

        gateway.FaultRate = 0;
        stuckUntil.Clear();
        store.Locks = () => (false, false);
        Finish();
        while (gateway.Delayed.Count > 0) Arrive();
        foreach (var intent in gateway.Intents.Values.Where(one => !judge.IsReliable(one.Request.SubscriptionId)).ToList())
            for (var steps = random.Next(3); steps > 0; steps--) gateway.TakeBack(intent);
        var end = Later(clock.Now, lastExpiry) + TimeSpan.FromDays(14);
        for (var ticks = 0; ; ticks++)
        {
            if (ticks > 300)
            {
                Violate("the renewals do not terminate");
                return;
            }

            foreach (var intent in gateway.Intents.Values) gateway.Process(intent, random.Next(2) == 0);
            if (random.Next(2) == 0) Deliver();
            while (judge.WasRestored ? gateway.Events.Count > 0 : gateway.Events.Exists(IsReversal)) DeliverSurely();
            if (MustFetch) Start("fetch", FetchAsync);
            Start("worker 0", () => run.RunAsync(CancellationToken.None));
            Start("reconciler", () => run.ReconcileAsync(CancellationToken.None));
            Finish();
            if (clock.Now > end && !gateway.Events.Exists(IsReversal) && !world.Renewals.Any(judge.IsOpen)) break;
            Set(Later(clock.Now + TimeSpan.FromHours(6), Earlier(NextMoment(), clock.Now + TimeSpan.FromDays(2))));
        }

        foreach (var license in world.Licenses.Values.ToList()) AskAgain(license);
    }

    // Whatever happened before, a customer whose card works can renew, and agree to the price that the page shows.
    private void AskAgain(MemoryLicense license)
    {
        var id = license.SubscriptionId;
        if (license is not
            {
                IsGone: false, IsHeldByOperator: false, IsSuspendedByPlatform: false, OtherBlock: null,
                Card.PaymentId: "pm_good", PriceUsd: >= 0.50m, ExpiresAt: { } expiry
            } || expiry > clock.Now + TimeSpan.FromDays(7)) return;
        // Nothing else is charged while the bank waits for the customer, or an operator must decide.
        bool IsFinished(Renewal one) => one.SubscriptionId != id
            || one.Status is RenewalStatus.Applied
            || (one.IntentId is null && one.Status is not (RenewalStatus.Charging or RenewalStatus.Succeeded));
        if (!world.Renewals.All(IsFinished)) return;

        var before = world.Renewals.Count(one => one.SubscriptionId == id && one.Status is RenewalStatus.Applied);
        foreach (var agrees in (bool[])[false, true])
        {
            judge.Asked(license);
            refusal = null;
            Start("customer", () => RenewAsync(license, agrees));
            Finish();
            if (world.Renewals.Count(one => one.SubscriptionId == id && one.Status is RenewalStatus.Applied) > before) return;
        }

        // A bank that declined a card permanently declines it again, so the customer is asked to save another one.
        bool IsToldWhy(Renewal one) => one.SubscriptionId == id && one.PeriodStart == expiry && one.Status is RenewalStatus.HardDeclined;
        if (refusal is not ("TOO_MANY_ATTEMPTS" or "NEEDS_ANOTHER_CARD") && !world.Renewals.Any(IsToldWhy)
            && !world.Cases.Any(one => one.SubscriptionId == id))
        {
            Violate($"{id} asks with a good card and is not renewed: {refusal}");
        }
    }

    private static bool IsReversal(PaymentEvent received) => received.Fact is PaymentFact.Reversed;

    // The next time at which something is due, or a lease ends.
    private DateTimeOffset NextMoment()
    {
        var next = DateTimeOffset.MaxValue;
        foreach (var renewal in world.Renewals)
            if (renewal.NextActionAt is { } at) next = Earlier(next, at > clock.Now ? at : clock.Now + ProcessRenewal.Lease);
        return next;
    }

    // The backup has an unpaid renewal, which is charged after it.
    private void LoseACharge()
    {
        if (backup is not { } made)
        {
            if (world.Renewals.Any(one => one.Status is RenewalStatus.Due or RenewalStatus.SoftDeclined)) Backup();
        }
        else if (gateway.Intents.Values.Any(one => one.Charge is not null && one.ChargedAt > made.At))
        {
            Restore(made);
        }
    }

    private void Backup()
    {
        Trace(() => "a backup is made");
        backup = (world.Backup(), judge.Backup(), clock.Now);
    }

    // Every process stops. The gateway still has what the database lost, and sends its events again.
    private void Restore((Action World, Action Judge, DateTimeOffset At) copy)
    {
        Trace(() => "the backup is restored");
        while (scheduler.Strands.Count > 0) Crash(scheduler.Strands[0]);
        while (gateway.Delayed.Count > 0) Arrive();
        copy.World();
        copy.Judge();
        gateway.Forget();
        foreach (var made in gateway.AllEvents.Except(gateway.Events).ToList()) gateway.Events.Add(made);
        unapplied.Clear();
        failedSince.Clear();
        foreach (var success in gateway.Events.Where(
            one => one.Fact is PaymentFact.IntentChanged { Intent.Outcome: ChargeOutcome.Succeeded }))
            if (random.Next(4) == 0) stuckUntil[success.EventId] = clock.Now + TimeSpan.FromHours(random.Next(1, 100));
        unread.UnionWith([PaymentProviders.PayPal, PaymentProviders.Stripe]);
        var provider = random.Next(2) == 0 ? PaymentProviders.PayPal : PaymentProviders.Stripe;
        // That a customer saved the first method of the provider after the backup can't be known.
        var isKnown = gateway.Intents.Values.All(
            one => one.Provider != provider || world.Licenses[one.Request.SubscriptionId].UsedProviders.Contains(provider));
        outage = random.Next(2) == 0 && isKnown ? (provider, clock.Now, clock.Now + TimeSpan.FromHours(random.Next(1, 200))) : null;
        PayWithAnother(provider);
        MissEvents();
        foreach (var license in world.Licenses.Values)
            if (license.ExpiresAt > lastExpiry) lastExpiry = license.ExpiresAt.Value;
    }

    // The backup has the method of some customers from before they paid with this provider.
    private void PayWithAnother(string later)
    {
        foreach (var license in world.Licenses.Values.Where(_ => random.Next(2) == 0).ToList())
        {
            license.Card = later == PaymentProviders.Stripe
                ? new SavedCard(NewId(), PaymentProviders.PayPal, "payer_cus_1", "pm_good")
                : new SavedCard(NewId(), PaymentProviders.Stripe, "cus_1", "pm_good");
            judge.CardsChanged(license);
            world.Changed(license);
            world.CardsChanged(license);
        }
    }

    private void Tick(int worker)
    {
        var name = $"worker {worker}";
        foreach (var strand in scheduler.Strands)
            if (strand.Name == name) return;
        Trace(() => $"{name} starts");
        if (random.Next(4) > 0) Start(name, () => run.RunAsync(CancellationToken.None));
        else Start(name, () => run.ReconcileAsync(CancellationToken.None));
    }

    private void Resume(Scheduler.Strand strand)
    {
        Trace(() => $"{strand.Name} continues");
        scheduler.Resume(strand);
        if (strand.Task!.IsCompleted) delivering.Remove(strand);
        judge.Look();
    }

    // A webhook whose handler crashed was not acknowledged, so it is delivered again.
    private void Crash(Scheduler.Strand strand)
    {
        Trace(() => $"{strand.Name} dies");
        scheduler.Crash(strand);
        if (delivering.Remove(strand, out var unacknowledged)) gateway.Events.Add(unacknowledged);
    }

    private void Finish()
    {
        while (scheduler.Strands.Count > 0) Resume(scheduler.Strands[0]);
    }

    // A run or a request that finds a row locked fails; the next one repeats its work.
    private Scheduler.Strand Start(string name, Func<Task> work) => scheduler.Start(name, async () =>
    {
        try
        {
            await work();
        }
        catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            Trace(() => $"{name} meets a lock");
        }
    });

    private void Deliver()
    {
        if (gateway.Events.Count == 0) return;
        var index = random.Next(gateway.Events.Count);
        var received = gateway.Events[index];
        var fate = random.Next(10);
        if (fate > 1) gateway.Events.RemoveAt(index);
        if (fate == 9 && !IsReversal(received) && !judge.WasRestored) return;
        Deliver(received);
    }

    private void DeliverSurely()
    {
        var index = judge.WasRestored ? random.Next(gateway.Events.Count) : gateway.Events.FindIndex(IsReversal);
        var received = gateway.Events[index];
        gateway.Events.RemoveAt(index);
        Deliver(received);
        Finish();
    }

    private void Deliver(PaymentEvent received)
    {
        Trace(() => $"webhook {received.EventId} {received.Fact}");
        gateway.Heard(received);
        var strand = scheduler.Start("webhook", () => AcknowledgeAsync(received));
        if (!strand.Task!.IsCompleted) delivering[strand] = received;
    }

    // An event that could not be settled is not acknowledged, so it is delivered again.
    private async Task AcknowledgeAsync(PaymentEvent received)
    {
        if (!await TryApplyAsync(received)) gateway.Events.Add(received);
    }

    // After a restore, some successes can't be applied for a long time.
    private async Task<bool> TryApplyAsync(PaymentEvent received)
    {
        if (stuckUntil.TryGetValue(received.EventId, out var until) && clock.Now < until) return false;
        try
        {
            await apply.RunAsync(received, CancellationToken.None);
            return true;
        }
        catch (InvalidOperationException unsettled) when (unsettled.Message.EndsWith("could not be applied.", StringComparison.Ordinal))
        {
            return false;
        }
        catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }

    private bool MustFetch => unread.Count > 0 || unapplied.Count > 0;

    // A fetch has many steps. Half of them run to their end, because charges that wait for two of them would be rare otherwise.
    private void Fetch()
    {
        var fetch = Start("fetch", FetchAsync);
        for (var isWhole = random.Next(2) == 0; isWhole && !fetch.Task!.IsCompleted;) Resume(fetch);
    }

    // Does the same as FetchPaymentEvents. The providers' lists also have the events that a webhook is just delivering. One provider may be
    // out of reach for some time.
    private async Task FetchAsync()
    {
        foreach (var late in unapplied.ToList())
        {
            if (!await TryApplyAsync(late.Received) || !unapplied.Remove(late)) continue;
            gateway.Events.Remove(late.Received);
            world.Book(late.Received.Provider, late.Concern);
        }

        if (clock.Now >= outage?.Until) outage = null;
        var left = new HashSet<string>();
        if (outage is { Provider: var unreachable }) left.Add(unreachable);
        foreach (var listed in gateway.Events.Concat(delivering.Values).Where(one => !left.Contains(one.Provider)).ToList())
        {
            gateway.Heard(listed);
            if (await TryApplyAsync(listed)) gateway.Events.Remove(listed);
            else if (FetchPaymentEvents.NotBooked(listed) is { } concern) CannotBook(listed, concern);
            else if (clock.Now - FailedSince(listed) < FetchPaymentEvents.LongestWait) left.Add(listed.Provider);
        }

        unread.IntersectWith(left);
        MissEvents();
    }

    private DateTimeOffset FailedSince(PaymentEvent received)
    {
        failedSince.TryAdd(received.EventId, clock.Now);
        return failedSince[received.EventId];
    }

    private void CannotBook(PaymentEvent received, PaymentCase concern)
    {
        if (unapplied.Exists(one => one.Received == received)) return;
        Trace(() => $"{received.EventId} is not booked");
        unapplied.Add((received, concern));
        world.CannotBook(received.Provider, concern);
    }

    private void MissEvents()
    {
        isOverdue = clock.Now - outage?.From >= TimeSpan.FromHours(6) && unread.Contains(outage!.Value.Provider);
        world.MissEvents(unread, isOverdue ? [outage!.Value.Provider] : []);
    }

    private void Arrive()
    {
        if (gateway.Delayed.Count == 0) return;
        var index = random.Next(gateway.Delayed.Count);
        var call = gateway.Delayed[index].Call;
        gateway.Delayed.RemoveAt(index);
        Trace(() => "a delayed call arrives");
        call();
    }

    private SavedCard NewCard(string customer, string card) => random.Next(3) > 0
        ? new SavedCard(NewId(), PaymentProviders.Stripe, customer, card)
        : new SavedCard(NewId(), PaymentProviders.PayPal, $"payer_{customer}", card);

    // Of either provider, the same as that of the default method or the other one.
    private SavedCard NewNextCard(MemoryLicense license)
    {
        var method = NextCards[random.Next(NextCards.Length)];
        return license.Card is { } card && random.Next(2) == 0
            ? new SavedCard(NewId(), card.Provider, card.CustomerId, method)
            : NewCard("cus_1", method);
    }

    private const int Acts = 22;

    private void Act()
    {
        var license = world.Licenses.Values.ElementAt(random.Next(world.Licenses.Count));
        if (judge.IsReliable(license.SubscriptionId)) return;
        var act = acts[random.Next(acts.Length)];
        Trace(() => $"{license.SubscriptionId} act {act}");
        switch (act)
        {
            case 0:
                world.SwitchAutoRenewal(license);
                judge.Switched(license);
                break;
            case 1:
                license.Card = license.Card is { } renewed && random.Next(3) == 0
                    ? renewed with { ChangedAt = clock.Now }
                    : NewCard(random.Next(4) == 0 ? "cus_2" : "cus_1", Cards[random.Next(Cards.Length)]);
                judge.CardsChanged(license);
                world.Changed(license);
                world.CardsChanged(license);
                break;
            case 2:
                var amount = random.Next(3) == 0 ? license.ReservedUsd - license.WalletUsd : random.Next(10, 60);
                license.WalletUsd += amount;
                judge.Deposited(license, amount);
                break;
            case 3:
                world.Hold(license, !license.IsHeldByOperator);
                judge.Held(world.Licenses[license.SubscriptionId]);
                return;
            case 4:
                license.PriceUsd = license.PriceUsd is null ? 49.99m : license.PriceUsd + 10;
                break;
            case 5:
                foreach (var intent in gateway.Intents.Values) gateway.Authenticate(intent, random.Next(3) > 0);
                break;
            case 6:
                license.Card = null;
                break;
            case 7:
                foreach (var intent in gateway.Intents.Values) gateway.Process(intent, random.Next(3) > 0);
                break;
            case 8 or 9:
                foreach (var intent in IntentsOf(license)) gateway.TakeBack(intent);
                break;
            case 10:
                MoveExpiry(license);
                break;
            case 11:
                foreach (var renewal in world.Renewals.Where(
                    renewal => renewal.SubscriptionId == license.SubscriptionId && renewal.IntentId is not null).ToList())
                    Decide(renewal);
                break;
            case 12:
                foreach (var renewal in world.Renewals.Where(renewal => renewal.SubscriptionId == license.SubscriptionId).ToList())
                {
                    // The page may be open since an earlier time.
                    var seen = random.Next(2) == 0 ? shown.GetValueOrDefault(renewal.RenewalId, renewal) : renewal;
                    shown[renewal.RenewalId] = renewal;
                    Start("consent", () => ConsentToPriceAsync(seen));
                }

                break;
            case 13:
                license.OtherBlock = random.Next(7) switch
                {
                    0 => RenewalBlock.AccountClosed,
                    1 => RenewalBlock.MasterClosed,
                    2 => RenewalBlock.PausedToxic,
                    3 => RenewalBlock.LockedNoFunds,
                    4 => RenewalBlock.SubscriptionInactive,
                    _ => null,
                };
                break;
            case 14:
                license.PriceUsd = Math.Max(10, (license.PriceUsd ?? 0) - 10);
                break;
            case 15:
                license.ReservedUsd = license.WalletUsd * random.Next(3) / 2;
                break;
            case 16:
                foreach (var intent in IntentsOf(license))
                {
                    if (random.Next(4) > 0) gateway.Cancel(intent);
                    else gateway.Lose(intent);
                }

                break;
            case 17:
                foreach (var concern in world.Cases.Where(one => one.SubscriptionId == license.SubscriptionId).ToList())
                    if (world.Credit(concern, ProviderOf(concern), policy)) judge.Credited(concern);
                return;
            case 18:
                world.SuspendByPlatform(license, !license.IsSuspendedByPlatform);
                judge.Suspended(license);
                return;
            case 19:
                license.NextCard = license.NextCard is null ? NewNextCard(license) : null;
                judge.CardsChanged(license);
                world.Changed(license);
                world.CardsChanged(license);
                break;
            default:
                judge.Asked(license);
                var agrees = random.Next(2) == 0;
                Start("customer", () => RenewAsync(license, agrees));
                return;
        }

        world.Changed(license);
    }

    private string? ProviderOf(PaymentCase concern) => gateway.Intents.Values.FirstOrDefault(
        one => one.Id == concern.Subject || (one.Charge is { } charge && charge.TransactionId == concern.TransactionId))?.Provider;

    private IEnumerable<ScheduleGateway.Intent> IntentsOf(MemoryLicense license) =>
        gateway.Intents.Values.Where(intent => intent.Request.SubscriptionId == license.SubscriptionId);

    private async Task RenewAsync(MemoryLicense license, bool agrees)
    {
        var paidBefore = world.Renewals.Where(renewal =>
            renewal.SubscriptionId == license.SubscriptionId && renewal.Status is RenewalStatus.Applied
            && renewal.PeriodStart == license.ExpiresAt).Select(renewal => renewal.RenewalId).ToList();
        // The page shows the price, to which the customer may agree.
        var accepted = agrees ? license.PriceUsd : null;
        judge.AgreesTo(accepted);
        var mustNotWait = MustNotWait(license);
        var renewed = await renew.RunAsync(
            license.SubscriptionId, Actor.Owner(license.UserId), request: null, accepted, CancellationToken.None);
        refusal = renewed.Refusal?.Code;
        if (refusal == "PAYMENTS_NOT_READ" && mustNotWait && MustNotWait(license))
            Violate($"{license.SubscriptionId} waits for the events of a provider that the customer has never used");
        if (renewed.Refusal is null && paidBefore.Contains(renewed.Value.RenewalId))
            Violate($"{license.SubscriptionId} is told to be renewed by a period that the platform took back");
    }

    // The only list that is not read has been out of reach for six hours, and its provider can't have charged this customer.
    private bool MustNotWait(MemoryLicense license) =>
        isOverdue && outage is { Provider: var unreachable } && unread.SetEquals([unreachable])
        && !world.Licenses[license.SubscriptionId].UsedProviders.Contains(unreachable);

    // The platform moves the expiry, perhaps back to the start of a paid period, removes it, or deletes the token or makes another.
    private void MoveExpiry(MemoryLicense license)
    {
        judge.Moved(license);
        if (license.IsGone || random.Next(12) == 0)
        {
            license.IsGone = !license.IsGone;
            return;
        }

        if (license.PaidPeriods.Count > 0 && random.Next(3) == 0)
        {
            license.ExpiresAt = license.PaidPeriods[random.Next(license.PaidPeriods.Count)].From;
            return;
        }

        license.ExpiresAt = random.Next(10) == 0 ? null : license.ExpiresAt + TimeSpan.FromHours(
            random.Next(3) == 0 ? 1 : random.Next(-20 * 24, 20 * 24));
        if (license.ExpiresAt > lastExpiry) lastExpiry = license.ExpiresAt.Value;
    }

    // An operator checks the provider's dashboard now, and answers some time later; sometimes with another charge, which was booked.
    private void Decide(Renewal renewal)
    {
        var paid = gateway.Intents[renewal.IntentId!].Charge;
        gateway.Heard(renewal.IntentId!);
        judge.Decided(renewal);
        var other = random.Next(5) > 0 ? null : world.Renewals.FirstOrDefault(one => one.RenewalId != renewal.RenewalId
            && one is { Status: RenewalStatus.Applied, Attempt.TransactionId: not null })?.Attempt!.TransactionId;
        Start("operator", () => resolve.RunAsync(
            renewal.RenewalId,
            new RenewalDecision(paid is not null || other is not null, "looked up", other ?? paid?.TransactionId),
            Actor.Operator(NewId()),
            CancellationToken.None));
    }

    // The customer agrees to the price that the page showed, which may have changed since.
    private async Task ConsentToPriceAsync(Renewal seen)
    {
        if (seen.AmountUsd is not { } amount) return; // the page showed no price
        judge.Agreed(seen, amount);
        if (await store.FindAsync(seen.RenewalId, CancellationToken.None) is { } facts
            && RenewalRequests.ConsentToPrice(facts.Renewal, amount, clock.Now) is { } accepted)
            await store.SaveAsync(accepted, new RenewalWriter(Lease: null), CancellationToken.None);
    }

    private void Advance(TimeSpan by)
    {
        Set(clock.Now + by);
        Trace(() => $"the clock shows {clock.Now:u}");
    }

    private void Set(DateTimeOffset to)
    {
        world.Passed(to - clock.Now);
        clock.Now = to;
    }

    private void Violate(string text)
    {
        if (violations.Contains(text)) return;
        violations.Add(text);
        trace?.Add($"BROKEN: {text}");
    }

    private Guid NewId() => new(++ids, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private void Trace(Func<string> line)
    {
        if (trace is null) return;
        var states = world.Renewals.Select(renewal =>
            $"[{renewal.Status} {renewal.IntentId} attempt {renewal.Attempts} {renewal.Attempt?.Status} "
            + $"next {renewal.NextActionAt:MM-dd HH:mm}]");
        trace.Add($"{clock.Now:MM-dd HH:mm:ss} {line()} {string.Join(' ', states)}");
    }

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    void ILogger.Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel >= LogLevel.Error && exception is not PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
            Violate($"{formatter(state, exception)}: {exception}");
    }
}
