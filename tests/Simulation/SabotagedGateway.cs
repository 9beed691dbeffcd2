using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace Simulation;

/// <summary>A gateway with a deliberate fault that loses money.</summary>
internal sealed class SabotagedGateway(IPaymentGateway inner, Sabotage sabotage) : IPaymentGateway
{
    private int calls;

    public string Provider => inner.Provider;

    public TimeSpan IdempotencyKeyLifetime => inner.IdempotencyKeyLifetime;

    public decimal MinimumChargeUsd => inner.MinimumChargeUsd;

    public bool ReusesIntents => inner.ReusesIntents;

    public async Task<IntentSnapshot> CreateIntentAsync(
        ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        Seen(await inner.CreateIntentAsync(request, idempotencyKey, cancellationToken));

    public async Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken)
    {
        if (sabotage is not Sabotage.IntentPerCall)
            return Seen(await inner.ConfirmIntentAsync(intentId, request, idempotencyKey, cancellationToken));

        var fresh = await inner.CreateIntentAsync(request, $"fresh-{Provider}-{++calls}", cancellationToken);
        return fresh.IntentId is { } id
            ? await inner.ConfirmIntentAsync(id, request, $"confirm-{Provider}-{calls}", cancellationToken)
            : fresh;
    }

    public async Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken)
    {
        var answer = await inner.GetIntentAsync(intentId, cancellationToken);
        return sabotage is Sabotage.RefusalIsUnknown ? Seen(answer) : answer;
    }

    public Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken) =>
        sabotage is Sabotage.CancelSkipped
            ? Task.FromResult(new IntentSnapshot(intentId, new ChargeOutcome.Canceled("sabotaged")))
            : inner.CancelIntentAsync(intentId, idempotencyKey, cancellationToken);

    public Task<IntentSnapshot?> FindPaymentAsync(
        ChargeRequest request, DateTimeOffset sentAt, CancellationToken cancellationToken) =>
        inner.FindPaymentAsync(request, sentAt, cancellationToken);

    public Task<ChargeLookup?> FindChargeAsync(string chargeId, CancellationToken cancellationToken) =>
        inner.FindChargeAsync(chargeId, cancellationToken);

    public Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        inner.RefundAsync(request, idempotencyKey, cancellationToken);

    public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) =>
        inner.FindRefundAsync(request, cancellationToken);

    public Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken) =>
        inner.SendEvidenceAsync(disputeId, text, idempotencyKey, cancellationToken);

    public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) =>
        inner.FindEvidenceAsync(disputeId, cancellationToken);

    private IntentSnapshot Seen(IntentSnapshot answer) => (sabotage, answer.Outcome) switch
    {
        (Sabotage.UnknownIsFailed, ChargeOutcome.Unknown) => answer with { Outcome = new ChargeOutcome.SoftDeclined("failed", "") },
        (Sabotage.RefusalIsUnknown, ChargeOutcome.HardDeclined) => answer with { Outcome = new ChargeOutcome.Unknown("refused") },
        _ => answer,
    };
}
