using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace Simulation;

/// <summary>
/// A gateway with Stripe's semantics: it stores a key's first answer for 24 hours, also a 500; after that the key charges again. An intent
/// succeeds only once. Every change sends a webhook. The faults come from the seed.
/// </summary>
internal sealed class ScheduleGateway(Scheduler scheduler, ScheduleClock clock, Random random, Action<string> violation) : IPaymentGateway
{
    private static readonly TimeSpan KeyMemory = TimeSpan.FromHours(24);

    private readonly Dictionary<string, (DateTimeOffset At, ChargeRequest? Request, string? Intent, IntentSnapshot Answer)> keys = [];
    private readonly HashSet<string> unanswered = [];
    private int numbers;

    internal sealed class Intent(string id, ChargeRequest request)
    {
        public string Id { get; } = id;
        public ChargeRequest Request { get; } = request;
        public ChargeOutcome State { get; set; } = new ChargeOutcome.Unconfirmed();
    }

    public string Provider => "stripe";

    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    /// <summary>Percentage of calls that fail.</summary>
    public int FaultRate { get; set; }

    /// <summary>Calls that time out and are executed later, in any order.</summary>
    public List<Action> Delayed { get; } = [];

    public List<PaymentEvent> Events { get; } = [];

    public Dictionary<string, Intent> Intents { get; } = [];

    /// <summary>Number of charges of each renewal; the simulation compares it with the bookings.</summary>
    public Dictionary<Guid, int> Charges { get; } = [];

    public Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        CallAsync(idempotencyKey, request, null, () =>
        {
            var intent = new Intent($"pi_{++numbers}", request);
            Intents.Add(intent.Id, intent);
            return Show(intent);
        });

