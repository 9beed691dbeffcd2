using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace Simulation;

/// <summary>
/// A gateway with Stripe's semantics: it stores a key's first answer for 24 hours, also a 500; after that the key charges again. An intent
/// succeeds only once. Every change sends a webhook. The faults come from the seed. Its state, with that of <see cref="PayPal"/>, is what
/// really happened to the money.
/// </summary>
internal sealed class ScheduleGateway(Scheduler scheduler, ScheduleClock clock, Random random, Action<string> violation) : IPaymentGateway
{
    private const string Stripe = "stripe";

    private readonly Dictionary<string, Kept> keys = [];
    private readonly HashSet<string> unanswered = [];
    private readonly HashSet<Guid> forgotten = [];
    private readonly HashSet<Guid> hardDeclined = [];
    private int numbers;

    private sealed record Kept(DateTimeOffset At, TimeSpan Memory, ChargeRequest? Request, string? Intent, IntentSnapshot Answer);

    internal sealed class Intent(string id, string provider, ChargeRequest request, DateTimeOffset madeAt, ScheduleClock clock)
    {
        public string Id { get; } = id;
        public string Provider { get; } = provider;
        public bool IsOrder => Provider != Stripe;
        public ChargeRequest Request { get; } = request;
        public ChargeOutcome State { get; set; } = new ChargeOutcome.Unconfirmed();

        /// <summary>No call finds it, and no event is about it: it was made in another account, or is an order that has expired.</summary>
        public bool IsMissing => IsLost || IsExpired;

        public bool IsLost { get; set; }

        /// <summary>PayPal's only capture of the order was declined after a review.</summary>
        public bool IsSpent { get; set; }

        private bool IsExpired => IsOrder && !IsSpent && clock.Now - madeAt >= TimeSpan.FromHours(3)
            && State is not (ChargeOutcome.Succeeded or ChargeOutcome.Processing);

        /// <summary>A restore made the backend forget it.</summary>
        public bool IsForgotten { get; set; }

        /// <summary>Number of the last event before the last confirmation. Later events report an outcome of that confirmation.</summary>
        public int ConfirmedAfter { get; set; }

        public DateTimeOffset ChargedAt { get; set; }

        public List<Return> Returns { get; } = [];

        /// <summary>
        /// All of the charge was refunded, or credited to the wallet, so another charge may pay the renewal. If the refund failed later, an
        /// operator has a case.
        /// </summary>
        public bool WentBack { get; set; }

        public ChargeOutcome.Succeeded? Charge => State as ChargeOutcome.Succeeded;
    }

    /// <summary>A refund or a dispute.</summary>
    internal sealed class Return(ReversalKind kind, string id, long amountMinor)
    {
        public ReversalKind Kind { get; } = kind;
        public string Id { get; } = id;
        public long AmountMinor { get; } = amountMinor;
        public ReversalState State { get; set; }

        /// <summary>The money is no longer here.</summary>
        public bool IsTaken => Kind is ReversalKind.Dispute ? State is ReversalState.Lost : State is not ReversalState.Failed;
    }

    public string Provider => Stripe;

    /// <summary>
    /// The same gateway with PayPal's semantics: it stores a key's answer for 6 hours; an order that is not captured expires after 3; a
    /// declined capture leaves no trace in the order, and sends no webhook; nor does a canceled order. An attempt of a renewal is paid
    /// once, and a search finds the payment after three hours.
    /// </summary>
    public IPaymentGateway PayPal => payPal ??= new PayPalSide(this);

    private PayPalSide? payPal;

    /// <summary>Whether a charge of the renewal was declined permanently.</summary>
    public bool WasHardDeclined(Guid renewalId) => hardDeclined.Contains(renewalId);

    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    public decimal MinimumChargeUsd => 0.50m;

    /// <summary>Percentage of calls that fail.</summary>
    public int FaultRate { get; set; }

    /// <summary>Whether some charges have another amount or currency than requested.</summary>
    public bool ChargesOtherAmounts { get; set; }

    /// <summary>Calls that time out and are executed later, in any order.</summary>
    public List<(string? Intent, Action Call)> Delayed { get; } = [];

    /// <summary>Events that were not delivered yet.</summary>
    public List<PaymentEvent> Events { get; } = [];

    /// <summary>All events, so that they can be sent again.</summary>
    public List<PaymentEvent> AllEvents { get; } = [];

    public Dictionary<string, Intent> Intents { get; } = [];

