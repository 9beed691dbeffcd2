using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The timer that takes away what has had its time.</summary>
public sealed class RetentionFunctions(RetainData retain)
{
    [Function("RetainData")]
    public Task<RetentionCounts> Retain([TimerTrigger("%RETENTION_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        retain.RunAsync(cancellationToken);
}
