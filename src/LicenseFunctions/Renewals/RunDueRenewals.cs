using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <summary>What a sweep did.</summary>
public sealed record RenewalCounts(int Opened, int Driven, int Lost, int Suspended);

/// <summary>
/// A tick of the renewal timer: opens what is due, works on it in lanes that claim for themselves, suspends what nothing
/// renews. May run twice, overlap, or be killed.
/// </summary>
public sealed class RunDueRenewals(
    IRenewalStore store, ProcessRenewal process, RenewalPolicy policy, RenewalPace pace, TimeProvider clock, ILogger<RunDueRenewals> logger)
{
    // Each batch passes what those before it opened, so a few large ones.
    private const int Batch = 10_000;

    public async Task<RenewalCounts> RunAsync(CancellationToken cancellationToken)
    {
        var opened = policy.AutoRenewal
            ? await InBatchesAsync(limit => store.OpenDueAsync(policy, clock.GetUtcNow(), limit, cancellationToken))
            : 0;
        var (driven, lost) = await DriveAsync(RenewalSelection.All, cancellationToken);
        var suspended = await InBatchesAsync(limit => store.SuspendExpiredAsync(policy, clock.GetUtcNow(), limit, cancellationToken));
        return new RenewalCounts(opened, driven, lost, suspended);
    }

    /// <summary>A tick of the reconciler: only what waits for an answer, also where auto-renewal is switched off.</summary>
    public async Task<RenewalCounts> ReconcileAsync(CancellationToken cancellationToken)
    {
        var (driven, lost) = await DriveAsync(RenewalSelection.Open, cancellationToken);
        return new RenewalCounts(0, driven, lost, 0);
    }

    private async Task<(int Driven, int Lost)> DriveAsync(RenewalSelection queue, CancellationToken cancellationToken)
    {
        var until = clock.GetUtcNow() + pace.Tick;
        var lanes = await Task.WhenAll(Enumerable.Range(0, pace.Lanes).Select(_ => LaneAsync(queue, until, cancellationToken)));
        return (lanes.Sum(lane => lane.Driven), lanes.Sum(lane => lane.Lost));
    }

    private async Task<(int Driven, int Lost)> LaneAsync(RenewalSelection queue, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var (driven, lost) = (0, 0);
        while (clock.GetUtcNow() < until)
        {
            var claimed = await store.ClaimAsync(queue, clock.GetUtcNow(), pace.Claim, ProcessRenewal.Lease, cancellationToken);
            if (claimed.Count == 0) break;
            foreach (var facts in claimed)
            {
                if (await TryDriveAsync(facts, cancellationToken)) driven++;
                else lost++;
            }
        }

        return (driven, lost);
    }

    // One broken row must not stop the others; it stays leased, so that the sweep passes it by for a while.
    private async Task<bool> TryDriveAsync(RenewalFacts facts, CancellationToken cancellationToken)
    {
        try
        {
            return await process.RunAsync(facts, cancellationToken) is not null;
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            logger.LogError(broken, "Renewal {RenewalId} could not be worked on", facts.Renewal.RenewalId);
            return false;
        }
    }

    private static async Task<int> InBatchesAsync(Func<int, Task<int>> work)
    {
        var all = 0;
        for (var done = Batch; done == Batch; all += done) done = await work(Batch);
        return all;
    }
}

/// <summary>How a sweep shares its work.</summary>
/// <param name="Lanes">How many renewals are worked on at once.</param>
/// <param name="Claim">How many a lane takes at a time: each must be reached within its lease.</param>
/// <param name="Tick">When a tick takes no more: the next one goes on.</param>
public sealed record RenewalPace(int Lanes, int Claim, TimeSpan Tick);
