using Microsoft.Azure.Functions.Worker;

namespace LicenseFunctions.PaymentMethods;

/// <summary>The timer that applies the events that no webhook delivered.</summary>
public sealed class PaymentEventTimer(FetchPaymentEvents fetch)
{
    [Function("FetchPaymentEvents")]
    public Task<EventCounts> Fetch([TimerTrigger("%RECONCILE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        fetch.RunAsync(cancellationToken);
}
