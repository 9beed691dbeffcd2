using System.Net.Sockets;
using Amqp;
using Amqp.Framing;
using Amqp.Listener;

namespace StandaloneHost;

/// <summary>
/// Replaces a broker: listens for AMQP 1.0 senders (no SASL, this machine only) and settles a transfer after the function has succeeded.
/// It stores no messages. No message is lost, because a sender sends a released message again.
/// </summary>
internal sealed class QueueListener : IDisposable
{
    private readonly ReservedPort port;
    private readonly ContainerHost host;

    /// <param name="port">The port to listen on; 0 for a free one.</param>
    /// <exception cref="SocketException">The port is in use.</exception>
    public QueueListener(int port)
    {
        this.port = new ReservedPort(port);
        host = new ContainerHost(new Address($"amqp://127.0.0.1:{Port}"));
        host.Open();
    }

    public int Port => port.Number;

    /// <returns>The messages that are sent to the queue.</returns>
    public AmqpDeliveries Receive(string queue, int credit)
    {
        var deliveries = new AmqpDeliveries(new Released());
        host.RegisterMessageProcessor(queue, new Processor(deliveries, credit));
        return deliveries;
    }

    public void Dispose()
    {
        host.Close();
        port.Dispose();
    }

    private sealed class Processor(AmqpDeliveries deliveries, int credit) : IMessageProcessor
    {
        // Twice the batch size, so that a sender fills the next batch while the function processes one.
        public int Credit => credit * 2;

        public void Process(MessageContext messageContext) => deliveries.Add(
            messageContext.Message, outcome => messageContext.Link.DisposeMessage(messageContext.Message, outcome, true));
    }
}
