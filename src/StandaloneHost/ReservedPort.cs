using System.Net;
using System.Net.Sockets;

namespace StandaloneHost;

/// <summary>
/// Reserves a TCP port of 127.0.0.1 for a listener that opens later, in this process or in a child process. Until this object is disposed,
/// the system does not choose the port for another listener. AMQPNetLite needs this even if it listens immediately: it uses SO_REUSEPORT,
/// so two of its listeners can have the same port without an error, and each gets some of the connections.
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

        // With this option, a listener can use the port although this socket is bound to it. This socket doesn't listen, so it gets no
        // connections.
        holder.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, number));
        Number = ((IPEndPoint)holder.LocalEndPoint!).Port;
    }

    /// <summary>The port, 1 to 65535.</summary>
    public int Number { get; }

    public void Dispose() => holder.Dispose();
}
