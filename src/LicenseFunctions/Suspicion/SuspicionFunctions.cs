using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>The timers of the detector.</summary>
public sealed class SuspicionFunctions(
    ScanUsage scan, NotifyOfAnswers answers, SendAlertWebhooks webhooks, SuspicionStore store, ShadowStore shadow,
    SuspicionSettings settings)
{
    [Function("ScanUsage")]
    public async Task<ScanCounts> Scan([TimerTrigger("%SCAN_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var counts = await scan.RunAsync(cancellationToken);
        await webhooks.RunAsync(cancellationToken);
        await answers.RunAsync(cancellationToken);
        return counts;
    }

    [Function("WatchLicenses")]
    public async Task<WatchCounts> Watch([TimerTrigger("%WATCH_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var counts = await store.WatchAsync(settings.Policy.WatchPeriod, cancellationToken);
        await shadow.PruneAsync(settings.Shadow?.Key, cancellationToken);
        return counts;
    }
}
