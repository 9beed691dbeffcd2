using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Suspicion;

/// <summary>The detector's timer.</summary>
public sealed class SuspicionFunctions(ScanUsage scan, SendAlertWebhooks webhooks)
{
    [Function("ScanUsage")]
    public async Task<ScanCounts> Scan([TimerTrigger("%SCAN_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var counts = await scan.RunAsync(cancellationToken);
        await webhooks.RunAsync(cancellationToken);
        return counts;
    }
}
