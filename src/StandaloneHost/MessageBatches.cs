using System.Diagnostics;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>
/// Runs a function over batches of messages as the host does (MessageReceiver in batches, ServiceBusListener.RunBatchReceiveLoopAsync):
/// one batch at a time; success completes all of it, an exception gives all of it back. What arrives meanwhile is the next batch.
/// </summary>
internal sealed class MessageBatches(
    WorkerFunction function, HostJson hostJson, FunctionExecutionDelegate pipeline, IServiceProvider services, ILogger logger)
{
    private readonly bool batched = ((ServiceBusTriggerAttribute)function.Trigger).IsBatched;
    private readonly string name = function.Name;

    /// <summary>Waits for messages; returns an empty list after the wait time.</summary>
    /// <param name="most">So many at most.</param>
    /// <param name="longest">So long at most; null leaves it to the receiver.</param>
    public delegate Task<IReadOnlyList<Delivery>> Receive(int most, TimeSpan? longest, CancellationToken cancellationToken);

    /// <summary>So many messages may be with this process and unsettled: no message waits here for longer than one batch takes.</summary>
    public int Credit => Size + hostJson.PrefetchCount;

    private int Size => batched ? hostJson.MaxMessageBatchSize : 1;

    /// <summary>Runs until <paramref name="stop"/>, or until there is nobody to receive from.</summary>
    public async Task RunAsync(Receive receive, CancellationToken stop)
    {
        while (await TakeAsync(receive, stop) is { } batch)
        {
            if (batch.Count > 0)
                await SettleAsync(batch, await InvokeAsync(batch, stop) ? DeliveryOutcome.Completed : DeliveryOutcome.Failed);
        }
    }

    /// <summary>Returns messages that no function has processed.</summary>
    public Task GiveBackAsync(IReadOnlyList<Delivery> unseen) => SettleAsync(unseen, DeliveryOutcome.NotBegun);

    /// <returns>Null where the process stops.</returns>
    private async Task<IReadOnlyList<Delivery>?> TakeAsync(Receive receive, CancellationToken stop)
    {
        var batch = new List<Delivery>();
        try
        {
            batch.AddRange(await receive(Size, null, stop));
            // Only below minMessageBatchSize (1 by default) is a batch waited for, from its first message on.
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
        finally
        {
            await ended.CancelAsync();
            WarnOf("kept locked", await Task.WhenAll(held));
        }
    }

    private async Task SettleAsync(IReadOnlyList<Delivery> batch, DeliveryOutcome outcome) =>
        WarnOf("settled", await Task.WhenAll(batch.Select(delivery => TryAsync(() => delivery.Settle(outcome)))));

    /// <summary>The peer has gone, or has ended the lock, and delivers again: at-least-once, and every function bears it.</summary>
    private void WarnOf(string what, Exception?[] failures)
    {
        if (failures.OfType<Exception>().ToList() is [var first, ..] lost)
            logger.LogWarning("Function {Function}: {Count} messages couldn't be {What} and will come again ({Error})",
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
