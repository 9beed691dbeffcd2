using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>The counts of one run: what it deleted and created.</summary>
/// <param name="UsageWeeks">Dropped weeks of raw usage.</param>
/// <param name="UsageWeeksAhead">Created partitions for future weeks.</param>
/// <param name="Bodies">Emptied mails and payment events, and deleted quarantined usage.</param>
/// <param name="RequestKeys">Deleted Idempotency-Keys of renewals.</param>
/// <param name="Tokens">Deleted tokens that were replaced by a rotation.</param>
/// <param name="Addresses">IP addresses that were deleted or reduced to their network.</param>
/// <param name="Unclaimed">Deleted arrivals of usage that no scan had claimed before the usage was deleted.</param>
/// <param name="Unfinished">Whether the run reached its limit; the next run continues.</param>
public sealed record RetentionCounts(
    int UsageWeeks, int UsageWeeksAhead, int Bodies, int RequestKeys, int Tokens, int Addresses, int Unclaimed, bool Unfinished);

/// <summary>
/// Deletes raw usage, replaced tokens and IP addresses after 90 days, and bodies and request keys after 30 days. Sums by network and
/// country remain. The work of one run is limited. The next run finds the remaining rows by their timestamps, also after a crash.
/// </summary>
public sealed class RetainData(RetentionStore store, ILogger<RetainData> log)
{
    private const int BatchSize = 2_000;
    private const int WeeksPerBatch = 4;

    /// <summary>Limits a run to 400,000 rows of each kind.</summary>
    private const int MaxBatches = 200;

    private static readonly TimeSpan RawAge = TimeSpan.FromDays(90);
    private static readonly TimeSpan BodyAge = TimeSpan.FromDays(30);

    public async Task<RetentionCounts> RunAsync(CancellationToken cancellationToken)
    {
        var unfinished = false;
        async Task<int> Repeat(int full, Func<Task<int>> batch)
        {
            var sum = 0;
            for (var i = 0; i < MaxBatches; i++)
            {
                var done = await batch();
                sum += done;
                if (done < full)
                    return sum;
            }

            unfinished = true;
            return sum;
        }

        var ahead = await store.MakeUsageAheadAsync(cancellationToken);
        var weeks = await Repeat(WeeksPerBatch, async () => (await store.DropUsageAsync(RawAge, WeeksPerBatch, cancellationToken)).Count);
        var bodies = await Repeat(BatchSize, () => store.DeleteQuarantinedAsync(BodyAge, BatchSize, cancellationToken))
            + await Repeat(BatchSize, () => store.EmptyOutboxAsync(BodyAge, BatchSize, cancellationToken))
            + await Repeat(BatchSize, () => store.EmptyPaymentEventsAsync(BodyAge, BatchSize, cancellationToken));
        _ = await Repeat(BatchSize, () => store.DeleteSkippedRowsAsync(BodyAge, BatchSize, cancellationToken));
        var requestKeys = await Repeat(BatchSize, () => store.DeleteRenewalRequestsAsync(BodyAge, BatchSize, cancellationToken));
        var tokens = await Repeat(BatchSize, () => store.DeleteReplacedTokensAsync(RawAge, BatchSize, cancellationToken));
        var addresses = await Repeat(BatchSize, () => store.DeleteDeviceNetworksAsync(RawAge, BatchSize, cancellationToken))
            + await Repeat(BatchSize, () => store.CoarsenDevicesAsync(RawAge, BatchSize, cancellationToken));
        var unclaimed = await Repeat(BatchSize, () => store.DeleteArrivalsAsync(RawAge, BatchSize, cancellationToken));

        var counts = new RetentionCounts(weeks, ahead, bodies, requestKeys, tokens, addresses, unclaimed, unfinished);
        log.LogInformation("Retention: {Counts}", counts);
        return counts;
    }
}
