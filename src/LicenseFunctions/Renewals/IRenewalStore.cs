using LicenseFunctions.Infrastructure.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>Which renewals a worker wants.</summary>
public enum RenewalSelection
{
    /// <summary>Whatever is due.</summary>
    All,

    /// <summary>Only those that wait for a gateway's answer: what the reconciler looks after.</summary>
    Open,
}

/// <summary>How a write ended. Anything but <see cref="Saved"/> wrote nothing.</summary>
public enum RenewalSave
{
    Saved,

    /// <summary>Somebody else wrote or claimed since, or the writer's lease is over.</summary>
    Fenced,

    /// <summary>The wallet holds less than it did.</summary>
    WalletShort,

    /// <summary>The wallet is locked by another booking: try again, it isn't a failure.</summary>
    WalletLocked,

    /// <summary>The event was handled before.</summary>
    Repeated,
}

/// <summary>Who writes.</summary>
/// <param name="Lease">For the holder of a claim: how long it is held on, zero to let go; null for one who holds none.</param>
/// <param name="Actor">Of the audit row; the system where it isn't said.</param>
/// <param name="Event">The webhook whose effect this is: its inbox row commits with it.</param>
/// <param name="Request">The request whose effect this is: its key commits with it.</param>
public sealed record RenewalWriter(TimeSpan? Lease, Actor? Actor = null, PaymentEvent? Event = null, RenewalRequestKey? Request = null);

/// <summary>An Idempotency-Key, of one caller.</summary>
/// <param name="Key">1 to 255 characters, the caller's own.</param>
public sealed record RenewalRequestKey(Guid CallerId, string Key);

/// <summary>
/// Renewals and all that their transactions touch. The one store behind an interface: PostgreSQL, and the simulation's
/// memory, which has to behave alike.
/// </summary>
public interface IRenewalStore
{
    /// <summary>
    /// Makes a row for each active license with auto-renewal that expires within the warning days, or did so within the
    /// grace and <see cref="RenewalPolicy.CatchUp"/>.
    /// </summary>
    /// <returns>How many it made or reopened; fewer than <paramref name="limit"/> when there are no more.</returns>
    Task<int> OpenDueAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The row that a renewal by hand is about: the next period's from the warning days before expiry on, made if need be;
    /// before that the one that paid for the present period, so that a repeated request never pays for another one.
    /// </summary>
    /// <returns>Null where there is neither.</returns>
    Task<Guid?> OpenAsync(Guid subscriptionId, RenewalPolicy policy, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Takes due rows that nobody holds, in one statement; their fence grows.</summary>
    Task<IReadOnlyList<RenewalFacts>> ClaimAsync(
        RenewalSelection selection, DateTimeOffset now, int limit, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Takes one row, due or not.</summary>
    /// <returns>Null where another worker holds it.</returns>
    Task<RenewalFacts?> ClaimOneAsync(Guid renewalId, TimeSpan lease, CancellationToken cancellationToken);

    Task<RenewalFacts?> FindAsync(Guid renewalId, CancellationToken cancellationToken);

    Task<RenewalFacts?> FindByIntentAsync(string provider, string intentId, CancellationToken cancellationToken);

    /// <summary>
    /// Commits a change with everything that belongs to it, in one transaction, if the row's fence is still the change's and
    /// a holder's lease isn't over. The fence grows by one, so that whoever read before loses.
    /// </summary>
    Task<RenewalSave> SaveAsync(RenewalChange change, RenewalWriter writer, CancellationToken cancellationToken);

    /// <summary>The renewal that a request with this key restarted.</summary>
    Task<Renewal?> FindByRequestAsync(RenewalRequestKey request, CancellationToken cancellationToken);

    /// <summary>Keeps a webhook that changes nothing.</summary>
    Task RecordAsync(PaymentEvent received, CancellationToken cancellationToken);

    /// <summary>Suspends licenses whose grace is over and which no renewal looks after, or is still to be opened for.</summary>
    /// <returns>How many.</returns>
    Task<int> SuspendExpiredAsync(RenewalPolicy policy, DateTimeOffset now, int limit, CancellationToken cancellationToken);
}
