using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Receives from one queue of a broker; after a failure it reconnects after 1, 2, 4 … 30 seconds.</summary>
/// <param name="receive">Receives until the stop or until the connection fails; false if a retry has no use.</param>
internal sealed class BrokerQueue(string function, string host, BrokerQueue.Receive receive, TimeProvider time, ILogger logger)
{
    /// <param name="attached">Called when the broker has accepted the receiver.</param>
    public delegate Task<bool> Receive(Action attached, CancellationToken stop);

    public async Task RunAsync(CancellationToken stop)
    {
        for (var failures = 0; !stop.IsCancellationRequested; failures++)
        {
            try
            {
                if (!await receive(() => failures = 0, stop))
                    return;
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                if (failures == 0)
                    logger.LogWarning("Function {Function} can't receive from {Broker} and retries: {Error}",
                        function, host, failure.Message);
            }

            var pause = TimeSpan.FromSeconds(Math.Min(30, 1 << Math.Min(failures, 5)));
            await Task.Delay(pause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
