using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>Which renewals a worker claims.</summary>
public enum RenewalSelection
{
    /// <summary>All due renewals.</summary>
    All,

    /// <summary>Due renewals for which <see cref="RenewalStatuses.IsAwaitingProvider"/> is true. The reconciler processes these.</summary>
    AwaitingProvider,

    /// <summary>
    /// Of the renewals that are due first, those whose amount the customer's wallet covers and that have no intent and no open charge: most
    /// of them need no provider. None if all of the first ones are others.
    /// </summary>
    CoveredByWallet,
}

/// <summary>The result of a write. Only <see cref="Saved"/> means that something was written.</summary>
public enum RenewalSave
{
    Saved,

    /// <summary>Another worker wrote or claimed the row since it was read, or the writer's lease has expired.</summary>
    Fenced,

    /// <summary>The wallet's balance became too low.</summary>
    WalletShort,

    /// <summary>Another renewal of the license has an open charge: nothing else may be charged.</summary>
    ChargeOpen,

    /// <summary>Another booking has locked the wallet: try again later.</summary>
    WalletLocked,

    /// <summary>The event was applied before.</summary>
    Repeated,

    /// <summary>The provider's charge already paid another renewal.</summary>
    ChargeInUse,

    /// <summary>The provider's charge was credited to the wallet: it pays nothing.</summary>
    ChargeCredited,

    /// <summary>The provider's charge was refunded before it was booked: it pays nothing.</summary>
    ChargeRefunded,
}

/// <summary>The writer of a change.</summary>
/// <param name="Lease">How long the writer keeps its claim; zero releases it; null for a writer without a claim.</param>
/// <param name="Actor">The actor of the audit row; null for the system.</param>
/// <param name="Event">The webhook that led to the change; its inbox row is committed with it.</param>
/// <param name="Request">The request that led to the change; its key is committed with it.</param>
public sealed record RenewalWriter(TimeSpan? Lease, Actor? Actor = null, PaymentEvent? Event = null, RenewalRequestKey? Request = null);

/// <summary>An Idempotency-Key of one caller.</summary>
/// <param name="Key">1 to 255 characters, chosen by the caller.</param>
public sealed record RenewalRequestKey(Guid CallerId, string Key);

/// <summary>
/// Stores renewals and everything that their transactions change. It is an interface because the simulation has a store in memory, which
/// must behave in the same way. RenewalStoreTests run against both stores.
/// </summary>
public interface IRenewalStore
{
    /// <summary>
    /// Opens a renewal for each active license with auto-renewal that expires within the policy's warning time, or expired after
    /// <see cref="RenewalPolicy.OpensAfter"/>, or was suspended over the end of its grace and is reinstated.
    /// </summary>
    /// <returns>How many renewals were opened or reopened; fewer than <paramref name="limit"/> if there are no more.</returns>
    Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The row of a manual renewal. If a charge of the license is open, this is its row. From the warning time before expiry on, this is
    /// the next period's row, inserted if it is missing. Before that, it is the row that paid for the present period, so that a repeated
    /// request never pays for another one. If the platform moved the expiry back to the start of a paid period, it is a row of its own.
    /// </summary>
    /// <returns>Null if there is neither.</returns>
    Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Claims due rows without a valid lease, in one statement, and increments their fences.</summary>
    Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Claims one row, due or not.</summary>
    /// <returns>Null if another worker has claimed it.</returns>
    Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken);

    Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken);

    Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken);

    /// <summary>
    /// Commits a change with everything that belongs to it in one transaction. The row's fence must equal the fence of the change, and the
    /// writer's lease must not have expired. The fence is incremented, so that changes based on older reads are rejected.
    /// </summary>
    Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken);

    /// <summary>
    /// Commits claimed changes of different licenses and different customers in one transaction, and ends their claims. It waits for
    /// locks for a shorter time than <see cref="SaveAsync"/>.
    /// </summary>
    /// <returns>False if one of them can't be committed now; then nothing is written.</returns>
    Task<bool> SaveAllAsync(IReadOnlyList<RenewalChange> changes, CancellationToken cancellationToken);

    /// <summary>The renewal of an earlier request with this key; null for none.</summary>
    Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken);

    /// <summary>Records a webhook that changes no renewal, with the case of a person who must decide about it.</summary>
    Task RecordAsync(PaymentEvent received, PaymentCase? concern, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps a refund or dispute with the webhook that reported it, and applies it if its renewal is paid. Otherwise it is applied in the
    /// transaction that books the payment. If its charge is not known, an operator must decide.
    /// </summary>
    Task SaveReversalAsync(PaymentReversal reversal, PaymentEvent received, RenewalPolicy policy, CancellationToken cancellationToken);

    /// <summary>
    /// Applies refunds and disputes that still wait although their renewals are paid, and opens cases for those that wait too long.
    /// </summary>
    /// <returns>Of how many renewals.</returns>
    Task<int> ApplyReversalsAsync(RenewalPolicy policy, CancellationToken cancellationToken);

    /// <summary>Suspends licenses whose grace is over, unless a renewal is in progress or must still be opened.</summary>
    /// <returns>How many were suspended; <paramref name="limit"/> if there may be more.</returns>
    Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken);
}
