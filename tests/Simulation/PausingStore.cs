using LicenseFunctions.Renewals;
using Licensing.Renewals;

namespace Simulation;

/// <summary>
/// Pauses before and after each transaction. During a pause a worker may crash, or its lease may end. Some transactions find wallets or
/// rows locked. The judge sees each of them.
/// </summary>
internal sealed class PausingStore(IWorld world, IRenewalStore inner, Scheduler scheduler, Judge judge) : IRenewalStore
{
    /// <summary>Which locks stop the next transaction.</summary>
    public Func<(bool Wallets, bool Rows)> Locks { get; set; } = () => (false, false);

    public Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.OpenDueAsync(policy, now, limit, cancellationToken));

    public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.OpenAsync(subscriptionId, policy, now, cancellationToken));

    public Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken) =>
        BetweenAsync(async () =>
        {
            var claimed = await inner.ClaimAsync(selection, now, limit, lease, cancellationToken);
            foreach (var facts in claimed) judge.Claimed(facts.Renewal);
            return claimed;
        });

    public Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
        BetweenAsync(async () =>
        {
            var claimed = await inner.ClaimOneAsync(renewalId, lease, cancellationToken);
            if (claimed is not null) judge.Claimed(claimed.Renewal);
            return claimed;
        });

    public Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindAsync(renewalId, cancellationToken));

    public Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindByIntentAsync(provider, intentId, cancellationToken));

    public Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken) =>
        BetweenAsync(async () =>
        {
            var before = judge.Before(change.After.RenewalId);
            var saved = await LockedAsync(() => inner.SaveAsync(change, writer, cancellationToken));
            if (saved is RenewalSave.Saved) judge.Saved(before, change);
            return saved;
        });

    public Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken) =>
        BetweenAsync(async () =>
        {
            var before = changes.Select(change => judge.Before(change.After.RenewalId)).ToList();
            var saved = await LockedAsync(() => inner.SaveAllAsync(changes, cancellationToken));
            for (var i = 0; saved && i < changes.Count; i++) judge.Saved(before[i], changes[i]);
            return saved;
        });

    public Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.FindByRequestAsync(request, cancellationToken));

    public async Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken)
    {
        await scheduler.Pause();
        await LockedAsync(async () =>
        {
            await inner.RecordAsync(received, concern, cancellationToken);
            return true;
        });
    }

    public async Task SaveReversalAsync(
        PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken)
    {
        await scheduler.Pause();
        var before = judge.Before(reversal);
        await LockedAsync(async () =>
        {
            await inner.SaveReversalAsync(reversal, received, policy, cancellationToken);
            return true;
        });
        judge.Told(before, received, reversal);
    }

    public Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.ApplyReversalsAsync(policy, cancellationToken));

    public Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        BetweenAsync(() => inner.SuspendExpiredAsync(policy, now, limit, cancellationToken));

    private async Task<T> LockedAsync<T>(Func<Task<T>> transaction)
    {
        var (wallets, rows) = Locks();
        if (!wallets && !rows) return await transaction();
        world.Lock(wallets, rows);
        try
        {
            return await transaction();
        }
        finally
        {
            world.Lock(wallets: false, rows: false);
        }
    }

    private async Task<T> BetweenAsync<T>(Func<Task<T>> transaction)
    {
        await scheduler.Pause();
        var result = await transaction();
        await scheduler.Pause();
        return result;
    }
}
