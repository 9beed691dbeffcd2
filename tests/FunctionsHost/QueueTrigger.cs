using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using FunctionsHost.Protocol;
using Google.Protobuf;

namespace FunctionsHost;

/// <summary>Runs the queue functions as the host's ServiceBusListener does: one batch at a time, settled as a whole.</summary>
internal sealed class QueueTrigger(Invoker invoker, HostJson hostJson)
{
    private const string DeadLetters = "/$deadletterqueue";

    private readonly ConcurrentDictionary<string, QueuedMessages> queues = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The queue of that name, or the dead letters of one: <c>name/$deadletterqueue</c>.</summary>
    public QueuedMessages this[string name] => queues.GetOrAdd(name, _ => new QueuedMessages(
        name.EndsWith(DeadLetters, StringComparison.OrdinalIgnoreCase) ? null : this[name + DeadLetters]));

    public async Task RunAsync(HostFunction function, string queueName, CancellationToken stop)
    {
        var queue = this[queueName];
        try
        {
            while (true)
            {
                var batch = await queue.TakeAsync(function.IsBatched ? hostJson.MaxMessageBatchSize : 1, stop);
                // ServiceBusListener.StopAsync cancels a running batch and waits until it ends.
                var failure = await invoker.RunAsync(
                    function, Guid.NewGuid().ToString(), Input(function, batch), Metadata(batch), canceled: stop);
                if (failure is null)
                    queue.Complete(batch);
                else
                    queue.Abandon(batch);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // After the stop, no more messages are received.
        }
    }

    private static TypedData Input(HostFunction function, IReadOnlyList<QueuedMessage> batch)
    {
        if (!function.IsBatched)
        {
            return function.IsBinary ? new TypedData { Bytes = Bytes(batch[0]) } : new TypedData { String = Text(batch[0]) };
        }

        // Empty messages are included: the worker has the capability IncludeEmptyEntriesInMessagePayload.
        return function.IsBinary
            ? new TypedData { CollectionBytes = new CollectionBytes { Bytes = { batch.Select(Bytes) } } }
            : new TypedData { CollectionString = new CollectionString { String = { batch.Select(Text) } } };
    }

    private static ByteString Bytes(QueuedMessage message) => ByteString.CopyFrom(message.Body.Span);

    private static string Text(QueuedMessage message) => Encoding.UTF8.GetString(message.Body.Span);

    private static Dictionary<string, TypedData> Metadata(IReadOnlyList<QueuedMessage> batch) => new()
    {
        ["MessageIdArray"] = new TypedData { CollectionString = new CollectionString { String = { batch.Select(message => message.Id) } } },
        ["DeliveryCountArray"] = new TypedData { Json = JsonSerializer.Serialize(batch.Select(message => message.DeliveryCount)) },
    };
}
