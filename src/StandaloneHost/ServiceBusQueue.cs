using System.Runtime.Serialization;
using Azure.Messaging.ServiceBus;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Receives one queue of a Service Bus over one connection, by the official client, peek-lock.</summary>
internal sealed class ServiceBusQueue(
    string function, string queue, string connection, MessageBatches batches, HostJson hostJson, TimeProvider time, ILogger logger)
{
    // A lock that seems to have ended, as where the clocks differ, is renewed this often.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    /// <inheritdoc cref="BrokerQueue.Receive"/>
    public async Task<bool> ReceiveAsync(Action attached, CancellationToken stop)
    {
        await using var client = new ServiceBusClient(connection, Options(hostJson.ClientRetry));
        // Closed before the client: it gives back what was sent here and not received.
        await using var receiver = client.CreateReceiver(queue, new ServiceBusReceiverOptions { PrefetchCount = hostJson.PrefetchCount });
        await batches.RunAsync(
            async (most, longest, cancellationToken) =>
            {
                var messages = await TryReceiveAsync(receiver, most, longest, cancellationToken);
                attached();
                return [.. messages.Select(message => new Delivery(
                    BodyOf(message),
                    outcome => outcome == DeliveryOutcome.Completed
                        ? receiver.CompleteMessageAsync(message)
                        // Counts the delivery, even of a message that no function has seen: there is no other way to give it back.
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
            return await receiver.ReceiveMessagesAsync(most, longest, cancellationToken);
        }
        catch (Exception unreadable) when (unreadable is NotSupportedException or SerializationException)
        {
            // The client gives none of those that came together, and no way to settle them: they come again when their locks end.
            logger.LogError("Function {Function}: a message's body can't be read ({Error}); it comes again when its lock ends",
                function, unreadable.Message);
            return [];
        }
    }

    private static ReadOnlyMemory<byte> BodyOf(ServiceBusReceivedMessage message)
    {
        var body = message.GetRawAmqpMessage().Body;
        return body.TryGetValue(out var value) ? Delivery.BodyOf(value)
            : body.TryGetSequence(out var sequences) ? Delivery.BodyOf(sequences!.SelectMany(sequence => sequence))
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

    /// <summary>Renews the lock when half of its time has passed, for as long as maxAutoLockRenewalDuration says.</summary>
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
