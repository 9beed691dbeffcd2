using System.Diagnostics;
using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>
/// Runs a function over batches of messages, as the Functions host does (ServiceBusListener.RunBatchReceiveLoopAsync): one batch at a time.
/// If the function succeeds, the whole batch is completed; if it throws, the whole batch is returned. Messages that arrive during a run
/// form the next batch.
/// </summary>
internal sealed class MessageBatches(
    WorkerFunction function, HostJson hostJson, FunctionExecutionDelegate pipeline, IServiceProvider services, ILogger logger)
{
    private readonly bool batched = ((ServiceBusTriggerAttribute)function.Trigger).IsBatched;
    private readonly string name = function.Name;

    /// <summary>Waits for messages; returns an empty list after the wait time.</summary>
    /// <param name="most">Maximum number of messages.</param>
    /// <param name="longest">Maximum wait time; null for the receiver's own.</param>
    public delegate Task<IReadOnlyList<Delivery>> Receive(int most, TimeSpan? longest, CancellationToken cancellationToken);

    /// <summary>Maximum number of unsettled messages in this process. A message waits here at most for the end of one batch.</summary>
    public int Credit => Size + hostJson.PrefetchCount;

    private int Size => batched ? hostJson.MaxMessageBatchSize : 1;

    /// <summary>Runs until <paramref name="stop"/> is canceled or <paramref name="receive"/> throws.</summary>
    public async Task RunAsync(Receive receive, CancellationToken stop)
    {
        while (await TakeAsync(receive, stop) is { } batch)
        {
            if (batch.Count > 0)
                await SettleAsync(batch, await InvokeAsync(batch, stop) ? DeliveryOutcome.Completed : DeliveryOutcome.Failed);
        }
    }

    /// <summary>Returns messages that no function has processed.</summary>
    public Task GiveBackAsync(IReadOnlyList<Delivery> unseen) => SettleAsync(unseen, DeliveryOutcome.ReturnedUnprocessed);

    /// <returns>Null if the process stops.</returns>
    private async Task<IReadOnlyList<Delivery>?> TakeAsync(Receive receive, CancellationToken stop)
    {
        var batch = new List<Delivery>();
        try
        {
            batch.AddRange(await receive(Size, null, stop));
            // A batch below minMessageBatchSize (1 by default) waits for more messages. The wait time starts with its first message.
            var began = Stopwatch.GetTimestamp();
            while (batch.Count > 0 && batch.Count < Math.Min(hostJson.MinMessageBatchSize, Size)
                && hostJson.MaxBatchWaitTime - Stopwatch.GetElapsedTime(began) is var left && left > TimeSpan.Zero)
                batch.AddRange(await receive(Size - batch.Count, left, stop));
            return batch;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await GiveBackAsync(batch);
            return null;
        }
    }

    private async Task<bool> InvokeAsync(IReadOnlyList<Delivery> batch, CancellationToken stop)
    {
        using var ended = new CancellationTokenSource();
        var held = batch.Select(delivery => TryAsync(() => delivery.Hold(ended.Token))).ToArray();
        try
        {
            await using var scope = services.CreateAsyncScope();
            var bodies = batch.Select(delivery => delivery.Body).ToArray();
            await pipeline(new Invocation(function, null, scope.ServiceProvider, bodies, stop, BindingData(batch)));
            return true;
        }
        catch (Exception failure)
        {
            if (stop.IsCancellationRequested)
                logger.LogWarning("Function {Function} was interrupted because the process stops; {Count} messages are returned",
                    name, batch.Count);
            else
                logger.LogError(failure, "Function {Function} failed; {Count} messages are returned", name, batch.Count);
            return false;
        }
        finally
        {
            await ended.CancelAsync();
            Warn("kept locked", await Task.WhenAll(held));
        }
    }

    /// <summary>Named like the properties that a Functions host reports. It does not report this one.</summary>
    private Dictionary<string, object?>? BindingData(IReadOnlyList<Delivery> batch) =>
        batch.All(delivery => delivery.ContentEncoding is null) ? null
        : batched
            ? new() { ["ContentEncodingArray"] = JsonSerializer.Serialize(batch.Select(delivery => delivery.ContentEncoding)) }
            : new() { ["ContentEncoding"] = batch[0].ContentEncoding };

    private async Task SettleAsync(IReadOnlyList<Delivery> batch, DeliveryOutcome outcome) =>
        Warn("settled", await Task.WhenAll(batch.Select(delivery => TryAsync(() => delivery.Settle(outcome)))));

    /// <summary>Logs failures: the peer has disconnected or ended the lock. It delivers the messages again (at least once).</summary>
    private void Warn(string what, Exception?[] failures)
    {
        if (failures.OfType<Exception>().ToList() is [var first, ..] lost)
            logger.LogWarning("Function {Function}: {Count} messages could not be {What} and will be delivered again ({Error})",
                name, lost.Count, what, first.Message);
    }

    private static async Task<Exception?> TryAsync(Func<Task> work)
    {
        try
        {
            await work();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }
}
