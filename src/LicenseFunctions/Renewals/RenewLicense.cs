using LicenseFunctions.Database;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>
/// Renews by hand, on the same row that the timer works on. Repeating it never pays for another period: what it answers is
/// the row's state.
/// </summary>
public sealed class RenewLicense(IRenewalStore store, DriveRenewal drive, RenewalPolicy policy, TimeProvider clock)
{
    /// <param name="request">The caller's Idempotency-Key: repeated, it starts no further attempt; null without one.</param>
    /// <returns>The renewal as it stands now; null where the licence can't be renewed yet.</returns>
    public async Task<Renewal?> RunAsync(
        Guid subscriptionId, Actor by, RenewalRequestKey? request, CancellationToken cancellationToken)
    {
        if (request is not null && await store.FindByRequestAsync(request, cancellationToken) is { } asked)
        {
            await ContinueAsync(asked, cancellationToken);
            return (await store.FindAsync(asked.RenewalId, cancellationToken))?.Renewal;
        }

        if (await store.OpenAsync(subscriptionId, policy, clock.GetUtcNow(), cancellationToken) is not { } renewalId) return null;

        // Held by a worker: its outcome comes by itself.
        if (await store.ClaimOneAsync(renewalId, DriveRenewal.Lease, cancellationToken) is { } facts)
            await RestartAsync(facts, new RenewalWriter(DriveRenewal.Lease, by, Request: request), cancellationToken);
        return (await store.FindAsync(renewalId, cancellationToken))?.Renewal;
    }

    private async Task RestartAsync(RenewalFacts facts, RenewalWriter writer, CancellationToken cancellationToken)
    {
        var change = RenewalRequests.RenewNow(facts.Renewal, policy, clock.GetUtcNow());
        if (change is null) writer = writer with { Lease = TimeSpan.Zero };
        change ??= new RenewalChange(facts.Renewal);
        if (await store.SaveAsync(change, writer, cancellationToken) is RenewalSave.Saved)
            await drive.RunAsync(facts with { Renewal = change.Saved }, cancellationToken);
    }

    // The process that took the request may have died over it.
    private async Task ContinueAsync(Renewal asked, CancellationToken cancellationToken)
    {
        if (asked.NextActionAt <= clock.GetUtcNow()
            && await store.ClaimOneAsync(asked.RenewalId, DriveRenewal.Lease, cancellationToken) is { } facts)
            await drive.RunAsync(facts, cancellationToken);
    }
}