    public Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        foreach (var other in unanswered)
            if (other != intentId && Intents[other].Request.SubscriptionId == request.SubscriptionId)
                violation($"{intentId} is confirmed while the outcome of {other}, of the same license, is open");
        // A paid intent can't be charged again, so a late confirmation of it opens nothing.
        if (Intents[intentId].State is not (ChargeOutcome.Succeeded or ChargeOutcome.Canceled)) unanswered.Add(intentId);
        return AnswerAsync(intentId, CallAsync(idempotencyKey, request, intentId, () => Confirm(Intents[intentId], request)));
    }

    public Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken) =>
        AnswerAsync(intentId, CallAsync(null, null, intentId, () => Show(Intents[intentId])));

    public Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken) =>
        AnswerAsync(intentId, CallAsync(idempotencyKey, null, intentId, () =>
        {
            var intent = Intents[intentId];
            if (intent.State is not (ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing))
                Become(intent, new ChargeOutcome.Canceled("requested"));
            return Show(intent);
        }));

    // No schedule has an operator who refunds or sends evidence.
    public Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>The backend, or an operator, is told the state of the intent in another way than by an answer.</summary>
    public void Heard(string intentId) => unanswered.Remove(intentId);

    private async Task<IntentSnapshot> AnswerAsync(string intentId, Task<IntentSnapshot> call)
    {
        var answer = await call;
        if (answer.Outcome is not (ChargeOutcome.Unknown or ChargeOutcome.Processing)) Heard(intentId);
        return answer;
    }

    /// <summary>The customer authenticates on the bank's page.</summary>
    public void Authenticate(Intent intent, bool passes)
    {
        if (intent.State is not ChargeOutcome.NeedsAuthentication) return;
        if (passes) Charge(intent, intent.Request);
        else Become(intent, new ChargeOutcome.SoftDeclined("authentication_failed", ""));
    }

    /// <summary>The bank decides about a payment in processing.</summary>
    public void Process(Intent intent, bool pays)
    {
        if (intent.State is not ChargeOutcome.Processing) return;
        if (pays) Charge(intent, intent.Request);
        else Become(intent, new ChargeOutcome.SoftDeclined("insufficient_funds", ""));
    }

    /// <summary>A full or partial refund that may fail, or a dispute that may be lost and won after all.</summary>
    public void TakeBack(Intent intent)
    {
        if (intent.State is not ChargeOutcome.Succeeded paid) return;
        var amount = random.Next(2) == 0 ? paid.AmountMinor : paid.AmountMinor / 2;
        if (random.Next(2) == 0)
        {
            var refund = $"re_{++numbers}";
            if (random.Next(2) == 0) Reverse(ReversalKind.RefundTotal, paid.TransactionId, ReversalState.Succeeded);
            Reverse(ReversalKind.Refund, refund, ReversalState.Succeeded);
            if (random.Next(4) == 0) Reverse(ReversalKind.Refund, refund, ReversalState.Failed);
            return;
        }

        var dispute = $"du_{++numbers}";
        Reverse(ReversalKind.Dispute, dispute, ReversalState.Open);
        var lost = random.Next(2) == 0;
        if (lost) Reverse(ReversalKind.Dispute, dispute, ReversalState.Lost);
        if (!lost || random.Next(4) == 0) Reverse(ReversalKind.Dispute, dispute, ReversalState.Won);

        void Reverse(ReversalKind kind, string id, ReversalState state) => Emit(new PaymentFact.Reversed(new PaymentReversal(
            kind, id, state, amount, intent.Request.Currency, intent.Id, paid.TransactionId, null, clock.Now)));
    }

    private async Task<IntentSnapshot> CallAsync(string? key, ChargeRequest? request, string? intent, Func<IntentSnapshot> effect)
    {
        // Canceling again changes nothing.
        if (key is not null && request is not null && keys.TryGetValue(key, out var before) && clock.Now - before.At >= KeyMemory)
            violation($"key {key} was sent again after its lifetime");
        await scheduler.Pause();
        switch (random.Next(100) < FaultRate ? random.Next(5) : -1)
        {
            case 0:
                return Unanswered("connection refused");
            case 1:
                return Unanswered("429", TimeSpan.FromSeconds(random.Next(1, 900)));
            case 2:
                Delayed.Add(() => Answer(key, request, intent, effect));
                return Unanswered("timed out");
            case 3:
                Answer(key, request, intent, () => { effect(); return Unanswered("500"); });
                await scheduler.Pause();
                return Unanswered("500");
            case 4:
                Answer(key, request, intent, effect);
                await scheduler.Pause();
                return Unanswered("answer lost");
            default:
                var answer = Answer(key, request, intent, effect);
                await scheduler.Pause();
                return answer;
        }
    }

    private IntentSnapshot Answer(string? key, ChargeRequest? request, string? intent, Func<IntentSnapshot> effect)
    {
        if (key is null) return effect();
        if (keys.TryGetValue(key, out var known) && clock.Now - known.At < KeyMemory)
        {
            if (known.Request == request && known.Intent == intent) return known.Answer;
            violation($"key {key} was sent again with other parameters");
            return Unanswered("idempotency_error");
        }

        var answer = effect();
        keys[key] = (clock.Now, request, intent, answer);
        return answer;
    }

    private IntentSnapshot Confirm(Intent intent, ChargeRequest request)
    {
        if (intent.State is ChargeOutcome.Succeeded or ChargeOutcome.Canceled or ChargeOutcome.Processing) return Show(intent);

        switch (request.PaymentId)
        {
            case "pm_hard":
                Become(intent, new ChargeOutcome.HardDeclined("stolen_card", ""));
                break;
            case "pm_soft":
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
                Charge(intent, request);
                break;
        }

        return Show(intent);
    }

    private void Charge(Intent intent, ChargeRequest request)
    {
        Charges[request.RenewalId] = Charges.GetValueOrDefault(request.RenewalId) + 1;
        if (Charges[request.RenewalId] > 1) violation($"renewal {request.RenewalId} was charged twice");
        Become(intent, new ChargeOutcome.Succeeded($"ch_{++numbers}", request.AmountMinor));
    }

    private void Become(Intent intent, ChargeOutcome state)
    {
        intent.State = state;
        Emit(new PaymentFact.IntentChanged(Show(intent), intent.Request.RenewalId));
    }

    private void Emit(PaymentFact fact) => Events.Add(new PaymentEvent(Provider, $"evt_{++numbers}", fact.GetType().Name, clock.Now, fact));

    private static IntentSnapshot Show(Intent intent) => new(intent.Id, intent.State);

    private static IntentSnapshot Unanswered(string reason, TimeSpan? retryAfter = null) =>
        new(null, new ChargeOutcome.Unknown(reason, retryAfter));
}
