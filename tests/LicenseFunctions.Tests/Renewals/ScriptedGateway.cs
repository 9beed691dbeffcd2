using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>A gateway that gives the answers of the test, and records the calls.</summary>
internal sealed class ScriptedGateway : IPaymentGateway
{
    private readonly Queue<Func<IntentSnapshot>> script = new();

    public List<string> Calls { get; } = [];

    public string Provider => "stripe";

    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    /// <summary>Adds the answer to the next call, of any kind.</summary>
    public ScriptedGateway Answers(ChargeOutcome outcome, string? intent = "pi_1")
    {
        script.Enqueue(() => new IntentSnapshot(intent, outcome));
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

    // One answer per call, so an unexpected call fails the test.
    private async Task<IntentSnapshot> NextAsync(string call)
    {
        Calls.Add(call);
        await Task.CompletedTask;
        return script.Dequeue()();
    }
}
