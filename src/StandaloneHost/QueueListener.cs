using System.Net;
using System.Net.Sockets;
using Amqp;
using Amqp.Framing;
using Amqp.Listener;

namespace StandaloneHost;

/// <summary>
/// In place of a broker: listens for AMQP 1.0 senders (no SASL, this machine only) and settles a transfer when the function has
/// committed it, so that nothing is stored and nothing lost. A sender whose message is released sends it again.
/// </summary>
internal sealed class QueueListener : IDisposable
{
    private readonly ContainerHost host;

    /// <param name="port">The port to listen on; 0 for a free one.</param>
    /// <exception cref="SocketException">The port is taken.</exception>
    public QueueListener(int port)
    {
        Port = port == 0 ? FreePort() : port;
        host = new ContainerHost(new Address($"amqp://127.0.0.1:{Port}"));
        host.Open();
    }

    public int Port { get; }

    /// <returns>What is sent to the queue.</returns>
    public AmqpDeliveries Receive(string queue, int credit)
    {
        var deliveries = new AmqpDeliveries(new Released());
        host.RegisterMessageProcessor(queue, new Processor(deliveries, credit));
        return deliveries;
    }

    public void Dispose() => host.Close();

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private sealed class Processor(AmqpDeliveries deliveries, int credit) : IMessageProcessor
    {
        // Twice: a sender fills the next batch while one is committed.
        public int Credit => credit * 2;

        public void Process(MessageContext messageContext) => deliveries.Add(
            messageContext.Message, outcome => messageContext.Link.DisposeMessage(messageContext.Message, outcome, true));
    }
}
