using System.Threading.Channels;
using Amqp;
using Amqp.Framing;

namespace StandaloneHost;

/// <summary>Buffers the messages that AMQPNetLite pushes until a batch takes them.</summary>
/// <param name="failed">The AMQP outcome of a failed delivery: it returns the message, and the peer counts the delivery if it can.</param>
internal sealed class AmqpDeliveries(DeliveryState failed)
{
    private readonly Channel<Delivery> waiting = Channel.CreateUnbounded<Delivery>();

    /// <param name="settle">Sends the outcome to the peer.</param>
    public void Add(Message message, Action<DeliveryState> settle) => waiting.Writer.TryWrite(new Delivery(
        AmqpBody.Of(message),
        message.Properties?.ContentEncoding,
        outcome =>
        {
            settle(outcome switch { DeliveryOutcome.Completed => new Accepted(), DeliveryOutcome.Failed => failed, _ => new Released() });
            return Task.CompletedTask;
        },
        // Plain AMQP has no lock expiry, so there is nothing to renew.
        _ => Task.CompletedTask));

    /// <summary>Ends receiving, because the peer has disconnected.</summary>
    public void Fail(Error error) => waiting.Writer.TryComplete(new AmqpException(error));

    /// <inheritdoc cref="MessageBatches.Receive"/>
    public async Task<IReadOnlyList<Delivery>> ReceiveAsync(int most, TimeSpan? longest, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (longest is { } span)
            patience.CancelAfter(span);
        try
        {
            await waiting.Reader.WaitToReadAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The wait time has passed.
        }

        return Take(most);
    }

    /// <returns>Buffered messages that are not in a batch yet.</returns>
    public IReadOnlyList<Delivery> Take(int most = int.MaxValue)
    {
        var taken = new List<Delivery>();
        while (taken.Count < most && waiting.Reader.TryRead(out var delivery))
            taken.Add(delivery);
        return taken;
    }
}
