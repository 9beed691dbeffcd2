using LicenseFunctions.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Renews by hand, on the same row that the timer works on. Repeating it never pays for another period: what it answers is
/// the row's state.
/// </summary>
public sealed class RenewLicense(IRenewalStore store, DriveRenewal drive, RenewalPolicy policy, TimeProvider clock)
{
    /// <returns>The renewal as it stands now; null where the licence can't be renewed yet.</returns>
    public async Task<Renewal?> ExecuteAsync(Guid subscriptionId, RenewalWriter writer, CancellationToken cancellationToken)
    {
        if (await store.OpenAsync(subscriptionId, policy, clock.GetUtcNow(), cancellationToken) is not { } renewalId) return null;

        // Held by a worker: its outcome comes by itself.
        if (await store.ClaimOneAsync(renewalId, DriveRenewal.Lease, cancellationToken) is { } facts)
            await RenewAsync(facts, writer, cancellationToken);
        return (await store.FindAsync(renewalId, cancellationToken))?.Renewal;
    }

    private async Task RenewAsync(RenewalFacts facts, RenewalWriter writer, CancellationToken cancellationToken)
    {
        var change = RenewalRequests.RenewNow(facts.Renewal, policy, clock.GetUtcNow());
        var lease = change is null ? TimeSpan.Zero : DriveRenewal.Lease;
        change ??= new RenewalChange(facts.Renewal);
        if (await store.SaveAsync(change, writer with { Lease = lease }, cancellationToken) is RenewalSave.Saved)
            await drive.ExecuteAsync(facts with { Renewal = change.Saved }, cancellationToken);
    }
}
