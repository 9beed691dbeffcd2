using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The timer that deletes expired data.</summary>
public sealed class RetentionFunctions(RetainData retain)
{
    [Function("RetainData")]
    public Task<RetentionCounts> Retain([TimerTrigger("%RETENTION_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        retain.RunAsync(cancellationToken);
}
