using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Applies a webhook with the same transition function as every other answer of the provider, so that repeated, late or unordered events
/// lead to the same row. Each event is applied, kept until it can be applied, or becomes a payment case.
/// </summary>
public sealed class ApplyPaymentEvent(
    IRenewalStore store, RenewalGateways gateways, RenewalPolicy policy, TimeProvider clock, Func<Guid>? newId = null)
{
    private const int Tries = 5;

    private readonly Func<Guid> newId = newId ?? Guid.NewGuid;

    /// <exception cref="InvalidOperationException">
    /// Other workers changed the row at every try, its wallet stays locked, or another intent can't be canceled. The provider sends the
    /// event again.
    /// </exception>
    public Task RunAsync(PaymentEvent received, CancellationToken cancellationToken) => received.Fact switch
    {
        PaymentFact.IntentChanged changed => SettleAsync(received, changed, cancellationToken),
        PaymentFact.Reversed { Reversal: var reversal } => store.SaveReversalAsync(reversal, received, policy, cancellationToken),
        PaymentFact.Unreadable { Subject: var subject } => store.RecordAsync(
            received,
            new PaymentCase(
                PaymentCaseReason.UnreadableEvent, subject, null, null, null, null, null, null,
                $"Event {received.EventId} ({received.EventType}) can't be read."),
            cancellationToken),
        _ => store.RecordAsync(received, concern: null, cancellationToken),
    };

    private async Task SettleAsync(PaymentEvent received, PaymentFact.IntentChanged changed, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < Tries; tries++)
        {
            if (await FindAsync(received.Provider, changed, cancellationToken) is not { } facts)
            {
                await store.RecordAsync(received, UnknownRenewal(changed), cancellationToken);
                return;
            }

            if (await WithoutOtherIntentAsync(facts, changed.Intent, cancellationToken) is not { } settled) continue;
            facts = settled;

            if (RenewalSettlement.SettleEvent(facts, received.Provider, changed, newId(), policy, clock.GetUtcNow()) is not { } change)
            {
                await store.RecordAsync(received, concern: null, cancellationToken);
                return;
            }

            var writer = new RenewalWriter(Lease: null, Actor.Service, received);
            var saved = await store.SaveAsync(change, writer, cancellationToken);
            if (saved is RenewalSave.WalletLocked)
                saved = await store.SaveAsync(RenewalSettlement.NotYetApplied(change, clock.GetUtcNow()), writer, cancellationToken);
            if (saved is RenewalSave.ChargeInUse)
                saved = await store.SaveAsync(RenewalSettlement.ChargeInUse(change, clock.GetUtcNow()), writer, cancellationToken);
            if (saved is RenewalSave.ChargeCredited or RenewalSave.ChargeRefunded)
            {
                var isRefunded = saved is RenewalSave.ChargeRefunded;
                var refunded = isRefunded ? change.Case : null;
                var isOfAnother = facts.Renewal.Status is RenewalStatus.Applied || facts.Renewal.IntentId != changed.Intent.IntentId;
                if (isOfAnother && refunded is null)
                {
                    await store.RecordAsync(received, concern: null, cancellationToken);
                    return;
                }

                var released = isOfAnother
                    ? new RenewalChange(facts.Renewal)
                    : RenewalSettlement.WithoutCharge(facts.Renewal, isRefunded);
                saved = await store.SaveAsync(released with { Case = refunded }, writer, cancellationToken);
            }

            if (saved is RenewalSave.Saved or RenewalSave.Repeated) return;
            // The renewal can't stay undecided while its license has another open charge, so only the case tells the operator.
            if (saved is RenewalSave.ChargeOpen && change.Case is { } concern)
            {
                await store.RecordAsync(received, concern, cancellationToken);
                return;
            }
        }

        throw new InvalidOperationException($"Event {received.EventId} could not be applied.");
    }

    // Canceling and booking are saved together: otherwise the renewal could be charged between them.
    private async Task<RenewalFacts?> WithoutOtherIntentAsync(
        RenewalFacts facts, IntentSnapshot reported, CancellationToken cancellationToken)
    {
        var renewal = facts.Renewal;
        if (RenewalSettlement.AttemptToCancel(renewal, reported) is not { } attempt
            || gateways.Find(attempt.Provider) is not { } gateway) return facts;
        var answer = RenewalSettlement.WithoutMissing(
            renewal,
            await gateway.CancelIntentAsync(renewal.IntentId!, ProcessRenewal.CancelKey(attempt, renewal.Lookups), cancellationToken),
            Trigger.Cancel);
        if (RenewalSettlement.Settle(facts, answer, Trigger.Cancel, policy, clock.GetUtcNow()) is not { } change) return facts;
        if (answer.Outcome is ChargeOutcome.Canceled) return facts with { Renewal = change.After };

        // It is paid, or its outcome is open. The next try settles the event beside it.
        await store.SaveAsync(change, new RenewalWriter(Lease: null, Actor.Service), cancellationToken);
        return answer.Outcome is ChargeOutcome.Unknown
            ? throw new InvalidOperationException(
                $"Intent {renewal.IntentId} of {attempt.Provider} is not canceled yet, so the event could not be applied.")
            : null;
    }

    private async Task<RenewalFacts?> FindAsync(
        string provider, PaymentFact.IntentChanged changed, CancellationToken cancellationToken) =>
        (changed.Intent.IntentId is { } intent ? await store.FindByIntentAsync(provider, intent, cancellationToken) : null)
        ?? (changed.RenewalId is { } id ? await store.FindAsync(id, cancellationToken) : null);

    // A charge without the metadata of a renewal belongs to another system that uses the account.
    private static PaymentCase? UnknownRenewal(PaymentFact.IntentChanged changed) =>
        (changed.RenewalId ?? changed.UnprovenRenewalId) is { } renewalId
            && changed.Intent is { IntentId: { } intentId, Outcome: ChargeOutcome.Succeeded paid }
            ? new PaymentCase(
                PaymentCaseReason.UnknownRenewal, intentId, renewalId, changed.SubscriptionId, changed.UserId, paid.TransactionId,
                paid.AmountMinor, paid.Currency,
                changed.RenewalId is null
                    ? "The charge names a renewal, but the payer may have written that: this backend did not sign it."
                    : "The charge names a renewal that doesn't exist.")
            : null;
}
