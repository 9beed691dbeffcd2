using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The timer that deletes expired data.</summary>
public sealed class RetentionFunctions(RetainData retain)
{
    [Function("RetainData")]
    public async Task<RetentionCounts> Retain(
        [TimerTrigger("%RETENTION_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        var counts = await retain.RunAsync(cancellationToken);
        // After all parts have run, so that the timer's status and its alert report the failure.
        return counts.Failed.Count == 0
            ? counts
            : throw new InvalidOperationException(
                $"Retention failed for {string.Join(", ", counts.Failed)}; the other parts are done. The log has the causes.");
    }
}
