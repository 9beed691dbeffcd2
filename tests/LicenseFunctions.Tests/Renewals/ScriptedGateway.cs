using LicenseFunctions.Infrastructure.Payments;
using Licensing.Renewals;

namespace LicenseFunctions.Tests.Renewals;

/// <summary>A gateway that answers what the test says, and remembers what it was asked.</summary>
internal sealed class ScriptedGateway : IPaymentGateway
{
    private readonly Queue<Func<IntentSnapshot>> script = new();

    public List<string> Calls { get; } = [];

    public string Provider => "stripe";

    public TimeSpan IdempotencyKeyLifetime => TimeSpan.FromHours(23);

    /// <summary>The next answer, whatever is asked.</summary>
    public ScriptedGateway Answers(ChargeOutcome outcome, string? intent = "pi_1")
    {
        script.Enqueue(() => new IntentSnapshot(intent, outcome));
        return this;
    }

    /// <summary>The worker dies in this call.</summary>
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

    // An answer per call: a call too many is a failure of the test.
    private async Task<IntentSnapshot> NextAsync(string call)
    {
        Calls.Add(call);
        await Task.CompletedTask;
        return script.Dequeue()();
    }
}
