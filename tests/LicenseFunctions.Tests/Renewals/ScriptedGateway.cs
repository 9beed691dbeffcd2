using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>A gateway that gives the answers of the test, and records the calls.</summary>
internal sealed class ScriptedGateway : IPaymentGateway
{
    private readonly Queue<Func<IntentSnapshot>> script = new();
    private readonly Queue<object?> others = new();

    public List<string> Calls { get; } = [];

    public string Provider => "stripe";

    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    /// <summary>Adds the answer to the next call, of any kind.</summary>
    public ScriptedGateway Answers(ChargeOutcome outcome, string? intent = "pi_1")
    {
        script.Enqueue(() => new IntentSnapshot(intent, outcome));
        return this;
    }

    /// <summary>Adds the answer to the next call about a refund or evidence: an outcome, null for none, or an exception.</summary>
    public ScriptedGateway AnswersOther(object? outcome)
    {
        others.Enqueue(outcome);
        return this;
    }

    /// <summary>The next call ends the worker.</summary>
    public ScriptedGateway Dies()
    {
        script.Enqueue(() => throw new OperationCanceledException("killed"));
        return this;
    }

    public Task<IntentSnapshot> CreateIntentAsync(ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        NextAsync($"create {idempotencyKey}");

    public Task<IntentSnapshot> ConfirmIntentAsync(
        string intentId, ChargeRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        NextAsync($"confirm {idempotencyKey}");

    public Task<IntentSnapshot> GetIntentAsync(string intentId, CancellationToken cancellationToken) => NextAsync($"get {intentId}");

    public Task<IntentSnapshot> CancelIntentAsync(string intentId, string idempotencyKey, CancellationToken cancellationToken) =>
        NextAsync($"cancel {intentId}");

    public Task<RefundOutcome> RefundAsync(RefundRequest request, string idempotencyKey, CancellationToken cancellationToken) =>
        OtherAsync<RefundOutcome>($"refund {request.AmountMinor} {idempotencyKey}")!;

    public Task<RefundOutcome?> FindRefundAsync(RefundRequest request, CancellationToken cancellationToken) =>
        OtherAsync<RefundOutcome>($"find {request.RefundId:N}");

    public Task<EvidenceOutcome> SendEvidenceAsync(
        string disputeId, string text, string idempotencyKey, CancellationToken cancellationToken) =>
        OtherAsync<EvidenceOutcome>($"evidence {disputeId} {text}")!;

    public Task<EvidenceOutcome?> FindEvidenceAsync(string disputeId, CancellationToken cancellationToken) =>
        OtherAsync<EvidenceOutcome>($"find {disputeId}");

    private async Task<T?> OtherAsync<T>(string call) where T : class
    {
        Calls.Add(call);
        await Task.CompletedTask;
        return others.Dequeue() switch
        {
            Exception lost => throw lost,
            var answer => (T?)answer,
        };
    }

    // One answer per call, so an unexpected call fails the test.
    private async Task<IntentSnapshot> NextAsync(string call)
    {
        Calls.Add(call);
        await Task.CompletedTask;
        return script.Dequeue()();
    }
}
