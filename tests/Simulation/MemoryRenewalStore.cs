using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Npgsql;

namespace Simulation;

/// <summary>A license with its subscriber, as the memory store keeps it.</summary>
internal sealed record MemoryLicense
{
    public required Guid SubscriptionId { get; init; }
    public required Guid UserId { get; init; }
    public DateTimeOffset? ExpiresAt { get; set; }

    /// <summary>The platform deleted the license's token.</summary>
    public bool IsGone { get; set; }

    public bool AutoRenew { get; set; } = true;
    public bool IsTokenActive { get; set; } = true;
    public bool IsHeldByOperator { get; set; }
    public bool IsSuspendedForExpiry { get; set; }

    /// <summary>The platform suspended the subscription for another cause than its expiry.</summary>
    public bool IsSuspendedByPlatform { get; set; }

    /// <summary>A closed account or a paused subscription.</summary>
    public RenewalBlock? OtherBlock { get; set; }

    /// <summary>Suspensions by an operator; the end of an open one is null.</summary>
    public List<(DateTimeOffset From, DateTimeOffset? Until)> Holds { get; private init; } = [];

    public DateTimeOffset? GraceUntil { get; set; }
    public decimal? PriceUsd { get; set; }

    /// <summary>The price when the customer subscribed; null if it is not known.</summary>
    public decimal? LastPaidUsd { get; set; }

    public decimal WalletUsd { get; set; }

    /// <summary>The part of <see cref="WalletUsd"/> that can't be spent.</summary>
    public decimal ReservedUsd { get; set; }

    /// <summary>The open amounts of deferred renewals.</summary>
    public decimal DebtUsd { get; set; }

    public SavedCard? Card
    {
        get;
        set
        {
            field = value;
            if (value is not null) UsedProviders.Add(value.Provider);
        }
    }

    /// <summary>Another payment method, which the customer allows to be tried after a permanent decline of <see cref="Card"/>.</summary>
    public SavedCard? NextCard
    {
        get;
        set
        {
            field = value;
            if (value is not null) UsedProviders.Add(value.Provider);
        }
    }

    /// <summary>The providers at which the customer has ever saved a payment method.</summary>
    public SortedSet<string> UsedProviders { get; private init; } = [];

    public List<decimal> Ledger { get; private init; } = [];

    /// <summary>All subscription fees of the ledger.</summary>
    public decimal FeesUsd { get; set; }

    /// <summary>All refunds and chargebacks of the ledger.</summary>
    public decimal ReturnedUsd { get; set; }

    public List<(DateTimeOffset From, DateTimeOffset Until)> PaidPeriods { get; private init; } = [];

    public MemoryLicense Copy() => this with
    {
        Holds = [.. Holds],
        Ledger = [.. Ledger],
        PaidPeriods = [.. PaidPeriods],
        UsedProviders = [.. UsedProviders],
    };
}

/// <summary>The renewal store in memory: every method is one transaction. Single-threaded.</summary>
/// <param name="clock">Stands in for the database's clock.</param>
internal sealed class MemoryRenewalStore(TimeProvider clock, Func<Guid> newId) : IRenewalStore
{
    private readonly Dictionary<Guid, Row> rows = [];
    private readonly Dictionary<RenewalRequestKey, Guid> requests = [];
    private readonly HashSet<(string Provider, string Event)> inbox = [];
    private readonly List<Kept> kept = [];
    private readonly Dictionary<Guid, ReversalEffect> effects = [];
    private readonly Dictionary<(PaymentCaseReason Reason, string Subject), CaseDecision> decisions = [];

    private enum CaseDecision
    {
        Applied,
        Credited,
        Refunded,
    }

    private sealed class Kept(KeptReversal reversal)
    {
        public KeptReversal Reversal { get; set; } = reversal;
        public Guid? RenewalId { get; set; }

        public Kept Copy() => new(Reversal) { RenewalId = RenewalId };
    }

    private sealed class Row(Renewal renewal)
    {
        public Renewal Renewal { get; set; } = renewal;
        public DateTimeOffset? LeaseUntil { get; set; }
        public List<DateTimeOffset> AttemptsAt { get; private init; } = [];
        public Dictionary<Guid, RenewalAttempt> Attempts { get; private init; } = [];

        public Row Copy() => new(Renewal) { LeaseUntil = LeaseUntil, AttemptsAt = [.. AttemptsAt], Attempts = new(Attempts) };

        /// <summary>When the method was last declined permanently; null if it was not, or if it has changed since.</summary>
        public DateTimeOffset? DeclinedAt(SavedCard? card)
        {
            DateTimeOffset? latest = null;
            foreach (var attempt in Attempts.Values)
            {
                if (attempt.Status is AttemptStatus.HardDeclined && attempt.PaymentMethodId == card?.PaymentMethodId
                    && !(card.ChangedAt > attempt.FirstSentAt) && !(latest > attempt.FirstSentAt)) latest = attempt.FirstSentAt;
            }

            return latest;
        }
    }

    public Dictionary<Guid, MemoryLicense> Licenses { get; } = [];

    /// <summary>When all due renewals were opened last.</summary>
    public DateTimeOffset? LastOpened { get; private set; }

    public HashSet<string> Mails { get; } = [];

    public Dictionary<Guid, RenewalHistory> History { get; } = [];

    public List<(Guid SubscriptionId, string Action, string? Reason)> Audit { get; } = [];

    /// <summary>What an operator must decide about; one case for each reason and subject.</summary>
    public Dictionary<(PaymentCaseReason Reason, string Subject), PaymentCase> Cases { get; } = [];

