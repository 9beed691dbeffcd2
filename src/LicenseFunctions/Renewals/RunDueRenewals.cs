using System.Text.Json.Serialization;
using LicenseFunctions.Infrastructure.Timers;
using Licensing.Renewals;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Renewals;

/// <summary>The counts of one run.</summary>
/// <param name="Opened">Renewals opened or reopened.</param>
/// <param name="Processed">Renewals processed.</param>
/// <param name="Lost">Renewals that another worker took over, or that failed.</param>
/// <param name="Suspended">Licenses suspended for their expiry.</param>
public sealed record RenewalCounts(
    int Opened,
    [property: JsonPropertyName("driven")] int Processed, // the name in runs that are already stored
    int Lost,
    int Suspended);

/// <summary>
/// One run of the renewal timer: opens renewals, processes due renewals in parallel lanes, and suspends licenses whose grace is over. A run
/// may be repeated, overlap with another one, or be killed.
/// </summary>
public sealed class RunDueRenewals(
    IRenewalStore store, ProcessRenewal process, RenewalPolicy policy, RenewalPace pace, TimeProvider clock, ILogger<RunDueRenewals> logger)
{
    // Each batch scans the rows of the earlier ones again, so batches are few and large.
    private const int Batch = 10_000;

    // A larger transaction would hold the locks of its licenses longer. More lanes would wait for each other in PostgreSQL, which extends a
    // table for one transaction at a time.
    private const int Together = 100;
    private const int LanesTogether = 4;

    public async Task<RenewalCounts> RunAsync(CancellationToken cancellationToken)
    {
        Task<int> OpenAsync(int limit) => store.OpenDueAsync(policy, clock.GetUtcNow(), limit, cancellationToken);
        var batch = TimeSlice.Batch(Batch, 200);
        var opened = policy.AutoRenewal ? await OpenAsync(batch) : 0;
        // If there are more, they are opened while those of the first batch are processed: opening keeps only one connection busy.
        var opening = opened == batch && !TimeSlice.IsOver ? InBatchesAsync(OpenAsync) : Task.FromResult(0);
        var processing = ProcessWhileAsync(opening, cancellationToken);
        await Task.WhenAll(opening, processing);
        opened += await opening;
        var (processed, lost) = await processing;
        // A due renewal that was not processed may still extend its license, so a slice that was over before the end suspends none.
        var suspended = TimeSlice.IsOver
            ? 0
            : await InBatchesAsync(limit => store.SuspendExpiredAsync(policy, clock.GetUtcNow(), limit, cancellationToken));
        return new RenewalCounts(opened, processed, lost, suspended);
    }

    /// <summary>One run of the reconciler: only renewals that await the provider, even if auto-renewal is switched off.</summary>
    public async Task<RenewalCounts> ReconcileAsync(CancellationToken cancellationToken)
    {
        var (processed, lost) = await ProcessAsync(
            RenewalSelection.AwaitingProvider, clock.GetUtcNow() + pace.Tick, cancellationToken);
        await store.ApplyReversalsAsync(policy, cancellationToken);
        return new RenewalCounts(0, processed, lost, 0);
    }

    // Processing ends when nothing is due, and later batches may be opened after that: it is repeated once after the last batch.
    private async Task<(int Processed, int Lost)> ProcessWhileAsync(Task opening, CancellationToken cancellationToken)
    {
        var until = clock.GetUtcNow() + pace.Tick;
        var (processed, lost) = (0, 0);
        for (var isLast = false; !isLast;)
        {
            isLast = opening.IsCompleted;
            var part = await ProcessAsync(RenewalSelection.All, until, cancellationToken);
            (processed, lost) = (processed + part.Processed, lost + part.Lost);
            if (part is (0, 0)) await Task.WhenAny(opening);
        }

        return (processed, lost);
    }

    private async Task<(int Processed, int Lost)> ProcessAsync(
        RenewalSelection selection, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var together = selection is RenewalSelection.All
            ? await InLanesAsync(RenewalSelection.CoveredByWallet, Math.Min(LanesTogether, pace.Lanes), until, cancellationToken)
            : (Processed: 0, Lost: 0);
        var (processed, lost) = await InLanesAsync(selection, pace.Lanes, until, cancellationToken);
        return (together.Processed + processed, together.Lost + lost);
    }

    private async Task<(int Processed, int Lost)> InLanesAsync(
        RenewalSelection selection, int count, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var lanes = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => LaneAsync(selection, until, cancellationToken)));
        return (lanes.Sum(lane => lane.Processed), lanes.Sum(lane => lane.Lost));
    }

    private async Task<(int Processed, int Lost)> LaneAsync(
        RenewalSelection selection, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var (processed, lost) = (0, 0);
        var isTogether = selection is RenewalSelection.CoveredByWallet;
        // A slice claims at least once: opening renewals may have taken all its time.
        for (var isFirst = true; clock.GetUtcNow() < until && (isFirst || !TimeSlice.IsOver); isFirst = false)
        {
            var begunAt = clock.GetUtcNow();
            var claimed = await ClaimAsync(
                selection, isTogether ? TimeSlice.Batch(Together, 10) : TimeSlice.Batch(pace.Claim, 1), cancellationToken);
            if (claimed.Count == 0) break;
            var left = isTogether ? await ProcessTogetherAsync(claimed, cancellationToken) : claimed;
            processed += claimed.Count - left.Count;
            foreach (var facts in left)
            {
                // Of a batch, many may need the provider after all. Those that can't begin within the lease are claimed again after it.
                if (isTogether && clock.GetUtcNow() - begunAt > ProcessRenewal.Lease / 3) break;
                if (await TryProcessAsync(facts, cancellationToken)) processed++;
                else lost++;
            }
        }

        return (processed, lost);
    }

    private Task<IReadOnlyList<RenewalFacts>> ClaimAsync(RenewalSelection selection, int limit, CancellationToken cancellationToken) =>
        store.ClaimAsync(selection, clock.GetUtcNow(), limit, ProcessRenewal.Lease, cancellationToken);

    // One row can make the batch fail, so each is then processed by itself. Rows that fail again, for example because they are locked,
    // come last, because each may wait.
    private async Task<IReadOnlyList<RenewalFacts>> ProcessTogetherAsync(
        IReadOnlyList<RenewalFacts> claimed, CancellationToken cancellationToken)
    {
        var left = await TryProcessTogetherAsync(claimed, cancellationToken);
        if (left.Count < claimed.Count || left.Count == 1) return left;

        var failed = new List<RenewalFacts>();
        foreach (var facts in left) failed.AddRange(await TryProcessTogetherAsync([facts], cancellationToken));
        return failed;
    }

    private async Task<IReadOnlyList<RenewalFacts>> TryProcessTogetherAsync(
        IReadOnlyList<RenewalFacts> claimed, CancellationToken cancellationToken)
    {
        try
        {
            return await process.RunTogetherAsync(claimed, cancellationToken);
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            logger.LogError(broken, "{Count} renewals can't be processed together; each is processed by itself", claimed.Count);
            return claimed;
        }
    }

    // A row that fails must not stop the others. Its lease remains, so no worker claims it again before the lease expires.
    private async Task<bool> TryProcessAsync(RenewalFacts facts, CancellationToken cancellationToken)
    {
        try
        {
            return await process.RunAsync(facts, cancellationToken) is not null;
        }
        catch (Exception broken) when (broken is not OperationCanceledException)
        {
            logger.LogError(broken, "Renewal {RenewalId} failed; it is processed again after its lease expires", facts.Renewal.RenewalId);
            return false;
        }
    }

    private static async Task<int> InBatchesAsync(Func<int, Task<int>> work)
    {
        var (all, batch) = (0, TimeSlice.Batch(Batch, 200));
        int done;
        do
        {
            done = await work(batch);
            all += done;
        }
        while (done == batch && !TimeSlice.IsOver);
        return all;
    }
}

/// <summary>How one run divides its work.</summary>
/// <param name="Lanes">How many renewals are processed at the same time.</param>
/// <param name="Claim">How many renewals a lane claims in one statement; it must begin each of them within the lease.</param>
/// <param name="Tick">After this time no more renewals are claimed; the next run continues.</param>
public sealed record RenewalPace(int Lanes, int Claim, TimeSpan Tick);
