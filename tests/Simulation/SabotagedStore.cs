using LicenseFunctions.Renewals;
using Licensing.Renewals;
using Npgsql;

namespace Simulation;

/// <summary>A store with a deliberate fault that loses money.</summary>
internal sealed class SabotagedStore(IRenewalStore inner, Sabotage sabotage) : IRenewalStore
{
    public Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        inner.OpenDueAsync(policy, now, limit, cancellationToken);

    public Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken) =>
        inner.OpenAsync(subscriptionId, policy, now, cancellationToken);

    public async Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken) =>
        [.. (await inner.ClaimAsync(selection, now, limit, lease, cancellationToken)).Select(facts => Seen(facts)!)];

    public async Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken) =>
        Seen(await inner.ClaimOneAsync(renewalId, lease, cancellationToken));

    public async Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken) =>
        Seen(await inner.FindAsync(renewalId, cancellationToken));

    public async Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken) =>
        Seen(await inner.FindByIntentAsync(provider, intentId, cancellationToken));

    public async Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken)
    {
        try
        {
            return await inner.SaveAsync(Written(change), writer, cancellationToken);
        }
        catch (PostgresException locked) when (sabotage is Sabotage.LockIsWallet && locked.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return RenewalSave.WalletLocked;
        }
    }

    public Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken) =>
        inner.SaveAllAsync([.. changes.Select(Written)], cancellationToken);

    private RenewalChange Written(RenewalChange change) =>
        sabotage is Sabotage.NoticeSkipped ? change with { Announcement = null } : change;

    public Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken) =>
        inner.FindByRequestAsync(request, cancellationToken);

    public Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken) =>
        inner.RecordAsync(received, sabotage is Sabotage.CasesDropped ? null : concern, cancellationToken);

    public Task SaveReversalAsync(
        PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken) =>
        sabotage is Sabotage.ReversalsDropped
            ? inner.RecordAsync(received, concern: null, cancellationToken)
            : inner.SaveReversalAsync(reversal, received, policy, cancellationToken);

    public Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken) =>
        inner.ApplyReversalsAsync(policy, cancellationToken);

    public Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        inner.SuspendExpiredAsync(policy, now, limit, cancellationToken);

    private RenewalFacts? Seen(RenewalFacts? facts) => facts is null ? null : sabotage switch
    {
        Sabotage.BlockIgnored => facts with { License = facts.License with { Block = null } },
        Sabotage.DisputeIgnored => facts with { License = facts.License with { IsDisputed = false } },
        Sabotage.PriceKept => facts with { PriceUsd = facts.Renewal.AmountUsd ?? facts.PriceUsd },
        Sabotage.NextCardAtOnce => facts with { IsCardDeclined = true },
        Sabotage.MissedEventsIgnored => facts with { UnreadProviders = [] },
        Sabotage.OtherChargeIgnored => facts with { IsAnotherAwaited = false },
        _ => facts,
    };
}
