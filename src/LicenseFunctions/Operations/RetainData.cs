using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>The counts of one run: what it deleted and created.</summary>
/// <param name="UsageWeeks">Dropped weeks of raw usage.</param>
/// <param name="UsageWeeksAhead">Created partitions or chunks for future weeks.</param>
/// <param name="Bodies">Emptied mails and payment events, and deleted quarantined usage.</param>
/// <param name="RequestKeys">Deleted Idempotency-Keys of renewals.</param>
/// <param name="Tokens">Deleted tokens that were replaced by a rotation.</param>
/// <param name="Addresses">IP addresses that were deleted or reduced to their network.</param>
/// <param name="Unclaimed">Deleted arrivals of usage that no scan had claimed before the usage was deleted.</param>
/// <param name="Events">Deleted events of the feed.</param>
/// <param name="Unfinished">Whether the run reached its limit; the next run continues.</param>
/// <param name="Failed">The parts that failed; the log has their exceptions.</param>
/// <param name="Overdue">
/// Seconds by which the oldest row of a part had exceeded its limit when the run ended; without parts where none had.
/// </param>
public sealed record RetentionCounts(
    int UsageWeeks, int UsageWeeksAhead, int Bodies, int RequestKeys, int Tokens, int Addresses, int Unclaimed, int Events,
    bool Unfinished, IReadOnlyList<string> Failed, IReadOnlyDictionary<string, long> Overdue);

/// <summary>
/// Deletes raw usage, replaced tokens and IP addresses after 90 days, and bodies and request keys after 30 days. Sums by network and
/// country remain. The work of one run is limited. The next run finds the remaining rows by their timestamps, also after a crash. A part
/// that fails doesn't stop the others. At the end, the counts that metrics show are compared with the rows that are left.
/// </summary>
public sealed class RetainData(RetentionStore store, MetricStore metrics, ILogger<RetainData> log)
{
    private const int BatchSize = 2_000;

    /// <summary>Limits a run to 400,000 rows of each kind.</summary>
    private const int MaxBatches = 200;

    public async Task<RetentionCounts> RunAsync(CancellationToken cancellationToken)
    {
        var unfinished = false;
        var failed = new List<string>();
        async Task<int> Part(string name, int full, Func<Task<int>> batch)
        {
            var sum = 0;
            try
            {
                for (var i = 0; i < MaxBatches && (i == 0 || !TimeSlice.IsOver); i++)
                {
                    var done = await batch();
                    sum += done;
                    if (done < full)
                        return sum;
                }

                unfinished = true;
            }
#pragma warning disable CA1031 // A failure of one part must not stop the others: personal data would be kept for too long.
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                failed.Add(name);
                log.LogError(failure, "Retention of {Part} failed; the other parts continue", name);
            }

            return sum;
        }

        Task<int> Rows(string name, Func<int, CancellationToken, Task<int>> delete) =>
            Part(name, BatchSize, () => delete(BatchSize, cancellationToken));

        var ahead = await Part("usage ahead", int.MaxValue, () => store.MakeUsageAheadAsync(cancellationToken));
        // One week per transaction, so that its locks are released before the wait for the next week.
        var weeks = await Part(RetentionStore.Usage, 1, () => store.DropUsageAsync(1, cancellationToken));
        var bodies = await Rows(RetentionStore.Quarantine, store.DeleteQuarantinedAsync)
            + await Rows(RetentionStore.Outbox, store.EmptyOutboxAsync)
            + await Rows(RetentionStore.PaymentEvents, store.EmptyPaymentEventsAsync);
        _ = await Rows("skipped rows", store.DeleteSkippedRowsAsync);
        var requestKeys = await Rows(RetentionStore.RequestKeys, store.DeleteRenewalRequestsAsync);
        var tokens = await Rows("tokens", store.DeleteReplacedTokensAsync);
        var addresses = await Rows(RetentionStore.Networks, store.DeleteDeviceNetworksAsync)
            + await Rows(RetentionStore.Addresses, store.CoarsenDevicesAsync);
        var unclaimed = await Rows("arrivals", store.DeleteArrivalsAsync);
        var events = await Rows(RetentionStore.Events, store.DeleteEventsAsync);
        _ = await Part("gauges", int.MaxValue, () => metrics.CorrectGaugesAsync(cancellationToken));
        var overdue = await OverdueAsync(failed, cancellationToken);

        var counts = new RetentionCounts(
            weeks, ahead, bodies, requestKeys, tokens, addresses, unclaimed, events, unfinished, failed, overdue);
        log.LogInformation("Retention: {Counts}", counts with { Failed = [], Overdue = new Dictionary<string, long>() });
        foreach (var (part, seconds) in overdue)
            log.LogWarning("Retention of {Part} is overdue by {Hours} hours", part, seconds / 3600);
        return counts;
    }

    private async Task<IReadOnlyDictionary<string, long>> OverdueAsync(List<string> failed, CancellationToken cancellationToken)
    {
        try
        {
            return await store.OverdueAsync(cancellationToken);
        }
#pragma warning disable CA1031 // The counts of the other parts are reported in any case.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            failed.Add("overdue");
            log.LogError(failure, "The overdue parts of retention could not be read");
            return new Dictionary<string, long>();
        }
    }
}
