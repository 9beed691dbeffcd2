using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.Operations;

/// <summary>The timer that sends the mails of the outbox. It looks for troubles first, so that a mail about them is in this run.</summary>
public sealed class OutboxFunctions(NoticeTroubles notice, DrainOutbox drain)
{
    [Function("DrainOutbox")]
    public async Task<OutboxCounts> Drain([TimerTrigger("%OUTBOX_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken)
    {
        await notice.TryRunAsync(cancellationToken);
        return await drain.RunAsync(cancellationToken);
    }
}