    /// <summary>Without those of successes that were booked after all.</summary>
    public IEnumerable<PaymentCase> ShownCases => Cases
        .Where(one => one.Key.Reason is not PaymentCaseReason.NotBooked
            || decisions.GetValueOrDefault(one.Key, CaseDecision.Credited) is not CaseDecision.Applied)
        .Select(one => one.Value);

    public IEnumerable<Renewal> Renewals => rows.Values.Select(row => row.Renewal);

    /// <summary>The providers whose events must be read before anything is charged.</summary>
    public IReadOnlyList<string> UnreadProviders { get; set; } = [];

    /// <summary>Of these, the ones that can't be read for six hours.</summary>
    public IReadOnlyList<string> OverdueProviders { get; set; } = [];

    /// <summary>Accepts writes with an old fence; a deliberate fault.</summary>
    public bool IgnoresFence { get; set; }

    /// <summary>Accepts a second open charge of a license; a deliberate fault.</summary>
    public bool IgnoresOtherCharges { get; set; }

    /// <summary>Opens renewals of licenses that had lapsed before the first run; a deliberate fault.</summary>
    public bool OpensLapsed { get; set; }

    /// <summary>Whether another booking has locked the wallet now.</summary>
    public Func<bool> IsWalletLocked { get; set; } = () => false;

    /// <summary>Whether a save waits too long for a lock.</summary>
    public bool AreRowsLocked { get; set; }

    /// <summary>Called at each suspension for expiry.</summary>
    public Action<MemoryLicense> OnSuspended { get; set; } = _ => { };

    /// <summary>Copies everything that is stored.</summary>
    /// <returns>Restores the copy; as often as it is called.</returns>
    public Action Backup()
    {
        var licenses = Licenses.Values.Select(license => license.Copy()).ToList();
        var copies = rows.Values.Select(row => row.Copy()).ToList();
        var reversals = kept.ConvertAll(one => one.Copy());
        var (requested, heard, changed, decided) = (requests.ToList(), inbox.ToList(), effects.ToList(), decisions.ToList());
        var (mails, audit, cases, history, opened) = (Mails.ToList(), Audit.ToList(), Cases.ToList(), History.ToList(), LastOpened);
        return () =>
        {
            Replace(Licenses, licenses.Select(license => KeyValuePair.Create(license.SubscriptionId, license.Copy())));
            Replace(rows, copies.Select(row => KeyValuePair.Create(row.Renewal.RenewalId, row.Copy())));
            Replace(kept, reversals.Select(one => one.Copy()));
            Replace(requests, requested);
            Replace(inbox, heard);
            Replace(effects, changed);
            Replace(decisions, decided);
            Replace(Mails, mails);
            Replace(Audit, audit);
            Replace(Cases, cases);
            Replace(History, history);
            LastOpened = opened;
        };
    }

    private static void Replace<T>(ICollection<T> stored, IEnumerable<T> copy)
    {
        stored.Clear();
        foreach (var one in copy) stored.Add(one);
    }

    public Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        var opened = 0;
        foreach (var license in Licenses.Values.Where(license => license is { IsGone: false, ExpiresAt: not null }))
            MakeOthersDue(license, now);
        foreach (var license in Licenses.Values)
        {
            if (opened == limit) break;
            if (!NeedsAutoRenewal(license, policy, now)) continue;
            if (OfUnpaid(license.SubscriptionId, license.ExpiresAt!.Value) is { } closed) Reopen(closed, policy, now);
            else Insert(license, license.ExpiresAt.Value, RenewalType.Auto, policy, now);
            opened++;
        }

