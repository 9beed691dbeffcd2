using System.Text;
using System.Threading.Channels;
using Amqp;
using Amqp.Framing;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <param name="Body">The payload; text is UTF-8.</param>
/// <param name="Settle">Tells the peer the outcome.</param>
internal sealed record Delivery(ReadOnlyMemory<byte> Body, Action<DeliveryState> Settle)
{
    public static Delivery Of(Message message, Action<DeliveryState> settle) => new(message.Body switch
    {
        byte[] bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        // Not a payload that anybody agreed on; the function sees text that it can't read, as it does with any other bad message.
        var other => Encoding.UTF8.GetBytes(other?.ToString() ?? ""),
    }, settle);
}

/// <summary>
/// Runs a function over batches of messages as the host does (MessageReceiver in batches, ServiceBusListener.RunBatchReceiveLoopAsync):
/// one batch at a time; success accepts all of it, an exception gives all of it back. What arrives meanwhile is the next batch.
/// </summary>
internal sealed class MessageBatches(
    WorkerFunction function, HostJson hostJson, FunctionExecutionDelegate pipeline, IServiceProvider services, ILogger logger)
{
    private readonly bool batched = ((ServiceBusTriggerAttribute)function.Trigger).IsBatched;
    private readonly string name = function.Name;

    /// <summary>So many messages may be with this process and unsettled: no message waits here for longer than one batch takes.</summary>
    public int Credit => Size + hostJson.PrefetchCount;

    private int Size => batched ? hostJson.MaxMessageBatchSize : 1;

    /// <summary>Runs until the deliveries end or <paramref name="stop"/>; then returns what it hasn't begun.</summary>
    /// <param name="failed">The outcome that gives a message back and counts the delivery, where the peer counts.</param>
    public async Task RunAsync(ChannelReader<Delivery> deliveries, DeliveryState failed, CancellationToken stop)
    {
        try
        {
            while (await deliveries.WaitToReadAsync(stop))
            {
                var batch = await TakeAsync(deliveries, stop);
                var outcome = await InvokeAsync(batch, stop) ? new Accepted() : failed;
                foreach (var delivery in batch)
                    Settle(delivery, outcome);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopping: what waits here goes back below.
        }

        while (deliveries.TryRead(out var delivery))
            Settle(delivery, new Released());
    }

    private async Task<List<Delivery>> TakeAsync(ChannelReader<Delivery> deliveries, CancellationToken stop)
    {
        var batch = new List<Delivery>(Size);
        while (batch.Count < Size && deliveries.TryRead(out var delivery))
            batch.Add(delivery);

        // Only below minMessageBatchSize (1 by default) is a batch waited for.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (batch.Count < Math.Min(hostJson.MinMessageBatchSize, Size))
            patience.CancelAfter(hostJson.MaxBatchWaitTime);
        try
        {
            while (batch.Count < Math.Min(hostJson.MinMessageBatchSize, Size) && await deliveries.WaitToReadAsync(patience.Token))
            {
                while (batch.Count < Size && deliveries.TryRead(out var delivery))
                    batch.Add(delivery);
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            // Waited long enough: a smaller batch.
        }

        return batch;
    }

    private async Task<bool> InvokeAsync(List<Delivery> batch, CancellationToken stop)
    {
        try
        {
            await using var scope = services.CreateAsyncScope();
            var bodies = batch.ConvertAll(delivery => delivery.Body).ToArray();
            await pipeline(new Invocation(function, null, scope.ServiceProvider, bodies, stop));
            return true;
        }
        catch (Exception failure)
        {
            if (stop.IsCancellationRequested)
                logger.LogWarning("Function {Function} was interrupted by the stop: {Count} messages go back", name, batch.Count);
            else
                logger.LogError(failure, "Function {Function} failed: {Count} messages go back", name, batch.Count);
            return false;
        }
    }

    private void Settle(Delivery delivery, DeliveryState outcome)
    {
        try
        {
            delivery.Settle(outcome);
        }
        catch (AmqpException gone)
        {
            // The peer has gone with the outcome unsaid and delivers again: at-least-once, and every function bears it.
            logger.LogWarning(
                "Function {Function}: a message couldn't be settled and will come again ({Error})", name, gone.Error?.Condition);
        }
    }
}
