using System.Net;
using System.Net.Sockets;

namespace Licensing.Devices;

/// <summary>The part of a client's address that distinguishes customers: an IPv4 address, or the /64 of an IPv6 address.</summary>
/// <remarks>A household or a host has a whole /64, and privacy extensions change the other bits daily (RFC 8981).</remarks>
public static class SourceNetwork
{
    /// <summary>The network's first address; an IPv4 address mapped into IPv6 counts as IPv4.</summary>
    public static IPAddress Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return address;

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }
}
