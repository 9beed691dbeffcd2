using System.Runtime.Serialization;
using Azure.Messaging.ServiceBus;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Receives from one Service Bus queue with the official client in peek-lock mode, over one connection.</summary>
internal sealed class ServiceBusQueue(
    string function, string queue, string connection, MessageBatches batches, HostJson hostJson, TimeProvider time, ILogger logger)
{
    // Minimum pause between renewals, even if a lock seems expired because the clocks differ.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    // Number of messages to receive one by one after a message that the client can't read, so that the others don't wait for its lock.
    private int oneByOne;

    /// <inheritdoc cref="BrokerQueue.Receive"/>
    public async Task<bool> ReceiveAsync(Action attached, CancellationToken stop)
    {
        await using var client = new ServiceBusClient(connection, Options(hostJson.ClientRetry));
        // Disposed before the client: it releases prefetched messages.
        await using var receiver = client.CreateReceiver(queue, new ServiceBusReceiverOptions { PrefetchCount = hostJson.PrefetchCount });
        await batches.RunAsync(
            async (most, longest, cancellationToken) =>
            {
                var messages = await TryReceiveAsync(receiver, most, longest, cancellationToken);
                attached();
                return [.. messages.Select(message => new Delivery(
                    BodyOf(message),
                    message.GetRawAmqpMessage().Properties.ContentEncoding,
                    outcome => outcome == DeliveryOutcome.Completed
                        ? receiver.CompleteMessageAsync(message)
                        // Abandoning increments the delivery count even for an unprocessed message, but the client has no other way to
                        // return it.
                        : receiver.AbandonMessageAsync(message),
                    ended => RenewAsync(receiver, message, ended)))];
            },
            stop);
        return true;
    }

    private async Task<IReadOnlyList<ServiceBusReceivedMessage>> TryReceiveAsync(
        ServiceBusReceiver receiver, int most, TimeSpan? longest, CancellationToken cancellationToken)
    {
        try
        {
            var messages = await receiver.ReceiveMessagesAsync(oneByOne > 0 ? 1 : most, longest, cancellationToken);
            oneByOne = Math.Max(0, oneByOne - messages.Count);
            return messages;
        }
        catch (Exception unreadable) when (unreadable is NotSupportedException or SerializationException)
        {
            // The client returns no message of this batch, so none can be settled. They are delivered again when their locks expire.
            oneByOne = hostJson.MaxMessageBatchSize;
            logger.LogError(
                "Function {Function}: a message's body can't be read ({Error}); its batch is delivered again after the locks expire",
                function, unreadable.Message);
            return [];
        }
    }

    private static ReadOnlyMemory<byte> BodyOf(ServiceBusReceivedMessage message)
    {
        var body = message.GetRawAmqpMessage().Body;
        return body.TryGetValue(out var value) ? AmqpBody.OfValue(value)
            : body.TryGetSequence(out var sequences) ? AmqpBody.OfSequences(sequences!)
            : message.Body.ToMemory();
    }

    private static ServiceBusClientOptions Options(HostJson.Retry retry) => new()
    {
        RetryOptions = new ServiceBusRetryOptions
        {
            Mode = retry.IsExponential ? ServiceBusRetryMode.Exponential : ServiceBusRetryMode.Fixed,
            TryTimeout = retry.TryTimeout,
            Delay = retry.Delay,
            MaxDelay = retry.MaxDelay,
            MaxRetries = retry.MaxRetries,
        },
    };

    /// <summary>Renews the lock each time half of its remaining time has passed, for at most maxAutoLockRenewalDuration.</summary>
    private async Task RenewAsync(ServiceBusReceiver receiver, ServiceBusReceivedMessage message, CancellationToken ended)
    {
        var end = time.GetUtcNow() + hostJson.MaxAutoLockRenewalDuration;
        try
        {
            while (PauseFrom(time.GetUtcNow()) is var pause && time.GetUtcNow() + pause < end)
            {
                await Task.Delay(pause, time, ended);
                await receiver.RenewMessageLockAsync(message, ended);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The function has ended.
        }

        TimeSpan PauseFrom(DateTimeOffset now) =>
            (message.LockedUntil - now) / 2 is var half && half > ShortestPause ? half : ShortestPause;
    }
}
