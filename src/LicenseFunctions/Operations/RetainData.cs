using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>What a run took away.</summary>
/// <param name="UsageWeeks">Weeks of raw usage dropped.</param>
/// <param name="UsageWeeksAhead">Weeks made for what is to come.</param>
/// <param name="Bodies">Emptied: mails that went out, payment events that came in; deleted: quarantined usage.</param>
/// <param name="RequestKeys">Idempotency-Keys of renewals, deleted.</param>
/// <param name="Addresses">Deleted, or reduced to their network.</param>
/// <param name="Unclaimed">Arrivals of usage that nobody claimed while their rows lived.</param>
/// <param name="Unfinished">The run reached its bounds: the next one goes on.</param>
public sealed record RetentionCounts(int UsageWeeks, int UsageWeeksAhead, int Bodies, int RequestKeys, int Addresses, int Unclaimed, bool Unfinished);

/// <summary>
/// Keeps raw usage and addresses for 90 days, bodies and request keys for 30; afterwards there are sums with networks and countries. A run is
/// bounded; whatever it leaves, or loses by a crash, the next one finds by the rows' own times.
/// </summary>
public sealed class RetainData(RetentionStore store, ILogger<RetainData> log)
{
    private const int RawDays = 90;
    private const int BodyDays = 30;
    private const int Batch = 2_000;
    private const int WeeksATime = 4;

    /// <summary>Of each kind a run: 400,000 rows.</summary>
    private const int Pieces = 200;

    public async Task<RetentionCounts> RunAsync(CancellationToken cancellationToken)
    {
        var unfinished = false;
        async Task<int> Repeat(int full, Func<Task<int>> piece)
        {
            var sum = 0;
            for (var i = 0; i < Pieces; i++)
            {
                var done = await piece();
                sum += done;
                if (done < full) return sum;
            }

            unfinished = true;
            return sum;
        }

        var ahead = await store.MakeUsageAheadAsync(cancellationToken);
        var weeks = await Repeat(WeeksATime, async () => (await store.DropUsageAsync(RawDays, WeeksATime, cancellationToken)).Count);
        var bodies = await Repeat(Batch, () => store.DeleteQuarantinedAsync(BodyDays, Batch, cancellationToken))
            + await Repeat(Batch, () => store.EmptyOutboxAsync(BodyDays, Batch, cancellationToken))
            + await Repeat(Batch, () => store.EmptyPaymentEventsAsync(BodyDays, Batch, cancellationToken));
        var requestKeys = await Repeat(Batch, () => store.DeleteRenewalRequestsAsync(BodyDays, Batch, cancellationToken));
        var addresses = await Repeat(Batch, () => store.DeleteDeviceNetworksAsync(RawDays, Batch, cancellationToken))
            + await Repeat(Batch, () => store.CoarsenDevicesAsync(RawDays, Batch, cancellationToken));
        var unclaimed = await Repeat(Batch, () => store.DeleteArrivalsAsync(RawDays, Batch, cancellationToken));

        var counts = new RetentionCounts(weeks, ahead, bodies, requestKeys, addresses, unclaimed, unfinished);
        log.LogInformation("Retention: {Counts}", counts);
        return counts;
    }
}
