using LicenseFunctions.Renewals;
using Licensing.Renewals;

namespace Simulation;

/// <summary>Pauses before and after each transaction. During a pause a worker may crash, or its lease may end.</summary>
internal sealed class PausingStore(IRenewalStore inner, Scheduler scheduler) : IRenewalStore
{
    public Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.OpenDueAsync(policy, now, limit, cancellationToken));

    public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.OpenAsync(subscriptionId, policy, now, cancellationToken));

    public Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.ClaimAsync(selection, now, limit, lease, cancellationToken));

    public Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.ClaimOneAsync(renewalId, lease, cancellationToken));

    public Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindAsync(renewalId, cancellationToken));

    public Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindByIntentAsync(provider, intentId, cancellationToken));

    public Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.SaveAsync(change, writer, cancellationToken));

    public Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindByRequestAsync(request, cancellationToken));

    public async Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken)
    {
        await scheduler.Pause();
        await inner.RecordAsync(received, concern, cancellationToken);
    }

    public async Task SaveReversalAsync(
        PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken)
    {
        await scheduler.Pause();
        await inner.SaveReversalAsync(reversal, received, policy, cancellationToken);
    }

    public Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.ApplyReversalsAsync(policy, cancellationToken));

    public Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.SuspendExpiredAsync(policy, now, limit, cancellationToken));

    private async Task<T> BetweenAsync<T>(Func<Task<T>> transaction)
    {
        await scheduler.Pause();
        var result = await transaction();
        await scheduler.Pause();
        return result;
    }
}
