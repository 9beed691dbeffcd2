using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The timer that sends the mails of the outbox.</summary>
public sealed class OutboxFunctions(DrainOutbox drain)
{
    [Function("DrainOutbox")]
    public Task<OutboxCounts> Drain([TimerTrigger("%OUTBOX_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        drain.RunAsync(cancellationToken);
}