        if (opened < limit) LastOpened = now;
        return Task.FromResult(opened);
    }

    /// <summary>The customer switches auto-renewal on or off.</summary>
    public void SwitchAutoRenewal(MemoryLicense license)
    {
        license.AutoRenew = !license.AutoRenew;
        foreach (var row in rows.Values.Where(row => row.Renewal.SubscriptionId == license.SubscriptionId && !license.IsGone))
        {
            if (effects.TryGetValue(row.Renewal.RenewalId, out var effect) && effect.StoppedAutoRenewal)
                effects[row.Renewal.RenewalId] = effect with { IsSwitchedSince = true };
        }
    }

    /// <summary>An operator suspends or reinstates the license.</summary>
    public void Hold(MemoryLicense license, bool holds)
    {
        license.IsHeldByOperator = holds;
        if (!license.IsSuspendedForExpiry) license.IsTokenActive = !holds;
        if (holds) license.Holds.Add((clock.GetUtcNow(), null));
        else license.Holds[^1] = (license.Holds[^1].From, clock.GetUtcNow());
    }

    public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (!Licenses.TryGetValue(subscriptionId, out var license) || license is not { IsGone: false, ExpiresAt: { } expiry })
            return Task.FromResult<Guid?>(null);
        MakeOthersDue(license, now);
        if (rows.Values.FirstOrDefault(row => row.Renewal.SubscriptionId == subscriptionId && row.Renewal.IsChargeOpen) is { } open)
            return Task.FromResult<Guid?>(open.Renewal.RenewalId);
        var row = expiry > policy.OpensUntil(now)
            ? rows.Values.FirstOrDefault(row => row.Renewal.SubscriptionId == subscriptionId && row.Renewal.PaidUntil == expiry)
            : OfUnpaid(subscriptionId, expiry) ?? Insert(license, expiry, RenewalType.Manual, policy, now);
        return Task.FromResult(row?.Renewal.RenewalId);
    }

    public Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken)
    {
        List<RenewalFacts>? claimed = null;
        var first = rows.Values
            .Where(row => row.Renewal.NextActionAt <= now && !IsHeld(row)
                && (selection is not RenewalSelection.AwaitingProvider || row.Renewal.Status.IsAwaitingProvider()))
            .Take(limit)
            .Where(row => selection is not RenewalSelection.CoveredByWallet || IsCoveredByWallet(row.Renewal))
            .OrderBy(row => row.Renewal.NextActionAt).ThenBy(row => row.Renewal.SubscriptionId).ThenBy(row => row.Renewal.PeriodStart);
        foreach (var row in first) (claimed ??= []).Add(Claim(row, lease));
        return Task.FromResult<IReadOnlyList<RenewalFacts>>(claimed ?? []);
    }

    private bool IsCoveredByWallet(Renewal renewal) => renewal is { IntentId: null, IsChargeOpen: false }
        && Licenses[renewal.SubscriptionId] is var license && (renewal.AmountUsd ?? 0) <= license.WalletUsd - license.ReservedUsd;

    public Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
        Task.FromResult(rows.TryGetValue(renewalId, out var row) && !IsHeld(row) ? Claim(row, lease) : null);

    public Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken) =>
        Task.FromResult(rows.TryGetValue(renewalId, out var row) ? Facts(row) : null);

    public Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken) =>
        Task.FromResult(
            rows.Values.FirstOrDefault(row => row.Renewal.IntentId == intentId && row.Renewal.Attempt!.Provider == provider) is { } row
                ? Facts(row)
                : null);

    public Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken) =>
        Task.FromResult(requests.TryGetValue(request, out var id) ? rows[id].Renewal : null);

    public async Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken)
    {
        if (AreRowsLocked) return false;
        var restore = changes.Count > 1 ? Backup() : () => { };
        foreach (var change in changes)
        {
            if (await SaveAsync(change, new RenewalWriter(TimeSpan.Zero), cancellationToken) is RenewalSave.Saved) continue;
            restore();
            return false;
        }

        return true;
    }

    public Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken)
    {
        if (writer.Event is not null) ThrowIfLocked();
        var row = rows[change.After.RenewalId];
        if (writer.Event is { } repeated && inbox.Contains((repeated.Provider, repeated.EventId)))
            return Task.FromResult(RenewalSave.Repeated);
        if (!IgnoresFence && (row.Renewal.Fence != change.After.Fence || (writer.Lease is not null && !IsHeld(row))))
            return Task.FromResult(RenewalSave.Fenced);

        ThrowIfLocked();
        if (change.After.IsChargeOpen && HasOtherOpen(row) && !IgnoresOtherCharges) return Task.FromResult(RenewalSave.ChargeOpen);
        var license = Licenses[change.After.SubscriptionId];
        var returned = change switch
        {
            { Payment.With: PaidWith.Card } => Return(change.After.IntentId, change.After.Attempt?.TransactionId),
            { Case: { CanBeCredited: true } concern } => Returned(concern) is RenewalSave.ChargeRefunded
                && change.After.IntentId != concern.Subject
                ? null
                : Returned(concern),
            _ => null,
        };
        if (returned is { } how) return Task.FromResult(how);
        if (change.Payment is { MovesMoney: true } paid)
        {
            if (IsWalletLocked()) return Task.FromResult(RenewalSave.WalletLocked);
            if (paid.With is PaidWith.Wallet && license.WalletUsd - license.ReservedUsd < paid.AmountUsd + paid.DebtsUsd)
                return Task.FromResult(RenewalSave.WalletShort);
        }

        if (change.After.Attempt is { TransactionId: { } charge } charged && rows.Values.Any(
            other => other != row && other.Renewal.Attempt is { } another && another.TransactionId == charge
                && another.AttemptId != charged.AttemptId))
            return Task.FromResult(RenewalSave.ChargeInUse);
        if (change.Payment is { } booked && (license.IsGone || license.ExpiresAt != booked.Expiry) && !IgnoresFence)
            return Task.FromResult(RenewalSave.Fenced);

        Write(row, change, writer, license);
        return Task.FromResult(RenewalSave.Saved);
    }

    public Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken)
    {
        ThrowIfLocked();
        if (inbox.Add((received.Provider, received.EventId)) && concern is not null) Open(concern);
        return Task.CompletedTask;
    }

    public Task SaveReversalAsync(
        PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken)
    {
        ThrowIfLocked();
        if (!inbox.Add((received.Provider, received.EventId))) return Task.CompletedTask;
        var row = rows.Values.FirstOrDefault(row => IsOf(reversal, row.Renewal));
        var stored = kept.Find(
            one => one.Reversal.Reversal.Kind == reversal.Kind && one.Reversal.Reversal.ProviderId == reversal.ProviderId);
        if (stored is null) kept.Add(stored = new Kept(new KeptReversal(reversal, Applied: null)));
        else if (reversal.IsNewerThan(stored.Reversal.Reversal)) stored.Reversal = stored.Reversal with { Reversal = reversal };
        stored.RenewalId ??= row?.Renewal.RenewalId;
        DecideCases(reversal);
        if (row is not null && reversal.Currency == "usd")
        {
            ApplyReversals(row, policy.Grace);
            if (reversal is { Kind: ReversalKind.Dispute, State: ReversalState.Won }) ReopenHeld(row.Renewal.SubscriptionId, policy);
        }
        else OpenCase(reversal);
        return Task.CompletedTask;
    }

    // The charge may have a case already.
    private void OpenCase(PaymentReversal reversal)
    {
        var isDispute = reversal.Kind is ReversalKind.Dispute;
        if (Cases.Any(one => IsAbout(one.Value, reversal.IntentId, reversal.ChargeId)
            && (!isDispute || (decisions.TryGetValue(one.Key, out var decision) && decision is CaseDecision.Credited)))) return;
        Open(new PaymentCase(
            PaymentCaseReason.UnknownCharge, reversal.IntentId ?? reversal.ChargeId ?? reversal.ProviderId, null, null, null,
            reversal.ChargeId, reversal.AmountMinor, reversal.Currency, ""));
    }

    public Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken)
    {
        var waiting = rows.Values.Where(
            row => !Licenses[row.Renewal.SubscriptionId].IsGone && kept.Exists(one => IsUnapplied(one, row.Renewal))).ToList();
        foreach (var row in waiting) ApplyReversals(row, policy.Grace);
        return Task.FromResult(waiting.Count);
    }

    /// <summary>Does the same as DecidePaymentCase.</summary>
    public bool Credit(PaymentCase concern, string? provider)
    {
        if (!concern.CanBeCredited || decisions.ContainsKey((concern.Reason, concern.Subject)) || IsReversed(concern)
            || IsUsed(concern) || UnreadProviders.Any(one => one == provider)) return false;
        decisions.Add((concern.Reason, concern.Subject), CaseDecision.Credited);
        Post(Licenses.Values.Single(one => one.UserId == concern.UserId), concern.AmountMinor!.Value / 100m);
        Release(concern.Subject, isRefunded: false);
        return true;
    }

    // Another case about the charge was credited, or the charge paid a renewal.
    private bool IsUsed(PaymentCase concern) =>
        decisions.Any(decided => decided.Value is CaseDecision.Credited
            && IsAbout(Cases[decided.Key], concern.Subject, concern.TransactionId))
        || rows.Values.Any(row => row.Renewal is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card } paid
            && (paid.IntentId == concern.Subject || paid.Attempt?.TransactionId == concern.Subject
                || (concern.TransactionId is { } charge && paid.Attempt?.TransactionId == charge)));

    private RenewalSave? Returned(PaymentCase concern) =>
        Return(concern.Subject, concern.TransactionId) ?? (IsRefunded(concern) ? RenewalSave.ChargeRefunded : null);

    private void OpenOrKeep(PaymentCase concern)
    {
        if (!concern.CanBeCredited || Returned(concern) is not RenewalSave.ChargeRefunded) Open(concern);
        else if (Return(concern.Subject, concern.TransactionId) is null && Cases.TryAdd((concern.Reason, concern.Subject), concern))
            decisions[(concern.Reason, concern.Subject)] = CaseDecision.Refunded;
    }

    private RenewalSave? Return(string? intentId, string? chargeId)
    {
        var decided = decisions.Where(one => one.Key.Reason is not PaymentCaseReason.UnknownCharge
            && IsAbout(Cases[one.Key], intentId, chargeId)).Select(one => one.Value).ToList();
        if (decided.Contains(CaseDecision.Credited)) return RenewalSave.ChargeCredited;
        return decided.Contains(CaseDecision.Refunded) ? RenewalSave.ChargeRefunded : null;
    }

    private static bool IsAbout(PaymentCase concern, string? intentId, string? chargeId) =>
        concern.Subject == intentId || concern.Subject == chargeId
        || (concern.TransactionId is { } charge && charge == chargeId);

    private List<PaymentReversal> ReversalsOf(PaymentCase concern) => kept.Select(one => one.Reversal.Reversal)
        .Where(one => one.IntentId == concern.Subject || one.ChargeId == concern.Subject || one.ChargeId == concern.TransactionId)
        .ToList();

    private bool IsRefunded(PaymentCase concern)
    {
        var own = ReversalsOf(concern);
        long Sum(ReversalState state) =>
            own.Where(one => one.Kind is ReversalKind.Refund && one.State == state).Sum(one => one.AmountMinor);
        var total = own.Where(one => one.Kind is ReversalKind.RefundTotal).Select(one => one.AmountMinor).DefaultIfEmpty().Max();
        return Math.Max(Sum(ReversalState.Succeeded), total - Sum(ReversalState.Failed)) >= concern.AmountMinor;
    }

    // The intent's charge goes back to the customer, so no renewal waits for it any more.
    private void Release(string intentId, bool isRefunded)
    {
        foreach (var row in rows.Values)
        {
            var isNotBooked = Cases.Any(one => one.Key.Reason is PaymentCaseReason.NotBooked
                && one.Value.Subject == intentId && one.Value.RenewalId == row.Renewal.RenewalId);
            if (row.Renewal.Status is RenewalStatus.Applied || !(isNotBooked || row.Renewal.IntentId == intentId)) continue;
            if (RenewalSettlement.WithoutCharge(row.Renewal, intentId, isRefunded, clock.GetUtcNow()) is { } released)
                Write(row, released, new RenewalWriter(Lease: null), Licenses[row.Renewal.SubscriptionId]);
        }
    }

    private bool IsReversed(PaymentCase concern)
    {
        var own = ReversalsOf(concern);
        var refunds = own.Where(one => one.Kind is ReversalKind.Refund).ToLookup(one => one.State is ReversalState.Failed);
        var totals = own.Where(one => one.Kind is ReversalKind.RefundTotal).Select(one => one.AmountMinor);
        return refunds[false].Any() || totals.Any(total => total > refunds[true].Sum(one => one.AmountMinor))
            || own.Exists(one => one is { Kind: ReversalKind.Dispute, State: not ReversalState.Won });
    }

    // What a refund or dispute does to the cases about its charge.
    private void DecideCases(PaymentReversal reversal)
    {
        foreach (var (key, concern) in Cases.ToList())
        {
            if (!IsAbout(concern, reversal.IntentId, reversal.ChargeId)) continue;
            CaseDecision? decision = decisions.TryGetValue(key, out var known) ? known : null;
            if (decision is CaseDecision.Credited
                && reversal is { AmountMinor: > 0, State: not (ReversalState.Failed or ReversalState.Won) })
                Open(concern with
                {
                    Reason = PaymentCaseReason.CreditedAndReversed,
                    Subject = reversal.Kind is ReversalKind.Dispute ? reversal.ProviderId : concern.Subject,
                });
            if (decision is null && reversal is { Kind: not ReversalKind.Dispute, State: ReversalState.Succeeded }
                && concern.AmountMinor <= reversal.AmountMinor)
            {
                decisions[key] = CaseDecision.Refunded;
                if (key.Reason is not PaymentCaseReason.UnknownCharge) Release(concern.Subject, isRefunded: true);
            }

            if (decision is CaseDecision.Refunded && reversal is { Kind: ReversalKind.Refund, State: ReversalState.Failed })
                decisions.Remove(key);
        }
    }

    private void ReopenHeld(Guid subscriptionId, RenewalPolicy policy)
    {
        if (Licenses[subscriptionId] is not { IsGone: false, ExpiresAt: { } expiry }) return;
        if (OfUnpaid(subscriptionId, expiry) is not { } row) return;
        if (row.Renewal is { Status: RenewalStatus.Lapsed, LapsedBlocked: true } && !Facts(row).License.IsDisputed
            && row.Renewal.PeriodStart > clock.GetUtcNow() - policy.Grace - RenewalPolicy.CatchUp)
            Reopen(row, policy, clock.GetUtcNow());
    }

    private void ThrowIfLocked()
    {
        if (AreRowsLocked)
            throw new PostgresException("canceling statement due to lock timeout", "ERROR", "ERROR", PostgresErrorCodes.LockNotAvailable);
    }

    private static bool IsUnapplied(Kept one, Renewal renewal) =>
        renewal is { Status: RenewalStatus.Applied, PaidWith: PaidWith.Card } && one.RenewalId == renewal.RenewalId
        && one.Reversal.Reversal.Currency == "usd" && one.Reversal.Applied != one.Reversal.Reversal.State;

    private static bool IsOf(PaymentReversal reversal, Renewal renewal) =>
        renewal.Attempt is { } attempt
        && ((reversal.IntentId is { } intent && intent == renewal.IntentId)
            || (reversal.ChargeId is { } charge && charge == attempt.TransactionId));

    /// <summary>Does the same as PaymentBooksStore.CloseNotBookedAsync.</summary>
    public void Close(PaymentCase concern)
    {
        var key = (PaymentCaseReason.NotBooked, concern.Subject);
        if (Cases.ContainsKey(key)) decisions.TryAdd(key, CaseDecision.Applied);
    }

    /// <summary>Does the same as RenewalTransaction.CannotBookAsync.</summary>
    public void CannotBook(PaymentCase concern)
    {
        if (!IsRefunded(concern))
        {
            Open(concern);
            return;
        }

        if (Return(concern.Subject, concern.TransactionId) is RenewalSave.ChargeRefunded
            || !Cases.TryAdd((concern.Reason, concern.Subject), concern)) return;
        decisions[(concern.Reason, concern.Subject)] = CaseDecision.Refunded;
        Release(concern.Subject, isRefunded: true);
    }

    public void Open(PaymentCase concern) => Cases.TryAdd((concern.Reason, concern.Subject), concern);

    private void ApplyReversals(Row row, TimeSpan grace)
    {
        var (renewal, license) = (row.Renewal, Licenses[row.Renewal.SubscriptionId]);
        foreach (var early in kept.Where(one => one.RenewalId is null && IsOf(one.Reversal.Reversal, renewal)))
            early.RenewalId = renewal.RenewalId;
        var own = kept.Where(one => one.RenewalId == renewal.RenewalId && one.Reversal.Reversal.Currency == "usd").ToList();
        if (own.Count == 0) return;
        var isLatest = !rows.Values.Any(other => other != row && other.Renewal.SubscriptionId == renewal.SubscriptionId
            && other.Renewal.Status is RenewalStatus.Applied && other.Renewal.PaidUntil > other.Renewal.PaidFrom
            && (other.Renewal.PaidFrom > renewal.PaidFrom || renewal.PaidUntil <= renewal.PaidFrom));
        var facts = new ReversalFacts(
            renewal, license.IsGone ? null : license.ExpiresAt, !license.IsGone && license.AutoRenew, isLatest,
            [.. own.Select(one => one.Reversal)],
            effects.GetValueOrDefault(renewal.RenewalId, ReversalEffect.None))
        {
            IsGone = license.IsGone,
            IsStoppedByAnother = rows.Values.Any(other => other != row && other.Renewal.SubscriptionId == renewal.SubscriptionId
                && effects.GetValueOrDefault(other.Renewal.RenewalId) is { StoppedAutoRenewal: true, IsSwitchedSince: false }),
        };
        if (Reversals.Apply(facts, grace, clock.GetUtcNow()) is not { } change) return;

        foreach (var one in own.Where(_ => !change.WaitsForToken))
            one.Reversal = one.Reversal with { Applied = one.Reversal.Reversal.State };
        effects[renewal.RenewalId] = change.Effect;
        license.PaidPeriods[license.PaidPeriods.IndexOf((renewal.PaidFrom!.Value, renewal.PaidUntil!.Value))] =
            (renewal.PaidFrom.Value, change.PaidUntil);
        if (change.PaidUntil != renewal.PaidUntil) row.Renewal = renewal with { PaidUntil = change.PaidUntil, Fence = renewal.Fence + 1 };
        if (change.ExpiresAt is { } moved) license.ExpiresAt = moved;
        license.AutoRenew = change.AutoRenew ?? license.AutoRenew;
        foreach (var minor in (long[])[change.RefundedMinor, change.ChargedBackMinor])
        {
            if (minor == 0) continue;
            Post(license, Math.Abs(minor) / 100m);
            if (minor < 0)
            {
                PostFee(license, -minor / 100m);
                continue;
            }

            Post(license, -minor / 100m);
            license.ReturnedUsd += minor / 100m;
        }

        if (change.Notice is { } notice) Mails.Add(notice.DedupKey);
        foreach (var (action, reason) in change.Audits) Audit.Add((license.SubscriptionId, action, reason));
        if (change.ExpiresAt > clock.GetUtcNow() && license.IsSuspendedForExpiry) Reactivate(license);
    }

    private void KeepGrace(MemoryLicense license)
    {
        license.GraceUntil = HasUnbookedCharge(license.SubscriptionId) && !license.IsGone ? license.ExpiresAt + Renewal.Period : null;
        foreach (var other in rows.Values)
        {
            if (other.Renewal.SubscriptionId == license.SubscriptionId
                && (other.Renewal.IsChargeOpen || (other.Renewal.MayBePaid && !other.Renewal.Status.IsFinal()))
                && !(license.GraceUntil >= other.Renewal.PeriodStart + Renewal.Period))
                license.GraceUntil = other.Renewal.PeriodStart + Renewal.Period;
        }
    }

    private bool HasUnbookedCharge(Guid subscriptionId) => Cases.Any(one => !decisions.ContainsKey(one.Key)
        && one.Key.Reason is PaymentCaseReason.UnknownRenewal or PaymentCaseReason.NotBooked && one.Value.SubscriptionId == subscriptionId);

    private static void Reactivate(MemoryLicense license)
    {
        license.IsSuspendedForExpiry = false;
        license.IsTokenActive = !license.IsHeldByOperator;
    }

    /// <summary>Does the same as RenewalStore.CardsChangedAsync.</summary>
    public void CardsChanged(MemoryLicense license)
    {
        foreach (var row in rows.Values)
        {
            if (row.Renewal.SubscriptionId != license.SubscriptionId
                || !RenewalRequests.IsDueAfterCardChange(Facts(row), clock.GetUtcNow())) continue;
            row.Renewal = row.Renewal with { NextActionAt = clock.GetUtcNow(), Fence = row.Renewal.Fence + 1 };
            row.LeaseUntil = null;
        }
    }

    public Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        foreach (var concern in Cases.Values)
        {
            if (concern.Reason is PaymentCaseReason.UnknownRenewal or PaymentCaseReason.NotBooked
                && concern.SubscriptionId is { } id && Licenses.TryGetValue(id, out var concerned)) KeepGrace(concerned);
        }

        if (UnreadProviders.Any(policy.IdempotencyKeyLifetimes.ContainsKey)) return Task.FromResult(0);

        var suspended = 0;
        foreach (var license in Licenses.Values)
        {
            if (suspended == limit) break;
            if (license is not { IsTokenActive: true, IsGone: false, ExpiresAt: { } expiry } || expiry + policy.Grace > now
                || HasRenewalInProgress(license.SubscriptionId) || HasUnbookedCharge(license.SubscriptionId)
                || (policy.AutoRenewal && NeedsAutoRenewal(license, policy, now))) continue;
            Suspend(license);
            suspended++;
        }

        return Task.FromResult(suspended);
    }

    private bool NeedsAutoRenewal(MemoryLicense license, RenewalPolicy policy, DateTimeOffset now) =>
        license is { IsTokenActive: true, IsGone: false, AutoRenew: true, ExpiresAt: { } expiry }
        && license.OtherBlock is not RenewalBlock.SubscriptionInactive
        && expiry <= policy.OpensUntil(now)
        && (OpensLapsed || expiry > policy.OpensAfter(now, LastOpened) || WasGraceSuspended(license, expiry + policy.Grace))
        && rows.Values.All(row => row.Renewal.SubscriptionId != license.SubscriptionId || row.Renewal.PeriodStart != expiry
            || CanReopen(row.Renewal));

    private static bool CanReopen(Renewal renewal) =>
        renewal is { Status: RenewalStatus.Canceled } or { Status: RenewalStatus.Lapsed, LapsedBlocked: true };

    private bool WasGraceSuspended(MemoryLicense license, DateTimeOffset graceEnd) =>
        license.Holds.Exists(hold => hold.From < graceEnd && hold.Until >= graceEnd)
        || OfUnpaid(license.SubscriptionId, license.ExpiresAt!.Value) is
        { Renewal: { Status: RenewalStatus.Lapsed, LapsedBlocked: true } };

    private void MakeOthersDue(MemoryLicense license, DateTimeOffset now)
    {
        foreach (var row in rows.Values)
        {
            if (row.Renewal.SubscriptionId == license.SubscriptionId && row.Renewal.PeriodStart != license.ExpiresAt
                && row.Renewal.HasIntentLeft && row.Renewal.NextActionAt > now)
            {
                row.Renewal = row.Renewal with { NextActionAt = now, Fence = row.Renewal.Fence + 1 };
                row.LeaseUntil = null;
            }
        }
    }

    // Empty periods come first.
    private Renewal? LastPaid(Guid subscriptionId) => rows.Values.Select(row => row.Renewal)
        .Where(one => one.SubscriptionId == subscriptionId && one.Status is RenewalStatus.Applied)
        .OrderBy(one => one.PaidUntil > one.PaidFrom).ThenBy(one => one.PaidFrom).ThenBy(one => one.PeriodStart).LastOrDefault();

    private bool HasRenewalInProgress(Guid subscriptionId) =>
        rows.Values.Any(row => row.Renewal.SubscriptionId == subscriptionId && !row.Renewal.Status.IsFinal());

    private void Write(Row row, RenewalChange change, RenewalWriter writer, MemoryLicense license)
    {
        if (change.Payment is { } payment)
        {
            CutPaidPeriods(row, license, payment);
            Book(license, payment);
        }

        if (change.Suspends && license is { IsTokenActive: true, IsGone: false } && license.ExpiresAt == row.Renewal.PeriodStart
            && !HasOtherOpen(row)) Suspend(license);
        if (change.History is { } history) History[history.Id] = history;
        if (change.Withdrawn is { } withdrawn) Mails.Remove(withdrawn);
        if (change.Announcement is { } announcement) Mails.Add(announcement.DedupKey);
        if (change.Notice is { } notice) Mails.Add(notice.DedupKey);
        if (change.Audit is { } action) Audit.Add((license.SubscriptionId, action, change.Reason));
        if (writer.Event is { } received) inbox.Add((received.Provider, received.EventId));
        if (writer.Request is { } request) requests[request] = change.After.RenewalId;
        row.LeaseUntil = writer.Lease > TimeSpan.Zero ? clock.GetUtcNow() + writer.Lease : null;
        if (change.After.Attempt is { } attempt && attempt.AttemptId != row.Renewal.Attempt?.AttemptId)
            row.AttemptsAt.Add(attempt.FirstSentAt);
        if (change.After.Attempt is { } latest) row.Attempts[latest.AttemptId] = latest;
        row.Renewal = change.Saved;
        if (row.Renewal is { IntentId: null, Attempt.Status: AttemptStatus.Canceled })
        {
            foreach (var one in kept.Where(one => one.RenewalId == row.Renewal.RenewalId && one.Reversal.Applied is null))
                one.RenewalId = null;
        }

        KeepGrace(license);
        if (change.Case is { } concern) OpenOrKeep(concern);
        if (change.Payment is not { With: PaidWith.Card }) return;
        foreach (var other in kept.Where(one => one.RenewalId == row.Renewal.RenewalId && one.Reversal.Applied is null))
        {
            if (IsOf(other.Reversal.Reversal, row.Renewal)) continue;
            other.RenewalId = null;
            OpenCase(other.Reversal.Reversal);
        }

        ApplyReversals(row, grace: TimeSpan.Zero);
        foreach (var (key, known) in Cases)
        {
            var isOfIntent = known.RenewalId == row.Renewal.RenewalId && known.Subject == row.Renewal.IntentId
                && key.Reason is not (PaymentCaseReason.PaidTwice or PaymentCaseReason.ChargeInUse);
            var isOfCharge = IsAbout(known, null, row.Renewal.Attempt!.TransactionId)
                && key.Reason is PaymentCaseReason.LicenseGone or PaymentCaseReason.OtherAmount or PaymentCaseReason.OtherCurrency
                    or PaymentCaseReason.UnknownRenewal or PaymentCaseReason.NotBooked or PaymentCaseReason.PaidTwice;
            var isOfAttempt = key.Reason is PaymentCaseReason.PaidBefore && known.Subject == row.Renewal.Attempt.AttemptId.ToString();
            if (!(isOfIntent || isOfCharge || isOfAttempt) || !decisions.TryAdd(key, CaseDecision.Applied)) continue;
            if (isOfCharge && known.Subject != known.TransactionId && Renewals.All(one => one.IntentId != known.Subject))
                row.Renewal = row.Renewal with { IntentId = known.Subject };
        }
    }

    private bool HasOtherOpen(Row row) => rows.Values.Any(
        other => other != row && other.Renewal.SubscriptionId == row.Renewal.SubscriptionId && other.Renewal.IsChargeOpen);

    private void CutPaidPeriods(Row paying, MemoryLicense license, RenewalPayment payment)
    {
        if (license.IsGone) return;
        var expiry = license.ExpiresAt ?? payment.PaidFrom;
        foreach (var row in rows.Values)
        {
            if (row == paying || row.Renewal is not { Status: RenewalStatus.Applied, PaidFrom: { } from, PaidUntil: { } until }
                || row.Renewal.SubscriptionId != license.SubscriptionId || until <= expiry
                || (license.ExpiresAt is null && from >= payment.PaidUntil)) continue;
            var cut = expiry > from ? expiry : from;
            license.PaidPeriods[license.PaidPeriods.IndexOf((from, until))] = (from, cut);
            row.Renewal = row.Renewal with { PaidUntil = cut, Fence = row.Renewal.Fence + 1 };
        }
    }

    private static void Book(MemoryLicense license, RenewalPayment payment)
    {
        // A fully refunded period is empty, so it overlaps no other.
        if (license.PaidPeriods.Exists(
            period => period.From < period.Until && payment.PaidFrom < period.Until && period.From < payment.PaidUntil))
            throw new InvalidOperationException("paid_periods_never_overlap");

        if (payment.With is PaidWith.Card) Post(license, payment.AmountUsd + payment.DebtsUsd);
        if (payment.MovesMoney) PostFee(license, payment.AmountUsd);
        var settled = Math.Min(payment.DebtsUsd, license.DebtUsd);
        if (settled > 0) PostFee(license, settled);
        license.DebtUsd += payment.With is PaidWith.Deferred ? payment.AmountUsd : -settled;
        license.PaidPeriods.Add((payment.PaidFrom, payment.PaidUntil));
        if (license.ExpiresAt > payment.PaidUntil) throw new InvalidOperationException("a payment moved the expiry back");
        if (license.ExpiresAt is not null) license.ExpiresAt = payment.PaidUntil;
        if (license.IsSuspendedForExpiry) Reactivate(license);
    }

    private static void PostFee(MemoryLicense license, decimal amount)
    {
        Post(license, -amount);
        license.FeesUsd += amount;
    }

    private static void Post(MemoryLicense license, decimal amount)
    {
        license.WalletUsd += amount;
        license.Ledger.Add(amount);
    }

    private void Suspend(MemoryLicense license)
    {
        license.IsTokenActive = false;
        license.IsSuspendedForExpiry = true;
        OnSuspended(license);
    }

    private Row Insert(MemoryLicense license, DateTimeOffset expiry, RenewalType type, RenewalPolicy policy, DateTimeOffset now)
    {
        var row = new Row(new Renewal
        {
            RenewalId = newId(),
            SubscriptionId = license.SubscriptionId,
            UserId = license.UserId,
            PeriodStart = expiry,
            Type = type,
            Status = RenewalStatus.Due,
            AmountUsd = license.PriceUsd,
            GivesUpAt = policy.GivesUpAt(expiry, now, RenewalPolicy.LateWindow),
            NextActionAt = now,
        });
        rows.Add(row.Renewal.RenewalId, row);
        return row;
    }

    private static void Reopen(Row row, RenewalPolicy policy, DateTimeOffset now) => row.Renewal = row.Renewal with
    {
        Status = RenewalStatus.Due,
        Type = RenewalType.Auto,
        GivesUpAt = policy.GivesUpAt(row.Renewal.PeriodStart, now, RenewalPolicy.LateWindow),
        NextActionAt = now,
        SoftDeclines = 0,
        Fence = row.Renewal.Fence + 1,
    };

    private Row? OfUnpaid(Guid subscriptionId, DateTimeOffset periodStart)
    {
        foreach (var row in rows.Values)
            if (row.Renewal.PeriodStart == periodStart && row.Renewal.SubscriptionId == subscriptionId
                && row.Renewal.Status is not RenewalStatus.Applied) return row;
        return null;
    }

    private bool IsHeld(Row row) => row.LeaseUntil > clock.GetUtcNow();

    private RenewalFacts Claim(Row row, TimeSpan lease)
    {
        row.LeaseUntil = clock.GetUtcNow() + lease;
        row.Renewal = row.Renewal with { Fence = row.Renewal.Fence + 1 };
        return Facts(row);
    }

    private bool HasOtherCharge(Row row) => HasUnbookedCharge(row.Renewal.SubscriptionId) || Cases.Any(one =>
        !decisions.ContainsKey(one.Key) && one.Key.Reason is PaymentCaseReason.PaidTwice or PaymentCaseReason.PaidBefore
        && one.Value.RenewalId == row.Renewal.RenewalId);

    private RenewalFacts Facts(Row row)
    {
        var license = Licenses[row.Renewal.SubscriptionId];
        return new RenewalFacts(
            row.Renewal,
            new RenewalLicense(
                license.IsGone ? null : license.ExpiresAt,
                license.AutoRenew,
                license.OtherBlock is not (RenewalBlock.AccountClosed or RenewalBlock.MasterClosed or RenewalBlock.SubscriptionInactive)
                && (license.IsHeldByOperator || license.IsSuspendedByPlatform
                    || !(license.IsTokenActive || license.IsSuspendedForExpiry))
                    ? RenewalBlock.LicenseSuspended
                    : license.OtherBlock)
            {
                IsGone = license.IsGone,
                IsDisputed = kept.Exists(one => one.RenewalId is { } disputed
                    && rows[disputed].Renewal.SubscriptionId == license.SubscriptionId
                    && (one.Reversal.Reversal is { Kind: ReversalKind.Dispute, State: ReversalState.Open }
                        || IsUnapplied(one, rows[disputed].Renewal))),
            },
            license.PriceUsd,
            LastPaid(license.SubscriptionId) is { } last ? last.AmountUsd : license.LastPaidUsd,
            license.WalletUsd - license.ReservedUsd,
            license.Card,
            rows.Values.Any(other => other != row && other.Renewal.SubscriptionId == license.SubscriptionId
                && (other.Renewal.Status.IsAwaitingProvider()
                    || (other.Renewal.HasIntentLeft && (license.IsGone || other.Renewal.PeriodStart != license.ExpiresAt))))
            || HasOtherCharge(row))
        {
            HasOtherCharge = HasOtherCharge(row),
            UnreadProviders = UnreadProviders,
            OverdueProviders = [.. OverdueProviders.Where(one => !license.UsedProviders.Contains(one))],
            DebtUsd = license.DebtUsd,
            AttemptsAt = [.. row.AttemptsAt],
            IsCardDeclined = row.DeclinedAt(license.Card) is not null,
            NextCard = license.NextCard is { } next && !IsTriedOut(row, next, row.DeclinedAt(license.Card)) ? next : null,
        };
    }

    private static bool IsTriedOut(Row row, SavedCard card, DateTimeOffset? at)
    {
        foreach (var attempt in row.Attempts.Values)
        {
            if (attempt.Status is AttemptStatus.HardDeclined && attempt.PaymentMethodId == card.PaymentMethodId
                && !(attempt.FirstSentAt > at)) return true;
            // Another method was tried in its place.
            if (attempt.PaymentMethodId != card.PaymentMethodId && attempt.FirstSentAt > at) return true;
        }

        return false;
    }
}
