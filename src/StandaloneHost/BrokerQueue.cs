using System.Threading.Channels;
using Amqp;
using Amqp.Framing;
using Amqp.Types;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>Receives one queue from a broker, link by link; a broker that went away is tried again after 1, 2, 4 … 30 seconds.</summary>
internal sealed class BrokerQueue(string function, string queue, Address address, MessageBatches batches, TimeProvider time, ILogger logger)
{
    private const string DeadLetters = "/$deadletterqueue";
    private static readonly Symbol Product = new("product");

    public async Task RunAsync(CancellationToken stop)
    {
        for (var failures = 0; !stop.IsCancellationRequested; failures++)
        {
            try
            {
                if (!await ReceiveAsync(() => failures = 0, stop))
                    return;
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                if (failures == 0)
                    logger.LogWarning("Function {Function}: no messages from {Broker} ({Error}); trying again",
                        function, address.Host, failure.Message);
            }

            var pause = TimeSpan.FromSeconds(Math.Min(30, 1 << Math.Min(failures, 5)));
            await Task.Delay(pause, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>False where it makes no sense to try again.</returns>
    private async Task<bool> ReceiveAsync(Action attached, CancellationToken stop)
    {
        // A peer that is silent for so long, keep-alives included, is dead, though its socket may look open.
        var factory = new ConnectionFactory { AMQP = { IdleTimeout = 30_000 } };
        var peer = new Open();
        var connection = await factory.CreateAsync(
            address, new Open { ContainerId = $"standalonehost-{Guid.NewGuid():N}", HostName = address.Host },
            (_, open) => peer = open).WaitAsync(TimeSpan.FromSeconds(30), stop);
        try
        {
            var isRabbit = peer.Properties?[Product] is "RabbitMQ";
            if (isRabbit && queue.EndsWith(DeadLetters, StringComparison.OrdinalIgnoreCase))
            {
                logger.LogWarning("Function {Function} isn't run: RabbitMQ has no {Queue}", function, queue);
                return false;
            }

            var deliveries = Channel.CreateUnbounded<Delivery>();
            connection.AddClosedCallback(
                (_, error) => deliveries.Writer.TryComplete(new AmqpException(error ?? new Error(ErrorCode.ConnectionForced))));
            var session = new Session(connection);
            session.AddClosedCallback(
                (_, error) => deliveries.Writer.TryComplete(new AmqpException(error ?? new Error(ErrorCode.DetachForced))));
            var receiver = new ReceiverLink(session, $"{function}-{Guid.NewGuid():N}", new Source { Address = queue }, (_, attach) =>
            {
                // A refusal is an attach without a source, and a detach with the reason.
                if (attach.Source is not null)
                    attached();
            });
            receiver.AddClosedCallback(
                (_, error) => deliveries.Writer.TryComplete(new AmqpException(error ?? new Error(ErrorCode.DetachForced))));
            // In this mode credit comes back as messages are settled, so that never more than Credit are out.
            receiver.Start(batches.Credit, (_, message) =>
                deliveries.Writer.TryWrite(Delivery.Of(message, outcome => receiver.Complete(message, outcome))));

            // Service Bus counts the delivery on `modified`; RabbitMQ 3.10 counts nothing and ends the session on it.
            await batches.RunAsync(deliveries.Reader, isRabbit ? new Released() : new Modified { DeliveryFailed = true }, stop);
            return true;
        }
        finally
        {
            await connection.CloseAsync(TimeSpan.FromSeconds(1), null).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
