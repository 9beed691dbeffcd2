using System.Net;
using System.Net.Sockets;

namespace StandaloneHost;

/// <summary>
/// Reserves a TCP port of 127.0.0.1 for a listener that this process or one that it starts opens later: until this is disposed, the
/// system gives the port to nobody else. AMQPNetLite needs it even without a delay: it listens with SO_REUSEPORT, so two of its listeners
/// can have the same port without an error, and each gets some of the connections.
/// </summary>
internal sealed class ReservedPort : IDisposable
{
    private readonly Socket holder = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <param name="number">The port; 0 for a free one.</param>
    /// <exception cref="SocketException">The port is in use.</exception>
    public ReservedPort(int number = 0)
    {
        if (number != 0)
        {
            using var probe = new TcpListener(IPAddress.Loopback, number);
            probe.Start();
        }

        // With this option the port can be opened although it is bound here. This socket doesn't listen, so it gets no connections.
        holder.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, number));
        Number = ((IPEndPoint)holder.LocalEndPoint!).Port;
    }

    /// <summary>The port, 1 to 65535.</summary>
    public int Number { get; }

    public void Dispose() => holder.Dispose();
}
