using Amqp;
using Amqp.Framing;
using Amqp.Types;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Receives from one queue over one AMQP 1.0 connection, with AMQPNetLite.</summary>
internal sealed class AmqpQueue(string function, string queue, Address address, MessageBatches batches, ILogger logger)
{
    private static readonly Symbol Product = new("product");

    /// <inheritdoc cref="BrokerQueue.Receive"/>
    public async Task<bool> ReceiveAsync(Action attached, CancellationToken stop)
    {
        // A peer that sends nothing for 30 s, not even keep-alives, counts as disconnected even if its socket is open.
        var factory = new ConnectionFactory { AMQP = { IdleTimeout = 30_000 } };
        var peer = new Open();
        var connection = await factory.CreateAsync(
            address, new Open { ContainerId = $"standalonehost-{Guid.NewGuid():N}", HostName = address.Host },
            (_, open) => peer = open).WaitAsync(TimeSpan.FromSeconds(30), stop);
        try
        {
            var isRabbit = peer.Properties?[Product] is "RabbitMQ";
            if (isRabbit && queue.EndsWith(QueueTriggers.DeadLetters, StringComparison.OrdinalIgnoreCase))
            {
                logger.LogWarning("Function {Function} receives no messages: RabbitMQ has no {Queue}", function, queue);
                return false;
            }

            // `modified` makes Service Bus count the delivery. RabbitMQ 3.10 doesn't count, and ends the session if it receives `modified`.
            var deliveries = new AmqpDeliveries(isRabbit ? new Released() : new Modified { DeliveryFailed = true });
            connection.AddClosedCallback((_, error) => deliveries.Fail(error ?? new Error(ErrorCode.ConnectionForced)));
            var session = new Session(connection);
            session.AddClosedCallback((_, error) => deliveries.Fail(error ?? new Error(ErrorCode.DetachForced)));
            var receiver = new ReceiverLink(session, $"{function}-{Guid.NewGuid():N}", new Source { Address = queue }, (_, attach) =>
            {
                // To reject a receiver, a broker sends an attach without a source, then a detach with the reason.
                if (attach.Source is not null)
                    attached();
            });
            receiver.AddClosedCallback((_, error) => deliveries.Fail(error ?? new Error(ErrorCode.DetachForced)));
            // In this mode credit is restored when messages are settled, so at most Credit messages are unsettled.
            receiver.Start(batches.Credit, (_, message) => deliveries.Add(message, outcome => receiver.Complete(message, outcome)));

            await batches.RunAsync(deliveries.ReceiveAsync, stop);
            await batches.GiveBackAsync(deliveries.Take());
            return true;
        }
        finally
        {
            await connection.CloseAsync(TimeSpan.FromSeconds(1), null).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
