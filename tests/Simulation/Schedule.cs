using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Payments;
using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

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
}

/// <summary>
/// One schedule: customers, workers and a gateway for some weeks. The seed determines every event, so the same seed gives the same
/// steps.
/// </summary>
internal sealed class Schedule : ILogger<RunDueRenewals>
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] Cards = ["pm_good", "pm_good", "pm_good", "pm_soft", "pm_flaky", "pm_flaky", "pm_hard", "pm_3ds",
        "pm_slow"];

    private readonly Random random;
    private readonly ScheduleClock clock = new(Start);
    private readonly Scheduler scheduler = new();
    private readonly MemoryRenewalStore memory;
    private readonly ScheduleGateway gateway;
    private readonly RenewalPolicy policy;
    private readonly RunDueRenewals run;
    private readonly ApplyPaymentEvent apply;
    private readonly RenewManually renew;
    private readonly ResolveUnknownCharge resolve;
    private readonly PausingStore store;
    private readonly List<string> violations = [];
    private readonly List<string>? trace;
    private readonly HashSet<Guid> reliable = [];
    private readonly Dictionary<Guid, decimal> deposited = [];
    private readonly Dictionary<Scheduler.Strand, PaymentEvent> delivering = [];
    private readonly Dictionary<Guid, decimal> agreed = [];
    private readonly int workers;
    private DateTimeOffset lastExpiry;
    private uint ids;

    private Schedule(int seed, Sabotage sabotage, List<string>? trace)
    {
        this.trace = trace;
        random = new Random(seed);
        workers = random.Next(2, 5);
        memory = new MemoryRenewalStore(clock, NewId)
        {
            IgnoresFence = sabotage is Sabotage.FenceIgnored,
            OnSuspended = OnSuspended,
            OnCharge = OnCharge,
        };
        gateway = new ScheduleGateway(scheduler, clock, random, violations.Add) { FaultRate = random.Next(4) * 15 };
        IPaymentGateway used = sabotage is Sabotage.None or Sabotage.FenceIgnored ? gateway : new SabotagedGateway(gateway, sabotage);
        policy = new RenewalPolicy(true, TimeSpan.FromDays(7), TimeSpan.FromDays(3), 0,
            new Dictionary<string, TimeSpan> { [used.Provider] = used.IdempotencyKeyLifetime });
        store = new PausingStore(memory, scheduler);
        var process = new ProcessRenewal(store, new RenewalGateways([used], NewId), policy, new SignedLinks([], clock), clock);
        run = new RunDueRenewals(store, process, policy, new RenewalPace(1, random.Next(1, 3), TimeSpan.FromMinutes(5)), clock, this);
        apply = new ApplyPaymentEvent(store, policy, clock);
        renew = new RenewManually(store, process, policy, clock);
        resolve = new ResolveUnknownCharge(store, policy, clock);
        for (var customers = random.Next(1, 4); customers > 0; customers--) AddCustomer();
    }

    /// <returns>The violated rules; empty if there are none.</returns>
    public static IReadOnlyList<string> Run(int seed, Sabotage sabotage = Sabotage.None, List<string>? trace = null)
    {
        var schedule = new Schedule(seed, sabotage, trace);
        try
        {
            schedule.Disturb();
            schedule.Settle();
            schedule.Check();
        }
        catch (Exception thrown) when (thrown is not OutOfMemoryException)
        {
            schedule.violations.Add(thrown.ToString());
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
            ExpiresAt = Start + TimeSpan.FromHours(random.Next(24 * 5, 24 * 10)),
            AutoRenew = random.Next(10) > 0,
            PriceUsd = random.Next(8) switch { 0 => 0m, 1 => null, _ => 49.99m },
            LastPaidUsd = random.Next(6) switch { 0 => 39.99m, 1 => null, _ => 49.99m },
            WalletUsd = random.Next(3) == 0 ? random.Next(100) : 0,
            Card = random.Next(6) > 0 ? new SavedCard(NewId(), "stripe", "cus_1", card) : null,
        };
        memory.Licenses.Add(license.SubscriptionId, license);
        deposited.Add(license.SubscriptionId, license.WalletUsd);
        if (license.ExpiresAt > lastExpiry) lastExpiry = license.ExpiresAt!.Value;
        var pays = license.PriceUsd == 0 || (!policy.NeedsConsent(license.PriceUsd ?? 0, license.LastPaidUsd)
            && (license.WalletUsd >= license.PriceUsd || license.Card?.PaymentId == "pm_good"));
        if (license.AutoRenew && license.PriceUsd is not null && pays && random.Next(2) == 0) reliable.Add(license.SubscriptionId);
    }

    private void Disturb()
    {
        memory.IsWalletLocked = () => random.Next(10) == 0;
        for (var steps = random.Next(60, 240); steps > 0; steps--)
        {
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
                    Deliver();
                    break;
                case < 96:
                    Arrive();
                    break;
                default:
                    Act();
                    break;
            }
        }
    }

    // The faults stop, and every renewal must finish without an operator. Half of the webhooks never arrive.
    private void Settle()
    {
        // No worker ran for a week after the grace, or the first one ran after it, so the license is lost.
        reliable.RemoveWhere(id => memory.Renewals.All(renewal => renewal.SubscriptionId != id)
            && memory.Licenses[id].ExpiresAt + policy.Grace is var lapsedAt
            && (lapsedAt + RenewalPolicy.CatchUp <= clock.Now || lapsedAt <= (memory.LastOpened ?? clock.Now)));
        gateway.FaultRate = 0;
        memory.IsWalletLocked = () => false;
        Finish();
        while (gateway.Delayed.Count > 0) Arrive();
        var end = Later(clock.Now, lastExpiry) + TimeSpan.FromDays(14);
        for (var ticks = 0; ; ticks++)
        {
            if (ticks > 300)
            {
                violations.Add("the renewals do not terminate");
                return;
            }

            foreach (var intent in gateway.Intents.Values) gateway.Process(intent, random.Next(2) == 0);
            if (random.Next(2) == 0) Deliver();
            scheduler.Start("worker 0", () => run.RunAsync(CancellationToken.None));
            Finish();
            if (clock.Now > end && !memory.Renewals.Any(renewal => renewal.IsChargeOpen)) return;
            clock.Now = Later(clock.Now + TimeSpan.FromHours(6), Earlier(NextMoment(), clock.Now + TimeSpan.FromDays(2)));
        }
    }

    // The next time at which something is due, or a lease ends.
    private DateTimeOffset NextMoment()
    {
        var next = DateTimeOffset.MaxValue;
        foreach (var renewal in memory.Renewals)
            if (renewal.NextActionAt is { } at) next = Earlier(next, at > clock.Now ? at : clock.Now + ProcessRenewal.Lease);
        return next;
    }

    private void Check()
    {
        foreach (var license in memory.Licenses.Values) Check(license);
        foreach (var renewal in memory.Renewals) Check(renewal);
        foreach (var (subscription, action, reason) in memory.Audit)
            if (action == "renewal.paid_twice") violations.Add($"{subscription} paid twice: {reason}");
    }

    private void Check(Renewal renewal)
    {
        var charged = gateway.Charges.ContainsKey(renewal.RenewalId);
        var booked = renewal is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card };
        if (charged != booked) violations.Add($"renewal {renewal.RenewalId}: {renewal.Status} with {renewal.PaidWith}, charges: {charged}");
        if (renewal is { Status: RenewalStatus.Applied, Type: RenewalType.Auto, AmountUsd: > 0 } && !agreed.ContainsKey(renewal.RenewalId)
            && !memory.Mails.Contains($"upcoming_renewal:{renewal.SubscriptionId}:{renewal.PeriodStart.ToUnixTimeSeconds()}"))
            violations.Add($"renewal {renewal.RenewalId} was paid automatically without a notice");
        if (renewal.IsChargeOpen) violations.Add($"renewal {renewal.RenewalId} is still {renewal.Status}");
        if (renewal.NextActionAt <= clock.Now)
            violations.Add($"renewal {renewal.RenewalId} was due at {renewal.NextActionAt:u} and was not processed");
    }

    private void Check(MemoryLicense license)
    {
        var applied = memory.Renewals
            .Where(renewal => renewal.SubscriptionId == license.SubscriptionId && renewal.Status is RenewalStatus.Applied).ToList();
        var fromWallet = applied.Where(renewal => renewal.PaidWith is PaidWith.Wallet).Sum(renewal => renewal.AmountUsd!.Value);
        var id = license.SubscriptionId;
        if (license.PaidPeriods.Count != applied.Count)
            violations.Add($"{id}: {license.PaidPeriods.Count} periods, {applied.Count} payments");
        if (license.WalletUsd != deposited[id] - fromWallet) violations.Add($"{id}: the wallet does not balance");
        if (license.Ledger.Sum() != -fromWallet) violations.Add($"{id}: the ledger does not balance");
        if (memory.History.Values.Count(row => row.Status == "success") < applied.Count)
            violations.Add($"{id}: a success is not in the history");
        if (license.ExpiresAt + policy.Grace <= clock.Now && license.IsTokenActive)
            violations.Add($"{id} expired at {license.ExpiresAt:u} and was not processed");
        if (reliable.Contains(id) && applied.Count == 0)
            violations.Add($"{id} was always able to pay and was not renewed");
    }

    // No license may be suspended while money may have moved.
    private void OnSuspended(MemoryLicense license)
    {
        Trace(() => $"suspended {license.SubscriptionId}");
        foreach (var renewal in memory.Renewals)
        {
            if (renewal.SubscriptionId != license.SubscriptionId) continue;
            if (renewal.IsChargeOpen) violations.Add($"{license.SubscriptionId} was suspended while its renewal was {renewal.Status}");
            if (gateway.Charges.ContainsKey(renewal.RenewalId) && renewal.Status is not RenewalStatus.Applied)
                violations.Add($"{license.SubscriptionId} was suspended although it was charged");
        }
    }

    // The license must be served, and the amount must be the price that was read, or one that the customer paid or agreed to.
    private void OnCharge(RenewalFacts claimed, RenewalChange change)
    {
        var renewal = change.After;
        var amount = change.Payment?.AmountUsd ?? renewal.Attempt!.Request.AmountMinor / 100m;
        if (claimed.License.Block is { } block) violations.Add($"renewal {renewal.RenewalId} is charged although {block}");
        if (change.Payment is null && !renewal.Attempt!.OpensIntent) return;
        if (amount != claimed.PriceUsd) violations.Add($"renewal {renewal.RenewalId} is charged {amount} at a price of {claimed.PriceUsd}");
        if (amount > claimed.LastPaidUsd && !(agreed.GetValueOrDefault(renewal.RenewalId) >= amount))
            violations.Add($"renewal {renewal.RenewalId} is charged {amount} after {claimed.LastPaidUsd} without a consent");
    }

    private void Tick(int worker)
    {
        var name = $"worker {worker}";
        foreach (var strand in scheduler.Strands)
            if (strand.Name == name) return;
        Trace(() => $"{name} starts");
        scheduler.Start(name, random.Next(4) > 0
            ? () => run.RunAsync(CancellationToken.None)
            : () => run.ReconcileAsync(CancellationToken.None));
    }

    private void Resume(Scheduler.Strand strand)
    {
        Trace(() => $"{strand.Name} continues");
        scheduler.Resume(strand);
        if (strand.Task!.IsCompleted) delivering.Remove(strand);
        foreach (var renewal in memory.Renewals)
        {
            if (renewal.IsChargeOpen
                && !(memory.Licenses[renewal.SubscriptionId].GraceUntil >= renewal.PeriodStart + Renewal.Period))
                violations.Add($"{renewal.SubscriptionId} has no grace while its renewal is {renewal.Status}");
        }
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

    private void Deliver()
    {
        if (gateway.Events.Count == 0) return;
        var index = random.Next(gateway.Events.Count);
        var received = gateway.Events[index];
        var fate = random.Next(10);
        if (fate > 1) gateway.Events.RemoveAt(index);
        if (fate == 9) return;
        Trace(() => $"webhook {received.EventId} {received.Fact}");
        if (received.Fact is PaymentFact.IntentChanged { Intent.IntentId: { } intent }) gateway.Heard(intent);
        var strand = scheduler.Start("webhook", () => AcknowledgeAsync(received));
        if (!strand.Task!.IsCompleted) delivering[strand] = received;
    }

    // An event that could not be settled is not acknowledged, so it is delivered again.
    private async Task AcknowledgeAsync(PaymentEvent received)
    {
        try
        {
            await apply.RunAsync(received, CancellationToken.None);
        }
        catch (InvalidOperationException unsettled) when (unsettled.Message.EndsWith("could not be applied.", StringComparison.Ordinal))
        {
            gateway.Events.Add(received);
        }
    }

    private void Arrive()
    {
        if (gateway.Delayed.Count == 0) return;
        var index = random.Next(gateway.Delayed.Count);
        var call = gateway.Delayed[index];
        gateway.Delayed.RemoveAt(index);
        Trace(() => "a delayed call arrives");
        call();
    }

    private void Act()
    {
        var license = memory.Licenses.Values.ElementAt(random.Next(memory.Licenses.Count));
        if (reliable.Contains(license.SubscriptionId)) return;
        var act = random.Next(15);
        Trace(() => $"{license.SubscriptionId} act {act}");
        switch (act)
        {
            case 0:
                license.AutoRenew = !license.AutoRenew;
                break;
            case 1:
                license.Card = license.Card is { } renewed && random.Next(3) == 0
                    ? renewed with { ChangedAt = clock.Now }
                    : new SavedCard(NewId(), "stripe", random.Next(4) == 0 ? "cus_2" : "cus_1", Cards[random.Next(Cards.Length)]);
                memory.CardsChanged(license);
                break;
            case 2:
                var amount = random.Next(10, 60);
                license.WalletUsd += amount;
                deposited[license.SubscriptionId] += amount;
                break;
            case 3:
                memory.Hold(license, !license.IsHeldByOperator);
                break;
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
            case 8:
                foreach (var intent in gateway.Intents.Values.Where(
                    intent => intent.Request.SubscriptionId == license.SubscriptionId))
                    gateway.TakeBack(intent);
                break;
            case 9:
                MoveExpiry(license);
                break;
            case 10:
                foreach (var renewal in memory.Renewals.Where(
                    renewal => renewal.SubscriptionId == license.SubscriptionId && renewal.IntentId is not null))
                    Decide(renewal);
                break;
            case 11:
                foreach (var renewal in memory.Renewals.Where(renewal => renewal.SubscriptionId == license.SubscriptionId))
                    scheduler.Start("consent", () => ConsentToPriceAsync(renewal.RenewalId));
                break;
            case 12:
                license.OtherBlock = random.Next(4) switch
                {
                    0 => RenewalBlock.AccountClosed,
                    1 => RenewalBlock.PausedToxic,
                    _ => null,
                };
                break;
            case 13:
                license.PriceUsd = Math.Max(10, (license.PriceUsd ?? 0) - 10);
                break;
            default:
                scheduler.Start("customer", () => RenewAsync(license));
                break;
        }
    }

    private async Task RenewAsync(MemoryLicense license)
    {
        var paidBefore = memory.Renewals.Where(renewal =>
            renewal.SubscriptionId == license.SubscriptionId && renewal.Status is RenewalStatus.Applied
            && renewal.PeriodStart == license.ExpiresAt).Select(renewal => renewal.RenewalId).ToList();
        var renewed = await renew.RunAsync(license.SubscriptionId, Actor.Owner(license.UserId), request: null, CancellationToken.None);
        if (renewed.Refusal is null && paidBefore.Contains(renewed.Value.RenewalId))
            violations.Add($"{license.SubscriptionId} is told to be renewed by a period that the platform took back");
    }

    // The platform moves the expiry, perhaps back to the start of a paid period, or removes it.
    private void MoveExpiry(MemoryLicense license)
    {
        if (license.PaidPeriods.Count > 0 && random.Next(3) == 0)
        {
            license.ExpiresAt = license.PaidPeriods[random.Next(license.PaidPeriods.Count)].From;
            return;
        }

        license.ExpiresAt = random.Next(10) == 0 ? null : license.ExpiresAt + TimeSpan.FromHours(random.Next(-20 * 24, 20 * 24));
        if (license.ExpiresAt > lastExpiry) lastExpiry = license.ExpiresAt.Value;
    }

    // An operator checks the provider's dashboard now, and answers some time later.
    private void Decide(Renewal renewal)
    {
        var paid = gateway.Intents[renewal.IntentId!].State as ChargeOutcome.Succeeded;
        gateway.Heard(renewal.IntentId!);
        scheduler.Start("operator", () => resolve.RunAsync(
            renewal.RenewalId,
            new RenewalDecision(paid is not null, "looked up", paid?.TransactionId),
            Actor.Operator(NewId()),
            CancellationToken.None));
    }

    private async Task ConsentToPriceAsync(Guid renewalId)
    {
        var facts = await store.FindAsync(renewalId, CancellationToken.None);
        agreed[renewalId] = Math.Max(agreed.GetValueOrDefault(renewalId), facts!.Renewal.AmountUsd ?? 0);
        if (RenewalRequests.ConsentToPrice(facts.Renewal, facts.Renewal.AmountUsd, clock.Now) is { } accepted)
            await store.SaveAsync(accepted, new RenewalWriter(Lease: null), CancellationToken.None);
    }

    private void Advance(TimeSpan by)
    {
        clock.Now += by;
        Trace(() => $"the clock shows {clock.Now:u}");
    }

    private Guid NewId() => new(++ids, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private void Trace(Func<string> line)
    {
        if (trace is null) return;
        var states = memory.Renewals.Select(renewal =>
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
        if (logLevel >= LogLevel.Error) violations.Add($"{formatter(state, exception)}: {exception}");
    }
}
