using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Applies a webhook with the same transition function as every other answer of the provider, so that repeated, late or unordered events
/// lead to the same row. If an event can't be applied, an exception is thrown, so that the provider sends the event again.
/// </summary>
public sealed class ApplyPaymentEvent(IRenewalStore store, RenewalPolicy policy, TimeProvider clock)
{
    private const int Tries = 5;

    /// <exception cref="InvalidOperationException">
    /// Other workers changed the row at every try, its wallet stays locked, or the money was returned before the payment was recorded.
    /// </exception>
    public async Task RunAsync(PaymentEvent received, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < Tries; tries++)
        {
            if (await FindAsync(received, cancellationToken) is not { } facts || Change(facts, received.Fact) is not { } change)
            {
                await store.RecordAsync(received, cancellationToken);
                return;
            }

            var writer = new RenewalWriter(Lease: null, Actor.Service, received);
            var saved = await store.SaveAsync(change, writer, cancellationToken);
            if (saved is RenewalSave.WalletLocked)
                saved = await store.SaveAsync(RenewalSettlement.NotYetApplied(change, clock.GetUtcNow()), writer, cancellationToken);
            if (saved is RenewalSave.Saved or RenewalSave.Repeated) return;
        }

        throw new InvalidOperationException($"Event {received.EventId} could not be applied.");
    }

    private async Task<RenewalFacts?> FindAsync(PaymentEvent received, CancellationToken cancellationToken) => received.Fact switch
    {
        PaymentFact.IntentChanged { Intent.IntentId: { } intent, RenewalId: var renewal } =>
            await store.FindByIntentAsync(received.Provider, intent, cancellationToken)
            ?? (renewal is { } id ? await store.FindAsync(id, cancellationToken) : null),
        PaymentFact.Refunded { IntentId: var intent } => await store.FindByIntentAsync(received.Provider, intent, cancellationToken),
        PaymentFact.DisputeOpened { IntentId: var intent } => await store.FindByIntentAsync(received.Provider, intent, cancellationToken),
        PaymentFact.DisputeClosed { IntentId: var intent } => await store.FindByIntentAsync(received.Provider, intent, cancellationToken),
        _ => null,
    };

    private RenewalChange? Change(RenewalFacts facts, PaymentFact fact) => fact switch
    {
        PaymentFact.IntentChanged changed => RenewalSettlement.Settle(facts, changed.Intent, Trigger.Event, policy, clock.GetUtcNow()),
        _ when facts.Renewal.IsChargeOpen =>
            throw new InvalidOperationException($"Renewal {facts.Renewal.RenewalId}: money was returned before the payment was recorded."),
        _ => RenewalRequests.ReturnMoney(facts, fact, clock.GetUtcNow()),
    };
}
