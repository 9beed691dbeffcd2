using LicenseFunctions.Infrastructure.Http;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Processes one claimed renewal: plans the next step, calls the provider if the step requires it, saves, and repeats until no step is due.
/// If the process crashes, the next worker that claims the renewal continues from the saved state.
/// </summary>
public sealed class ProcessRenewal(
    IRenewalStore store, RenewalGateways gateways, RenewalPolicy policy, SignedLinks links, TimeProvider clock)
{
    /// <summary>More than twice the longest call to a provider (its timeout with one retry).</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(3);

    // A charge takes five steps. More than 12 steps indicate a state machine that does not terminate.
    private const int MostSteps = 12;

    /// <summary>Idempotency key of a cancellation. It changes after an uncertain answer, which the provider may have stored.</summary>
    internal static string CancelKey(RenewalAttempt attempt, int lookups) => $"cancel-{attempt.AttemptId:N}-{lookups}";

    /// <returns>The renewal as saved last; null if another worker took it over.</returns>
    public async Task<Renewal?> RunAsync(RenewalFacts facts, CancellationToken cancellationToken)
    {
        for (var step = 0; step < MostSteps; step++)
        {
            if (await NextChangeAsync(facts, cancellationToken) is not { } change) return facts.Renewal;

            var saved = await store.SaveAsync(change, new RenewalWriter(IsIdle(change.After) ? TimeSpan.Zero : Lease), cancellationToken);
            switch (saved)
            {
                case RenewalSave.Saved:
                    facts = facts with { Renewal = change.Saved };
                    break;
                case RenewalSave.WalletShort:
                    facts = facts with { WalletUsd = 0 };
                    break;
                case RenewalSave.ChargeOpen:
                    facts = facts with { IsAnotherAwaited = true };
                    break;
                case RenewalSave.ChargeCredited or RenewalSave.ChargeRefunded:
                    var isRefunded = saved is RenewalSave.ChargeRefunded;
                    var released = RenewalSettlement.WithoutCharge(facts.Renewal, isRefunded) with
                    {
                        Case = isRefunded ? change.Case : null,
                    };
                    saved = await store.SaveAsync(
                        released, new RenewalWriter(IsIdle(released.After) ? TimeSpan.Zero : Lease), cancellationToken);
                    if (saved is not RenewalSave.Saved) return null;
                    facts = facts with { Renewal = released.Saved };
                    break;
                case RenewalSave.WalletLocked:
                    return await PostponeAsync(facts.Renewal, change, cancellationToken);
                case RenewalSave.ChargeInUse:
                    var undecided = RenewalSettlement.ChargeInUse(change, clock.GetUtcNow());
                    saved = await store.SaveAsync(undecided, new RenewalWriter(TimeSpan.Zero), cancellationToken);
                    return saved is RenewalSave.Saved ? undecided.Saved : null;
                default:
                    return null;
            }
        }

        throw new InvalidOperationException($"Renewal {facts.Renewal.RenewalId} is not settled after {MostSteps} steps.");
    }

    /// <summary>
    /// Saves, in one transaction, the renewals that need no provider and no further step. At most one renewal of each license and customer,
    /// because each decision is based on the wallet before the transaction.
    /// </summary>
    /// <returns>The renewals that are left: <see cref="RunAsync"/> processes each of them by itself.</returns>
    public async Task<IReadOnlyList<RenewalFacts>> RunTogetherAsync(
        IReadOnlyList<RenewalFacts> claimed, CancellationToken cancellationToken)
    {
        var (customers, licenses) = (new HashSet<Guid>(), new HashSet<Guid>());
        var (changes, left) = (new List<RenewalChange>(), new List<RenewalFacts>());
        foreach (var facts in claimed)
        {
            if (Plan(facts) is RenewalStep.Save { Change: { After: { Attempt: null } after } change } && IsIdle(after)
                && customers.Add(after.UserId) && licenses.Add(after.SubscriptionId))
                changes.Add(change);
            else left.Add(facts);
        }

        return changes.Count == 0 || await store.SaveAllAsync(changes, cancellationToken) ? left : claimed;
    }

    private async Task<RenewalChange?> NextChangeAsync(RenewalFacts facts, CancellationToken cancellationToken)
    {
        switch (Plan(facts))
        {
            case RenewalStep.Save save:
                return save.Change;
            case RenewalStep.CreateIntent { Attempt: var attempt }:
                return Settle(facts, Trigger.Create, await gateways.Of(attempt)
                    .CreateIntentAsync(attempt.Request, attempt.CreateKey(facts.Renewal.Lookups), cancellationToken));
            case RenewalStep.Confirm { IntentId: var intent, Attempt: var attempt }:
                var answer = await gateways.Of(attempt).ConfirmIntentAsync(intent, attempt.Request, attempt.ConfirmKey, cancellationToken);
                // A key may return a stored 500 or "processing" for its whole lifetime; the intent itself shows the present state.
                return answer.Outcome is ChargeOutcome.Unknown or ChargeOutcome.Processing && facts.Renewal.Status is RenewalStatus.Unknown
                    ? await LookUpAsync(facts, intent, attempt, cancellationToken)
                    : Settle(facts, Trigger.Confirm, answer);
            case RenewalStep.LookUp { IntentId: var intent, Attempt: var attempt }:
                return await LookUpAsync(facts, intent, attempt, cancellationToken);
            case RenewalStep.CancelIntent { IntentId: var intent, Attempt: var attempt }:
                return Settle(facts, Trigger.Cancel, await gateways.Of(attempt)
                    .CancelIntentAsync(intent, CancelKey(attempt, facts.Renewal.Lookups), cancellationToken));
            default:
                return null;
        }
    }

    private RenewalStep Plan(RenewalFacts facts)
    {
        var step = RenewalPlan.Next(facts, policy, clock.GetUtcNow(), gateways.NewAttemptId());
        if (step is not RenewalStep.Save { Change: { Notice: { Template: "price_consent" } question } change }) return step;

        var link = links.Path(
            ConsentToPrice.Purpose, change.After.RenewalId, change.After.GivesUpAt, ConsentToPrice.Stated(change.After));
        return new RenewalStep.Save(change with { Notice = question with { Link = link } });
    }

    private async Task<RenewalChange?> LookUpAsync(
        RenewalFacts facts, string intent, RenewalAttempt attempt, CancellationToken cancellationToken)
    {
        var gateway = gateways.Of(attempt);
        var answer = await gateway.GetIntentAsync(intent, cancellationToken);
        if (answer.Outcome is ChargeOutcome.Missing && facts.Renewal.IsChargeOpen)
            answer = await gateway.FindPaymentAsync(attempt.Request, attempt.FirstSentAt, cancellationToken) ?? answer;
        return Settle(facts, Trigger.LookUp, answer);
    }

    private RenewalChange? Settle(RenewalFacts facts, Trigger trigger, IntentSnapshot answer) =>
        RenewalSettlement.Settle(
            facts, RenewalSettlement.WithoutMissing(facts.Renewal, answer, trigger), trigger, policy, clock.GetUtcNow());

    // A card's charge is saved as succeeded and booked later. A wallet payment stays due; its one-minute lease delays the next attempt.
    private async Task<Renewal?> PostponeAsync(Renewal renewal, RenewalChange change, CancellationToken cancellationToken)
    {
        var (later, held) = change.After.PaidWith is PaidWith.Card
            ? (RenewalSettlement.NotYetApplied(change, clock.GetUtcNow()), TimeSpan.Zero)
            : (new RenewalChange(renewal), RenewalPolicy.WalletRetry);
        var saved = await store.SaveAsync(later, new RenewalWriter(held), cancellationToken);
        return saved is RenewalSave.Saved ? later.Saved : null;
    }

    private bool IsIdle(Renewal renewal) => renewal.NextActionAt is not { } at || at > clock.GetUtcNow();
}
