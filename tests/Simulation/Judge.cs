using Licensing.Renewals;

namespace Simulation;

/// <summary>
/// Checks a schedule by what happened at the gateway, on the platform and to the customers. It reads rows as data, but uses no rule,
/// constant or property of the code, because a fault in those must be noticed here.
/// </summary>
internal sealed class Judge(ScheduleGateway gateway, Scheduler scheduler, ScheduleClock clock, bool renewsPaused, Action<string> violation)
{
    private const decimal SmallestCharge = 0.50m;
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);
    private static readonly TimeSpan Period = TimeSpan.FromDays(30);
    private static readonly TimeSpan LateWindow = TimeSpan.FromDays(8);
    private static readonly TimeSpan LongestNotice = TimeSpan.FromDays(15);
    private static readonly TimeSpan Step = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private Dictionary<Guid, Customer> customers = [];
    private Dictionary<string, (int Number, ReversalState State, DateTimeOffset At)> told = [];
    private HashSet<string> credited = [];
    private readonly HashSet<string> refundedCases = [];
    private readonly Dictionary<(Guid RenewalId, object? Worker), Seen> seen = [];
    private readonly Dictionary<string, DateTimeOffset> confirmed = [];
    private readonly Dictionary<Guid, HashSet<(string Intent, string Card)>> nextTried = [];
    private readonly HashSet<Guid> decided = [];
    private readonly HashSet<Guid> lapsed = [];
    private readonly Dictionary<Guid, (int Count, DateTimeOffset? LastAt)> announced = [];
    private readonly Dictionary<object, decimal> agreeing = [];
    private readonly Dictionary<Guid, DateTimeOffset> bookedAt = [];
    private readonly Dictionary<string, DateTimeOffset> wholeAt = [];
    private readonly Dictionary<string, long> refundedTotals = [];

    public IWorld World { get; set; } = null!;

    /// <summary>A backup was restored: some charges are forgotten, so that some rules don't hold for them.</summary>
    public bool WasRestored { get; private set; }

    /// <summary>What a customer and the platform did about a license.</summary>
    private sealed record Customer
    {
        public decimal DepositedUsd { get; set; }
        public decimal? SubscribedUsd { get; init; }
        public bool WantsAutoRenewal { get; set; }
        public DateTimeOffset? SwitchedAt { get; set; }

        public bool HasChangedCards { get; set; }

        /// <summary>The customer requested a renewal.</summary>
        public bool HasAsked { get; set; }

        /// <summary>The platform moved the expiry, or deleted the token.</summary>
        public bool WasMoved { get; set; }

        public bool HadLapsed { get; init; }
        public bool IsReliable { get; set; }
        public bool IsActive { get; set; } = true;
        /// <summary>An operator or the platform did not serve the license for some time.</summary>
        public bool WasBlocked { get; set; }

        public Dictionary<Guid, decimal> Agreed { get; init; } = [];
    }

    /// <summary>What was true when a worker claimed a renewal.</summary>
    private sealed record Seen(
        decimal? PriceUsd, decimal? LastPaidUsd, RenewalBlock? Block, bool AutoRenew, bool IsDisputed, bool HasLost, bool IsEarly,
        bool IsRetry);

    /// <summary>A renewal and its license before a transaction.</summary>
    internal sealed record State(Renewal? Renewal, DateTimeOffset? ExpiresAt);

    public void Added(MemoryLicense license, bool isReliable) => customers.Add(license.SubscriptionId, new Customer
    {
        DepositedUsd = license.WalletUsd,
        SubscribedUsd = license.LastPaidUsd,
        WantsAutoRenewal = license.AutoRenew,
        HadLapsed = license.ExpiresAt + Grace <= clock.Now,
        IsReliable = isReliable,
    });

    /// <summary>Whether the customer can always pay, so that the license must not end.</summary>
    public bool IsReliable(Guid subscriptionId) => customers[subscriptionId].IsReliable;

    /// <summary>No worker ran in time, so the license may end.</summary>
    public void IsLost(Guid subscriptionId) => customers[subscriptionId].IsReliable = false;

    public void Deposited(MemoryLicense license, decimal amount) => customers[license.SubscriptionId].DepositedUsd += amount;

    public void Switched(MemoryLicense license) =>
        (customers[license.SubscriptionId].WantsAutoRenewal, customers[license.SubscriptionId].SwitchedAt) = (license.AutoRenew, clock.Now);

    public void Asked(MemoryLicense license) => customers[license.SubscriptionId].HasAsked = true;

    public void Moved(MemoryLicense license) => customers[license.SubscriptionId].WasMoved = true;

    public void Held(MemoryLicense license)
    {
        var customer = customers[license.SubscriptionId];
        (customer.IsActive, customer.WasBlocked) = (license.IsTokenActive, true);
    }

    /// <summary>The platform suspended the subscription, or reinstated it.</summary>
    public void Suspended(MemoryLicense license) => customers[license.SubscriptionId].WasBlocked = true;

    /// <summary>An operator decided about an unknown charge; the judge can't check that decision.</summary>
    public void Decided(Renewal renewal) => decided.Add(renewal.RenewalId);

    /// <summary>An operator has put the charge of a case into the customer's wallet.</summary>
    public void Credited(PaymentCase concern)
    {
        var intent = gateway.Intents.Values.First(
            one => one.Id == concern.Subject || one.Charge?.TransactionId == (concern.TransactionId ?? concern.Subject));
        intent.WentBack = true;
        if (!credited.Add(intent.Id)) violation($"{intent.Id} was credited twice");
        if (intent.Charge is not { } charge || charge.AmountMinor != concern.AmountMinor)
            violation($"{intent.Id}: {concern.AmountMinor} cents are credited");
        if (intent.Returns.Exists(one => told.TryGetValue(one.Id, out var heard)
            && heard.State is not (ReversalState.Failed or ReversalState.Won))) violation($"{intent.Id} is credited and goes back");
        customers[intent.Request.SubscriptionId].DepositedUsd += concern.AmountMinor!.Value / 100m;
    }

    public void Agreed(Renewal renewal, decimal amountUsd)
    {
        var agreed = customers[renewal.SubscriptionId].Agreed;
        agreed[renewal.RenewalId] = Math.Max(agreed.GetValueOrDefault(renewal.RenewalId), amountUsd);
    }

    /// <summary>The running strand is the request of a customer who agrees to this price.</summary>
    public void AgreesTo(decimal? amountUsd)
    {
        if (amountUsd is { } amount) agreeing[scheduler.Running!] = amount;
    }

    /// <returns>Restores what the platform and its customers know.</returns>
    public Action Backup()
    {
        var (copies, heard) = (Copy(customers), new Dictionary<string, (int, ReversalState, DateTimeOffset)>(told));
        var given = credited.ToList();
        return () =>
        {
            (customers, told, credited, WasRestored) = (Copy(copies), new(heard), [.. given], true);
            refundedCases.Clear();
            foreach (var customer in customers.Values) customer.IsReliable = false;
        };
    }

    private static Dictionary<Guid, Customer> Copy(Dictionary<Guid, Customer> customers) =>
        customers.ToDictionary(pair => pair.Key, pair => pair.Value with { Agreed = new(pair.Value.Agreed) });

    public void Claimed(Renewal renewal)
    {
        if (scheduler.Running is { } request && agreeing.TryGetValue(request, out var agreed)) Agreed(renewal, agreed);
        var license = World.Licenses[renewal.SubscriptionId];
        var customer = customers[renewal.SubscriptionId];
        var block = license.OtherBlock is RenewalBlock.PausedToxic or RenewalBlock.LockedNoFunds && renewsPaused
            ? null
            : license.OtherBlock;
        if (license.IsHeldByOperator || license.IsSuspendedByPlatform) block = RenewalBlock.LicenseSuspended;
        customer.WasBlocked |= block is not null;
        // An operator decides about a dispute in another currency.
        var disputes = gateway.Intents.Values
            .Where(intent => intent.Request.SubscriptionId == renewal.SubscriptionId
                && intent is { IsForgotten: false, Charge.Currency: "usd" })
            .SelectMany(intent => intent.Returns).Where(one => one.Kind is ReversalKind.Dispute && told.ContainsKey(one.Id))
            .Select(one => told[one.Id]).ToList();
        seen[(renewal.RenewalId, scheduler.Running)] = new Seen(
            license.PriceUsd, LastPaid(renewal.SubscriptionId) is { } last ? last.AmountUsd : customer.SubscribedUsd, block,
            license.AutoRenew,
            disputes.Exists(one => one.State is ReversalState.Open),
            disputes.Exists(one => one.State is ReversalState.Lost && !(customer.SwitchedAt >= one.At)),
            license.IsGone || !(license.ExpiresAt - TimeSpan.FromDays(7) <= clock.Now),
            renewal.Status is RenewalStatus.SoftDeclined && scheduler.Running?.Name != "customer");
    }

    // The renewal that paid for the latest period that the customer still has.
    private Renewal? LastPaid(Guid subscriptionId) => World.Renewals
        .Where(one => one.SubscriptionId == subscriptionId && one.Status is RenewalStatus.Applied)
        .OrderBy(one => one.PaidUntil > one.PaidFrom).ThenBy(one => one.PaidFrom).ThenBy(one => one.PeriodStart).LastOrDefault();

    /// <summary>The gateway was asked to charge a card.</summary>
    public void Confirmed(ScheduleGateway.Intent intent, ChargeRequest request)
    {
        if (intent.Charge is null) confirmed[intent.Id] = clock.Now;
        IsTheNextCardAllowed(intent, request);
        if (gateway.Intents.Values.Any(one => one != intent && IsKnownToPay(one, request.RenewalId)))
            violation($"{request.RenewalId} is charged by {intent.Id} although another charge of it succeeded");
        if (gateway.Intents.Values.Any(one => one.Request.SubscriptionId == request.SubscriptionId && IsUnbooked(one)))
            violation($"{request.RenewalId} is charged while a charge of its license is not booked");
        if (SeenBy(request.RenewalId) is not { } known) return;
        MayPay(request.RenewalId, request.SubscriptionId, known);
        if (customers[request.SubscriptionId] is { HasAsked: false, WasBlocked: false } && !WasRestored
            && lapsed.Contains(request.RenewalId)
            && World.Licenses[request.SubscriptionId].ExpiresAt + Grace + LateWindow < clock.Now)
            violation($"{request.RenewalId} lapsed long ago and is charged without a request");
        // A paid intent can't be charged again.
        if (intent.Charge is not null || !(known.IsRetry || Find(request.RenewalId) is { Type: RenewalType.Auto })) return;
        if (known.IsDisputed) violation($"{request.RenewalId} is charged automatically while a charge is disputed");
        if (known.HasLost && !WasRestored) violation($"{request.RenewalId} is charged automatically after a lost dispute");
    }

    // Also after a restore: no attempt begins before the events of the lost time are read. An operator decides about a charge that can't
    // be booked, and about one of two.
    private bool IsKnownToPay(ScheduleGateway.Intent intent, Guid renewalId) =>
        intent.Request.RenewalId == renewalId && intent is { Charge: not null, WentBack: false }
        && !decided.Contains(renewalId)
        && CaseOf(intent) is not { Reason: not PaymentCaseReason.PaidTwice };

    // The next payment method is tried only after a permanent decline, and once, unless the customer asks for another attempt.
    private void IsTheNextCardAllowed(ScheduleGateway.Intent intent, ChargeRequest request)
    {
        if (!request.PaymentId.StartsWith("next_", StringComparison.Ordinal)) return;
        if (!gateway.WasHardDeclined(request.RenewalId))
            violation($"{request.RenewalId} is charged to the next method, and no other was declined");
        if (!nextTried.TryGetValue(request.RenewalId, out var tried)) nextTried[request.RenewalId] = tried = [];
        tried.Add((intent.Id, request.PaymentId));
        // A restored database doesn't know a declined attempt from after the backup. If the license was not served meanwhile, the intent of
        // an attempt was canceled before its decline was known.
        if (tried.Count > 1 && !WasRestored
            && customers[request.SubscriptionId] is { HasAsked: false, HasChangedCards: false, WasBlocked: false })
            violation($"{request.RenewalId} is charged to the next method {tried.Count} times");
    }

    /// <summary>The customer saved another method, or changed what may be tried.</summary>
    public void CardsChanged(MemoryLicense license) => customers[license.SubscriptionId].HasChangedCards = true;

    /// <summary>When the renewal's latest attempt began.</summary>
    public DateTimeOffset? BeganAt(Guid renewalId) => Find(renewalId)?.Attempt?.FirstSentAt;

    private Seen? SeenBy(Guid renewalId) => seen.GetValueOrDefault((renewalId, scheduler.Running));

    private void MayPay(Guid renewalId, Guid subscriptionId, Seen known)
    {
        var customer = customers[subscriptionId];
        if (known.IsEarly) violation($"renewal {renewalId} is charged long before the license expires");
        if (known.Block is { } block) violation($"renewal {renewalId} is charged although {block}");
        if (!known.AutoRenew && !customer.HasAsked) violation($"renewal {renewalId} is charged without a request");
        if (customer is { HadLapsed: true, HasAsked: false, WasMoved: false })
            violation($"{renewalId} had lapsed and is charged without a request");
    }

    public State Before(Guid renewalId)
    {
        var renewal = Find(renewalId);
        return new State(renewal, renewal is null ? null : World.Licenses[renewal.SubscriptionId].ExpiresAt);
    }

    /// <summary>A change was committed: a charge begins, or the license is extended.</summary>
    public void Saved(State before, RenewalChange change)
    {
        var after = change.After;
        if (change.Withdrawn is not null) NoticesOf(after);
        if (after.Attempt is { Status: AttemptStatus.Sent } attempt && attempt.AttemptId != before.Renewal?.Attempt?.AttemptId)
        {
            IsTheRightPrice(after, attempt.Request.AmountMinor / 100m);
            IsAnnounced(after, begins: true);
        }

        if (change.Payment is not { } payment) return;

        bookedAt[after.RenewalId] = clock.Now;
        // After a restore, a charge that the backend forgot may pay the renewal while the outcome of a new charge is open. The row has only
        // one intent. If the other intent succeeds as well, its webhook opens a case, and that is checked.
        if (WasRestored && payment.With is PaidWith.Card)
            foreach (var id in gateway.Unanswered.Where(id => gateway.Intents[id].Request.RenewalId == after.RenewalId).ToList())
                gateway.Heard(id);
        var customer = customers[after.SubscriptionId];
        var license = World.Licenses[after.SubscriptionId];
        if (payment.With is not PaidWith.Card && SeenBy(after.RenewalId) is { } known)
        {
            MayPay(after.RenewalId, after.SubscriptionId, known);
            IsTheRightPrice(after, payment.AmountUsd);
        }

        if (payment.With is not PaidWith.Card && gateway.Intents.Values.FirstOrDefault(intent => CanStillCharge(intent, after)) is { } open)
            violation($"renewal {after.RenewalId} is paid in another way while {open.Id} can still be charged");

        if (payment.With is PaidWith.Card) IsAnnounced(after, begins: false);
        IsExtended(before, after, license, customer);
    }

    // The mail about an automatic charge comes with the charge, or in the weeks before it.
    private void IsAnnounced(Renewal renewal, bool begins)
    {
        var notice = NoticesOf(renewal);
        if (renewal is not { Type: RenewalType.Auto, AmountUsd: > 0 } || WasRestored) return;
        if (notice.LastAt is null && !customers[renewal.SubscriptionId].Agreed.ContainsKey(renewal.RenewalId))
            violation($"renewal {renewal.RenewalId} was paid automatically without a notice");
        if (begins && clock.Now - notice.LastAt > LongestNotice)
            violation($"renewal {renewal.RenewalId} is charged long after its notice of {notice.LastAt:u}");
    }

    // A notice that was not sent yet is withdrawn with the outcome, so the count may fall.
    private (int Count, DateTimeOffset? LastAt) NoticesOf(Renewal renewal)
    {
        var count = World.NoticesOf(renewal.SubscriptionId, renewal.PeriodStart);
        var before = announced.GetValueOrDefault(renewal.RenewalId);
        return announced[renewal.RenewalId] = (count, count > before.Count ? clock.Now : before.LastAt);
    }

    private bool CanStillCharge(ScheduleGateway.Intent intent, Renewal paid) =>
        intent.Request.RenewalId == paid.RenewalId && intent is { IsForgotten: false, IsMissing: false }
        && !decided.Contains(paid.RenewalId)
        && (intent.State is ChargeOutcome.NeedsAuthentication or ChargeOutcome.Processing || gateway.Unanswered.Contains(intent.Id));

    // The customer gets 30 days after the old expiry, or from now on if they paid after the grace.
    private void IsExtended(State before, Renewal after, MemoryLicense license, Customer customer)
    {
        var (askedAt, paidAt) = after.PaidWith is PaidWith.Card && confirmed.TryGetValue(after.IntentId ?? "", out var at)
            ? (at, gateway.Intents[after.IntentId!].ChargedAt)
            : (clock.Now, clock.Now);
        if (before.ExpiresAt is not { } old || license.ExpiresAt is not { } now) return;
        if (WasRestored || decided.Contains(after.RenewalId)) return;
        // A dispute that was reported before the success may already have taken a part back.
        if (after.IntentId is { } paidIntent && gateway.Intents.TryGetValue(paidIntent, out var intent) && intent.Returns.Count > 0) return;
        // If the platform moved the expiry back since the charge began, the paid period is still the requested one.
        var start = old > after.PeriodStart ? old : after.PeriodStart;
        var late = now - Period;
        var isLate = late <= clock.Now && late >= askedAt - Step && paidAt >= start + Grace - TimeSpan.FromDays(1);
        var isWrong = now == start + Period
            ? askedAt >= start + Grace + TimeSpan.FromDays(1) + Step
            : !isLate && after.Attempts < 2;
        if (isWrong)
            violation($"renewal {after.RenewalId}, paid at {paidAt:u}, moved the expiry from {old:u} to {now:u}");
        if (now < old) violation($"renewal {after.RenewalId} moved the expiry back");
    }

    // The price of the platform, or that of an intent that can still be charged; not more than the customer paid last or agreed to.
    private void IsTheRightPrice(Renewal renewal, decimal amount)
    {
        if (SeenBy(renewal.RenewalId) is not { } known) return;
        var isFrozen = gateway.Intents.Values.Any(intent => intent.Request.RenewalId == renewal.RenewalId
            && (intent.Id == renewal.IntentId || intent.State is not ChargeOutcome.Canceled) && intent.Request.AmountMinor == amount * 100);
        // A charge includes amounts that were too small for a card before.
        var open = Deferred(renewal.SubscriptionId);
        if (amount != known.PriceUsd && amount != known.PriceUsd + open && !isFrozen)
            violation($"renewal {renewal.RenewalId} is charged {amount} at a price of {known.PriceUsd}, and {open} was deferred");
        if (amount == known.PriceUsd + open || isFrozen) amount -= open;
        if (amount > known.LastPaidUsd
            && !(customers[renewal.SubscriptionId].Agreed.GetValueOrDefault(renewal.RenewalId) >= amount) && !WasRestored)
            violation($"renewal {renewal.RenewalId} is charged {amount} after {known.LastPaidUsd} without consent");
    }

    /// <summary>What renewals of a license deferred, minus what later payments included.</summary>
    private decimal Deferred(Guid subscriptionId) => World.Renewals
        .Where(one => one.SubscriptionId == subscriptionId && one.Status is RenewalStatus.Applied)
        .Sum(one => one.PaidWith is PaidWith.Deferred ? one.AmountUsd!.Value : -one.DebtsUsd);

    public State Before(PaymentReversal reversal) =>
        World.Renewals.FirstOrDefault(one => one.IntentId == reversal.IntentId && one.Status is RenewalStatus.Applied) is { } renewal
            ? new State(renewal, World.Licenses[renewal.SubscriptionId].ExpiresAt)
            : new State(null, null);

    /// <summary>The backend has acknowledged a refund or a dispute.</summary>
    public void Told(State before, PaymentEvent received, PaymentReversal reversal)
    {
        var number = int.Parse(received.EventId.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture);
        if (reversal.Kind is not ReversalKind.RefundTotal && !(told.GetValueOrDefault(reversal.ProviderId).Number > number))
            told[reversal.ProviderId] = (number, reversal.State, clock.Now);
        LooksWhole(gateway.Intents[reversal.IntentId!], reversal);
        var isWhole = reversal is { Kind: ReversalKind.Refund, State: ReversalState.Succeeded, IntentId: { } refunded }
            && gateway.Intents[refunded] is { Charge: { } charge, Returns.Count: 1 } whole && charge.AmountMinor == reversal.AmountMinor
            && World.Cases.Any(one => one.CanBeCredited && IsAbout(one, whole)) && !IsBooked(whole);
        if (isWhole) refundedCases.Add(reversal.IntentId!);
        if (reversal is { State: ReversalState.Failed, IntentId: { } failed }) refundedCases.Remove(failed);
        if (before is not { Renewal: { PaidUntil: { } until, PaidFrom: { } from } paid, ExpiresAt: { } expiry }) return;
        var license = World.Licenses[paid.SubscriptionId];
        var intent = gateway.Intents[reversal.IntentId!];
        if (license.IsGone || !IsWhollyTold(intent) || intent.Charge!.Currency != "usd") return;
        if (Taken(intent) < intent.Charge.AmountMinor) return;

        // All of it went back: the customer no longer has the time.
        var earliest = clock.Now > from + Second ? clock.Now : from + Second;
        var left = until > earliest ? until - earliest : TimeSpan.Zero;
        var allowed = expiry - left > earliest ? expiry - left : earliest;
        if (license.ExpiresAt is { } now && now > allowed + Second && now > earliest + Second && expiry > earliest)
            violation($"{license.SubscriptionId} keeps until {now:u} what was refunded or lost; it was {expiry:u}");
    }

    // Stores since when the backend knows that everything went back, while that is so. A repeated report doesn't change the time.
    private void LooksWhole(ScheduleGateway.Intent intent, PaymentReversal reversal)
    {
        long Known(params ReversalState[] states) => intent.Returns
            .Where(one => told.TryGetValue(one.Id, out var heard) && states.Contains(heard.State)).Sum(one => one.AmountMinor);
        if (reversal.Kind is ReversalKind.RefundTotal)
            refundedTotals[intent.Id] = Math.Max(refundedTotals.GetValueOrDefault(intent.Id), reversal.AmountMinor);
        if (reversal.State is ReversalState.Failed) refundedTotals.Remove(intent.Id); // the total contains this refund
        var refunded = Math.Max(Known(ReversalState.Pending, ReversalState.Succeeded), refundedTotals.GetValueOrDefault(intent.Id));
        if (refunded + Known(ReversalState.Lost) >= intent.Charge!.AmountMinor) wholeAt.TryAdd(intent.Id, clock.Now);
        else wholeAt.Remove(intent.Id);
    }

    private bool IsWhollyTold(ScheduleGateway.Intent intent) =>
        intent.Returns.TrueForAll(one => told.TryGetValue(one.Id, out var heard) && heard.State == one.State);

    private static long Taken(ScheduleGateway.Intent intent) => intent.Returns.Where(one => one.IsTaken).Sum(one => one.AmountMinor);

    private static long Lost(ScheduleGateway.Intent intent) =>
        intent.Returns.Where(one => one.IsTaken && one.Kind is ReversalKind.Dispute).Sum(one => one.AmountMinor);

    private Renewal? Find(Guid renewalId) => World.Renewals.FirstOrDefault(one => one.RenewalId == renewalId);

    /// <summary>After each step: a license that may have been paid works, and no wallet has less than what is reserved.</summary>
    public void Look()
    {
        foreach (var id in gateway.Unanswered)
        {
            var request = gateway.Intents[id].Request;
            // After a restore, an event about the intent's earlier confirmation may settle the new one.
            if (Find(request.RenewalId) is { } renewal
                && !(WasRestored && renewal.Status is RenewalStatus.Applied or RenewalStatus.NeedsAuthentication
                    or RenewalStatus.SoftDeclined or RenewalStatus.HardDeclined)
                && !decided.Contains(request.RenewalId)
                && !(World.Licenses[request.SubscriptionId].GraceUntil >= renewal.PeriodStart + Period))
                violation($"{request.SubscriptionId} has no grace while the outcome of {id} is open");
        }

        foreach (var renewal in World.Renewals)
            if (renewal.Status is RenewalStatus.Lapsed) lapsed.Add(renewal.RenewalId);
        foreach (var license in World.Licenses.Values)
        {
            var customer = customers[license.SubscriptionId];
            if (license.WalletUsd < license.ReservedUsd) violation($"{license.SubscriptionId} has spent what is reserved");
            if (customer.IsActive && !license.IsTokenActive && !license.IsGone) Suspended(license, customer);
            customer.IsActive = license.IsTokenActive;
        }
    }

    // No license is suspended before its grace ends, or while money may have moved.
    private void Suspended(MemoryLicense license, Customer customer)
    {
        var id = license.SubscriptionId;
        if (license.ExpiresAt + Grace > clock.Now) violation($"{id} was suspended, but expires at {license.ExpiresAt:u}");
        foreach (var intent in gateway.Intents.Values)
        {
            if (intent.Request.SubscriptionId != id) continue;
            if (IsUnbooked(intent)) violation($"{id} was suspended while a charge of it is not booked");
            if (intent.IsForgotten) continue;
            if (gateway.Unanswered.Contains(intent.Id)) violation($"{id} was suspended while the outcome of {intent.Id} is open");
            // An operator may have decided "not paid" before the bank charged.
            if (intent is { Charge: not null, IsMissing: false } && !IsBooked(intent) && CaseOf(intent) is null
                && !decided.Contains(intent.Request.RenewalId))
                violation($"{id} was suspended although it was charged");
        }
    }

    private bool IsUnbooked(ScheduleGateway.Intent intent) => intent is { Charge: not null, WentBack: false } && !IsBooked(intent)
        && CaseOf(intent) is { Reason: PaymentCaseReason.UnknownRenewal or PaymentCaseReason.NotBooked };

    private bool IsBooked(ScheduleGateway.Intent intent) =>
        World.Renewals.Any(one => one is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card } && one.IntentId == intent.Id);

    // The backend can't read the intent any more, so an operator decides about the charge.
    private bool IsLeftToAPerson(ScheduleGateway.Intent intent) => intent.IsMissing
        && World.Renewals.Any(one => one.IntentId == intent.Id && one.Status is RenewalStatus.Unknown or RenewalStatus.Undecided);

    private bool IsLeftToAPerson(Guid subscriptionId) => World.Renewals.Any(
        one => one.SubscriptionId == subscriptionId && one.IntentId is { } intent && gateway.Intents[intent].IsMissing);

    private PaymentCase? CaseOf(ScheduleGateway.Intent intent) =>
        World.Cases.FirstOrDefault(one => IsAbout(one, intent));

    private static bool IsAbout(PaymentCase concern, ScheduleGateway.Intent intent) =>
        concern.Subject == intent.Id || (concern.TransactionId is { } charge && charge == intent.Charge?.TransactionId);

    /// <summary>Whether the renewal may still change without an operator.</summary>
    public bool IsOpen(Renewal renewal) =>
        renewal.Status is RenewalStatus.Charging or RenewalStatus.Unknown or RenewalStatus.Undecided or RenewalStatus.Succeeded
        && !World.Cases.Any(one => one.RenewalId == renewal.RenewalId)
        && !(renewal.IntentId is { } intent && gateway.Intents[intent].IsMissing);

    /// <summary>At the end: everything is finished, and the books agree with the gateway.</summary>
    public void Check()
    {
        foreach (var intent in gateway.Intents.Values) Check(intent);
        foreach (var renewal in World.Renewals) Check(renewal);
        foreach (var license in World.Licenses.Values) Check(license, customers[license.SubscriptionId]);
        if (World.Successes < World.Renewals.Count(one => one.Status is RenewalStatus.Applied))
            violation("a success is not in the history");
    }

    private void Check(ScheduleGateway.Intent intent)
    {
        var bookings = World.Renewals.Where(one => one is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card }
            && one.IntentId == intent.Id).ToList();
        if (intent.Charge is not { } paid)
        {
            if (bookings.Count > 0) violation($"{intent.Id} is booked, but nothing was charged");
            return;
        }

        if (bookings.Count == 0 && CaseOf(intent) is null && !IsLeftToAPerson(intent))
            violation($"{paid.TransactionId} of {intent.Id} is neither booked nor a case");
        if (credited.Contains(intent.Id))
        {
            if (bookings.Count > 0) violation($"{intent.Id} is booked, although the customer has the money in the wallet");
            if (intent.Returns.Exists(one => told[one.Id].State is not (ReversalState.Failed or ReversalState.Won)) && !World.Cases.Any(
                one => one.Reason is PaymentCaseReason.CreditedAndReversed && one.TransactionId == paid.TransactionId))
                violation($"{intent.Id} is credited and goes back, and there is no case");
        }

        if (refundedCases.Contains(intent.Id) && bookings.Count > 0) violation($"{intent.Id} is booked, although its case was refunded");
        if ((credited.Contains(intent.Id) || refundedCases.Contains(intent.Id))
            && World.Renewals.FirstOrDefault(one => one.IntentId == intent.Id) is { } waiting)
            violation($"renewal {waiting.RenewalId} still waits for {intent.Id}, which went back to the customer");
        if (bookings.Count > 1) violation($"{intent.Id} is booked {bookings.Count} times");
        if (bookings.Count == 0) return;
        var booked = bookings[0].AmountUsd + bookings[0].DebtsUsd;
        if (booked * 100 != paid.AmountMinor && !decided.Contains(bookings[0].RenewalId))
            violation($"{intent.Id}: {booked} USD booked, {paid.AmountMinor} cents charged");
        if (paid.Currency != "usd" && !decided.Contains(bookings[0].RenewalId)) violation($"{intent.Id} was charged in {paid.Currency}");
        CheckTime(intent, bookings[0], World.Licenses[intent.Request.SubscriptionId]);
    }

    // What refunds and disputes left of the period.
    private void CheckTime(ScheduleGateway.Intent intent, Renewal booked, MemoryLicense license)
    {
        var customer = customers[license.SubscriptionId];
        if (WasRestored || license.IsGone || intent.Charge!.Currency != "usd") return;
        var later = World.Renewals.Any(one => one.SubscriptionId == booked.SubscriptionId && one.Status is RenewalStatus.Applied
            && one.RenewalId != booked.RenewalId && one.PaidUntil > one.PaidFrom
            && (one.PaidFrom > booked.PaidFrom || booked.PaidUntil <= booked.PaidFrom));
        var (kept, taken, lost) = (booked.PaidUntil - booked.PaidFrom, Taken(intent), Lost(intent));
        if (!later && taken >= intent.Charge.AmountMinor && license.AutoRenew
            && !(customer.SwitchedAt >= wholeAt[intent.Id]))
            violation($"{license.SubscriptionId} is renewed automatically after all of {intent.Id} went back");
        // If the payment of another period went back, the rest of that period was taken from the expiry. Then this row doesn't tell what
        // the customer has.
        var isShifted = gateway.Intents.Values.Any(one => one != intent && one.Request.SubscriptionId == license.SubscriptionId
            && IsBooked(one) && Taken(one) > 0);
        if (later || customer.WasMoved || isShifted) return;
        if (taken == 0 && kept < Period) violation($"{intent.Id}: nothing went back, but {kept} are left");
        if (lost == 0 && taken < intent.Charge.AmountMinor && kept < Period)
            violation($"{intent.Id}: a part was refunded, but {kept} are left");
        if (lost > 0 && lost == taken && intent.Returns.Count == 1)
        {
            var left = Period * (1 - ((double)lost / intent.Charge.AmountMinor));
            // The dispute may have been reported before the charge was booked.
            var at = told[intent.Returns[0].Id].At;
            var used = (at > bookedAt[booked.RenewalId] ? at : bookedAt[booked.RenewalId]) - booked.PaidFrom!.Value;
            if (kept > (left > used ? left : used) + Second || kept < left - Second)
                violation($"{intent.Id}: {lost} cents were lost, and {kept} are left");
        }

        var disputes = intent.Returns.Where(one => one.Kind is ReversalKind.Dispute);
        if (lost > 0 && license.AutoRenew && !(customer.SwitchedAt >= disputes.Max(one => told[one.Id].At)))
            violation($"{license.SubscriptionId} is renewed automatically after a lost dispute");
        if (taken == 0 && customer.WantsAutoRenewal && !license.AutoRenew && !gateway.Intents.Values.Any(
            one => one != intent && one.Request.SubscriptionId == license.SubscriptionId && one.Returns.Count > 0))
            violation($"{license.SubscriptionId} is no longer renewed automatically, but nothing went back");
    }

    private void Check(Renewal renewal)
    {
        if (renewal is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card } && renewal.IntentId is not { Length: > 0 })
            violation($"renewal {renewal.RenewalId} is booked without an intent");
        if (IsOpen(renewal)) violation($"renewal {renewal.RenewalId} is still {renewal.Status}");
        if (renewal.NextActionAt <= clock.Now)
            violation($"renewal {renewal.RenewalId} was due at {renewal.NextActionAt:u} and was not processed");
    }

    private void Check(MemoryLicense license, Customer customer)
    {
        var id = license.SubscriptionId;
        var applied = World.Renewals.Where(one => one.SubscriptionId == id && one.Status is RenewalStatus.Applied).ToList();
        var fromWallet = applied.Where(one => one.PaidWith is PaidWith.Wallet).Sum(one => one.AmountUsd!.Value + one.DebtsUsd);
        var fromCards = applied.Where(one => one.PaidWith is PaidWith.Card).Sum(one => one.AmountUsd!.Value + one.DebtsUsd);
        var returned = gateway.Intents.Values
            .Where(intent => intent.Request.SubscriptionId == id && IsBooked(intent) && intent.Charge!.Currency == "usd").Sum(Taken) / 100m;
        if (Deferred(id) is < 0 or >= SmallestCharge) violation($"{id}: {Deferred(id)} is deferred");
        if (license.PaidPeriods.Count != applied.Count) violation($"{id}: {license.PaidPeriods.Count} periods, {applied.Count} payments");
        if (license.WalletUsd != customer.DepositedUsd - fromWallet) violation($"{id}: the wallet does not balance");
        if (license.FeesUsd - license.ReturnedUsd != fromWallet + fromCards - returned)
            violation($"{id}: fees of {license.FeesUsd}, returns of {license.ReturnedUsd}; paid {fromWallet + fromCards}, back {returned}");
        if (license.ExpiresAt + Grace <= clock.Now && license is { IsTokenActive: true, IsGone: false }
            && !World.Renewals.Any(one => one.SubscriptionId == id && World.Cases.Any(concern => concern.RenewalId == one.RenewalId))
            && !World.Cases.Any(concern => concern.SubscriptionId == id && concern.Reason is PaymentCaseReason.UnknownRenewal)
            && !IsLeftToAPerson(id))
            violation($"{id} expired at {license.ExpiresAt:u} and was not processed");
        if (customer.IsReliable && applied.Count == 0 && !World.Cases.Any(one => one.SubscriptionId == id) && !IsLeftToAPerson(id))
            violation($"{id} was always able to pay and was not renewed");
    }
}
