using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Leases;

/// <param name="Ended">Leases that ended early.</param>
/// <param name="Deleted">Expired ones.</param>
/// <param name="Locked">Licenses whose leases another session had locked; the next run tries them again.</param>
public sealed record LeaseCounts(int Ended, int Deleted, int Locked);

/// <summary>
/// Ends the leases of licenses that the platform ended; its tables have no triggers of this backend. This backend's own suspensions and
/// removals end leases in their own transactions.
/// </summary>
public sealed class EndLeases(LeaseStore store, LeaseSettings settings, ILogger<EndLeases> log)
{
    public async Task<LeaseCounts> RunAsync(CancellationToken cancellationToken)
    {
        int ended = 0, locked = 0;
        foreach (var license in await store.InvalidatedAsync(settings.Grace, cancellationToken))
        {
            try
            {
                ended += await store.EndAsync(license, cancellationToken);
            }
            catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                log.LogWarning(failure, "The leases of license {SubscriptionId} are locked", license.SubscriptionId);
                locked++;
            }
        }

        return new LeaseCounts(ended, await store.DeleteExpiredAsync(cancellationToken), locked);
    }
}