    /// <summary>Intents that were confirmed, and whose outcome was not reported yet.</summary>
    public IReadOnlyCollection<string> Unanswered => unanswered;

    /// <summary>When a renewal's latest attempt began.</summary>
    public Func<Guid, DateTimeOffset?> BeganAt { get; set; } = _ => null;

    /// <summary>Called when a confirmation is received that was not received before.</summary>
    public Action<Intent, ChargeRequest> OnConfirmed { get; set; } = (_, _) => { };

    public Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        CreateAsync(Stripe, request, idempotencyKey);

    private Task<IntentSnapshot> CreateAsync(string provider, ChargeRequest request, string idempotencyKey) =>
        CallAsync(provider, idempotencyKey, request, null, () =>
        {
            if (request.AmountMinor < MinimumChargeUsd * 100)
                violation($"{request.AmountMinor} cents are charged to a card, less than the minimum");
            if (request.PaymentId == "pm_gone" && provider == Stripe)
            {
                hardDeclined.Add(request.RenewalId);
                return new IntentSnapshot(null, new ChargeOutcome.HardDeclined("payment_method_unusable", ""));
            }

            if (PaidBefore(provider, request) is { } refused) return refused;
            var intent = new Intent($"{(provider == Stripe ? "pi" : "order")}_{++numbers}", provider, request, clock.Now, clock);
            Intents.Add(intent.Id, intent);
            return Show(intent);
        });

    public Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        foreach (var other in unanswered)
            if (other != intentId && Intents[other].Request.SubscriptionId == request.SubscriptionId)
                violation($"{intentId} is confirmed while the outcome of {other}, of the same license, is open");
        var intent = Intents[intentId];
        if (intent.Request.AmountMinor != request.AmountMinor)
            violation($"{intentId} over {intent.Request.AmountMinor} is confirmed with {request.AmountMinor}");
        if (intent.Request.CustomerId != request.CustomerId) violation($"{intentId} is confirmed with a card of another customer");
        if (!keys.ContainsKey(idempotencyKey)) OnConfirmed(intent, request);
        // A paid intent can't be charged again, and a repeat gets the stored answer: such a confirmation leaves no outcome open.
        if (intent.State is not (ChargeOutcome.Succeeded or ChargeOutcome.Canceled) && !keys.ContainsKey(idempotencyKey)
            && unanswered.Add(intentId)) intent.ConfirmedAfter = numbers;
        return AnswerAsync(intentId, CallAsync(intent.Provider, idempotencyKey, request, intentId, () => Confirm(intent, request)));
    }

    public Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken) =>
        AnswerAsync(intentId, CallAsync(Intents[intentId].Provider, null, null, intentId, () => Show(Intents[intentId])));

    public Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken) =>
        AnswerAsync(
            intentId, CallAsync(Intents[intentId].Provider, idempotencyKey, null, intentId, () => Cancel(Intents[intentId])));

    // No schedule has an operator who sends evidence; refunds come from the provider's dashboard.
    public Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public async Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken)
    {
        await scheduler.Pause();
        return Intents.Values.FirstOrDefault(one => one.Charge?.TransactionId == chargeId) is { IsMissing: false, Charge: { } paid } intent
            ? new ChargeLookup.Found(
                chargeId, intent.Id, IsPaid: true, paid.AmountMinor, paid.Currency!, intent.Request.RenewalId,
                intent.Request.SubscriptionId)
            : new ChargeLookup.Missing();
    }

    // PayPal refuses a second payment with an invoice_id. What the backend gets instead of an order is found by no lookup.
    private IntentSnapshot? PaidBefore(string provider, ChargeRequest request)
    {
        if (provider == Stripe || OrderOf(request) is null) return null;
        var id = $"invoice_{request.RenewalId}_{request.Attempt}";
        Intents.TryAdd(id, new Intent(id, provider, request, clock.Now, clock) { IsLost = true });
        return new IntentSnapshot(id, new ChargeOutcome.PaidBefore());
    }

    private Intent? OrderOf(ChargeRequest request) => Intents.Values.FirstOrDefault(
        one => one is { IsOrder: true, Charge: not null } && one.Request.RenewalId == request.RenewalId
            && one.Request.Attempt == request.Attempt);

    private async Task<IntentSnapshot?> SearchAsync(ChargeRequest request)
    {
        await scheduler.Pause();
        if (OrderOf(request) is not { IsMissing: false } order || clock.Now - order.ChargedAt < TimeSpan.FromHours(3)) return null;
        Heard(order.Id);
        return Show(order);
    }

    /// <summary>An operator reads the state of the intent, or the backend gets an event about its last confirmation.</summary>
    public void Heard(string intentId) => unanswered.Remove(intentId);

    /// <summary>An event is delivered.</summary>
    public void Heard(PaymentEvent received)
    {
        if (received.Fact is PaymentFact.IntentChanged { Intent: { IntentId: { } intentId, Outcome: not ChargeOutcome.Processing } }
            && int.Parse(received.EventId.AsSpan(4), System.Globalization.CultureInfo.InvariantCulture) > Intents[intentId].ConfirmedAfter)
            Heard(intentId);
    }

    private async Task<IntentSnapshot> AnswerAsync(string intentId, Task<IntentSnapshot> call)
    {
        var answer = await call;
        // A confirmation that is still being sent may charge later.
        var isUnderWay = answer.Outcome is ChargeOutcome.Unconfirmed && Delayed.Exists(one => one.Intent == intentId)
            && clock.Now - BeganAt(Intents[intentId].Request.RenewalId) < Lifetime(Intents[intentId].Provider);
        if (!isUnderWay && answer.Outcome is not (ChargeOutcome.Unknown or ChargeOutcome.Processing)) Heard(intentId);
        return answer;
    }

    /// <summary>The customer authenticates on the bank's page.</summary>
    public void Authenticate(Intent intent, bool passes)
    {
        if (intent.IsMissing || intent.State is not ChargeOutcome.NeedsAuthentication) return;
        if (passes) Charge(intent);
        else Become(intent, new ChargeOutcome.SoftDeclined("authentication_failed", ""));
    }

    /// <summary>The bank decides about a payment in processing.</summary>
    public void Process(Intent intent, bool pays)
    {
        if (intent.IsMissing || intent.State is not ChargeOutcome.Processing) return;
        intent.IsSpent = intent.IsOrder && !pays;
        if (pays) Charge(intent);
        else Become(intent, new ChargeOutcome.SoftDeclined("insufficient_funds", ""));
    }

    /// <summary>
    /// From now on, the backend has the key of another account, in which the intent doesn't exist. An intent that is processing is not
    /// lost, because it could succeed later without a call; nor is a charge whose answer the backend has. What was charged stays charged.
    /// </summary>
    public void Lose(Intent intent)
    {
        if (intent.State is ChargeOutcome.Processing || (intent.Charge is not null && !unanswered.Contains(intent.Id))) return;
        intent.IsLost = true;
        Events.RemoveAll(made => made.Fact is PaymentFact.IntentChanged { Intent.IntentId: var id } && id == intent.Id);
    }

    /// <summary>An operator cancels the intent in the provider's dashboard.</summary>
    public IntentSnapshot Cancel(Intent intent)
    {
        // The only capture of a spent order was declined.
        if (intent.IsSpent && !intent.IsMissing) return new IntentSnapshot(intent.Id, new ChargeOutcome.Canceled("declined"));
        if (intent.State is not (ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing) && !intent.IsMissing)
            Become(intent, new ChargeOutcome.Canceled("requested"));
        return Show(intent);
    }

    /// <summary>
    /// One step of a refund or dispute of the charge: a new one, of the whole amount or a part, or the next state of an earlier one, whose
    /// refund may fail and whose dispute may be lost, won, and won after it was lost.
    /// </summary>
    public void TakeBack(Intent intent)
    {
        if (intent.Charge is not { } paid) return;
        var undecided = intent.Returns.Where(one => one.State is not (ReversalState.Failed or ReversalState.Won)).ToList();
        if (undecided.Count > 0 && random.Next(3) > 0)
        {
            var one = undecided[random.Next(undecided.Count)];
            if (one.Kind is ReversalKind.Dispute)
            {
                if (one.State is ReversalState.Lost || random.Next(3) > 0)
                    one.State = one.State is ReversalState.Open && random.Next(2) == 0 ? ReversalState.Lost : ReversalState.Won;
            }
            else one.State = one.State is ReversalState.Pending && random.Next(3) > 0 ? ReversalState.Succeeded : ReversalState.Failed;
            Report(intent, one);
            return;
        }

        var left = paid.AmountMinor
            - intent.Returns.Where(one => one.IsTaken || one.State is ReversalState.Open).Sum(one => one.AmountMinor);
        var amount = random.Next(2) == 0 ? left : left / 2;
        if (amount > 0) Begin(intent, random.Next(2) == 0 ? ReversalKind.Refund : ReversalKind.Dispute, amount);
    }

    private void Begin(Intent intent, ReversalKind kind, long amount)
    {
        var made = new Return(kind, $"{(kind is ReversalKind.Dispute ? "du" : "re")}_{++numbers}", amount)
        {
            State = kind is ReversalKind.Dispute ? ReversalState.Open
                : random.Next(3) == 0 ? ReversalState.Pending : ReversalState.Succeeded,
        };
        intent.Returns.Add(made);
        intent.WentBack |= intent.Returns.Where(one => one.Kind is ReversalKind.Refund && one.IsTaken).Sum(one => one.AmountMinor)
            >= intent.Charge!.AmountMinor;
        if (kind is ReversalKind.Refund && random.Next(2) == 0)
        {
            var total = intent.Returns.Where(one => one.Kind is ReversalKind.Refund && one.IsTaken).Sum(one => one.AmountMinor);
            Emit(intent, ReversalKind.RefundTotal, intent.Charge!.TransactionId, ReversalState.Succeeded, total);
        }

        Report(intent, made);
    }

    private void Report(Intent intent, Return one) => Emit(intent, one.Kind, one.Id, one.State, one.AmountMinor);

    private void Emit(Intent intent, ReversalKind kind, string id, ReversalState state, long amount) =>
        Emit(intent.Provider, new PaymentFact.Reversed(new PaymentReversal(
            kind, id, state, amount, intent.Charge!.Currency ?? intent.Request.Currency, intent.Id, intent.Charge.TransactionId, null,
            clock.Now)));

    // One hour less than the gateway's memory, because clocks differ.
    private static TimeSpan Lifetime(string provider) => Memory(provider) - TimeSpan.FromHours(1);

    private static TimeSpan Memory(string provider) => TimeSpan.FromHours(provider == Stripe ? 24 : 6);

    private async Task<IntentSnapshot> CallAsync(
        string provider, string? key, ChargeRequest? request, string? intent, Func<IntentSnapshot> effect)
    {
        // Canceling again changes nothing.
        if (key is not null && request is not null && keys.TryGetValue(key, out var before) && clock.Now - before.At >= before.Memory
            && !IsForgotten(request))
            violation($"key {key} was sent again after its lifetime");
        await scheduler.Pause();
        switch (random.Next(100) < FaultRate ? random.Next(5) : -1)
        {
            case 0:
                return NoAnswer("connection refused");
            case 1:
                return NoAnswer("429", TimeSpan.FromSeconds(random.Next(1, 900)));
            case 2:
                Delayed.Add((request is null ? null : intent, () => Answer(provider, key, request, intent, effect)));
                return NoAnswer("timed out");
            case 3:
                Answer(provider, key, request, intent, () => { effect(); return NoAnswer("500"); });
                await scheduler.Pause();
                return NoAnswer("500");
            case 4:
                Answer(provider, key, request, intent, effect);
                await scheduler.Pause();
                return NoAnswer("answer lost");
            default:
                var answer = Answer(provider, key, request, intent, effect);
                await scheduler.Pause();
                return answer;
        }
    }

    private IntentSnapshot Answer(
        string provider, string? key, ChargeRequest? request, string? intent, Func<IntentSnapshot> effect)
    {
        if (key is null) return effect();
        if (keys.TryGetValue(key, out var known) && clock.Now - known.At < known.Memory)
        {
            if (known.Request == request && known.Intent == intent) return known.Answer;
            // After a restore, the backend may have other values than those that it sent before.
            if (request is null || !IsForgotten(request)) violation($"key {key} was sent again with other parameters");
            return NoAnswer("idempotency_error");
        }

        var answer = effect();
        keys[key] = new Kept(clock.Now, Memory(provider), request, intent, answer);
        return answer;
    }

    private IntentSnapshot Confirm(Intent intent, ChargeRequest request)
    {
        if (intent.IsMissing || intent.IsSpent
            || intent.State is ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing)
            return Show(intent);
        if (PaidBefore(intent.Provider, intent.Request) is { } refused) return refused;

        switch (request.PaymentId)
        {
            case "pm_hard" or "next_hard":
            case "pm_3ds" or "pm_gone" when intent.IsOrder:
                Become(intent, new ChargeOutcome.HardDeclined("stolen_card", ""));
                break;
            case "pm_soft" or "next_soft":
            case "pm_flaky" when random.Next(2) == 0:
                Become(intent, new ChargeOutcome.SoftDeclined("insufficient_funds", ""));
                break;
            case "pm_slow":
                Become(intent, new ChargeOutcome.Processing());
                break;
            case "pm_3ds":
                Become(intent, new ChargeOutcome.NeedsAuthentication("authentication_required", ""));
                break;
            default:
                Charge(intent);
                break;
        }

        return new IntentSnapshot(intent.Id, intent.State);
    }

    private void Charge(Intent intent)
    {
        var request = intent.Request;
        if (!IsForgotten(request) && Intents.Values.Any(
            one => one != intent && one.Request.RenewalId == request.RenewalId && one is { Charge: not null, WentBack: false }))
            violation($"renewal {request.RenewalId} was charged twice");
        intent.ChargedAt = clock.Now;
        var other = ChargesOtherAmounts ? random.Next(20) : -1;
        Become(intent, new ChargeOutcome.Succeeded(
            $"ch_{++numbers}", other == 0 ? request.AmountMinor / 2 : request.AmountMinor, other == 1 ? "eur" : request.Currency));
    }

    /// <summary>A backup was restored, so that the backend may send anything again for renewals that it sent before.</summary>
    public void Forget()
    {
        foreach (var key in keys.Values)
            if (key.Request is { } request) forgotten.Add(request.RenewalId);
        foreach (var intent in Intents.Values) intent.IsForgotten = true;
        unanswered.Clear();
    }

    private bool IsForgotten(ChargeRequest request) => forgotten.Contains(request.RenewalId);

    private void Become(Intent intent, ChargeOutcome state)
    {
        intent.State = state;
        if (state is ChargeOutcome.HardDeclined) hardDeclined.Add(intent.Request.RenewalId);
        if (intent.IsOrder && !intent.IsSpent && state is not (ChargeOutcome.Succeeded or ChargeOutcome.Processing)) return;
        Emit(intent.Provider, new PaymentFact.IntentChanged(
            Show(intent), intent.Request.RenewalId, intent.Request.SubscriptionId, intent.Request.UserId, intent.Request.DebtsMinor));
    }

    private void Emit(string provider, PaymentFact fact)
    {
        var made = new PaymentEvent(provider, $"evt_{++numbers}", fact.GetType().Name, clock.Now, fact);
        Events.Add(made);
        AllEvents.Add(made);
    }

    private static IntentSnapshot Show(Intent intent) => new(intent.Id, intent switch
    {
        { IsMissing: true } => new ChargeOutcome.Missing(),
        { IsOrder: true, IsSpent: false, State: ChargeOutcome.SoftDeclined or ChargeOutcome.HardDeclined } =>
            new ChargeOutcome.Unconfirmed(),
        _ => intent.State,
    });

    private sealed class PayPalSide(ScheduleGateway bank) : IPaymentGateway
    {
        public string Provider => PaymentProviders.PayPal;

        public TimeSpan IdempotencyKeyLifetime => Lifetime(Provider);

        public bool ReusesIntents => false;

        // The judge knows one minimum.
        public decimal MinimumChargeUsd => bank.MinimumChargeUsd;

        public Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string key, CancellationToken cancellationToken) =>
            bank.CreateAsync(Provider, request, key);

        public Task<IntentSnapshot> ConfirmIntentAsync(
            string intentId, ChargeRequest request, string key, CancellationToken cancellationToken) =>
            bank.ConfirmIntentAsync(intentId, request, key, cancellationToken);

        public Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken) =>
            bank.GetIntentAsync(intentId, cancellationToken);

        public Task<IntentSnapshot> CancelIntentAsync(string intentId, string key, CancellationToken cancellationToken) =>
            bank.CancelIntentAsync(intentId, key, cancellationToken);

        public Task<IntentSnapshot?> FindPaymentAsync(
            ChargeRequest request, DateTimeOffset sentAt, CancellationToken cancellationToken) => bank.SearchAsync(request);

        public Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken) =>
            bank.FindChargeAsync(chargeId, cancellationToken);

        public Task<RefundOutcome> RefundAsync(RefundRequest request, string key, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EvidenceOutcome> SendEvidenceAsync(string disputeId, string text, string key, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }

    private static IntentSnapshot NoAnswer(string reason, TimeSpan? retryAfter = null) =>
        new(null, new ChargeOutcome.Unknown(reason, retryAfter));
}
