using System.Net;
using System.Net.Sockets;
using Licensing.Devices;

namespace Licensing.Suspicion;

/// <summary>
/// Networks as the detector compares them: the text of a <see cref="SourceNetwork"/>. The keys are part of stored states.
/// </summary>
public static class Network
{
    /// <summary>The key of an address's network, such as 203.0.113.9 or 2001:db8:1:2::/64; empty for null.</summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
            return "";
        var network = SourceNetwork.Of(address);
        return network.AddressFamily == AddressFamily.InterNetworkV6 ? network + "/64" : network.ToString();
    }

    /// <summary>True for the key of an IPv6 network.</summary>
    public static bool IsVersion6(string network) => network.Contains(':', StringComparison.Ordinal);

    /// <summary>
    /// The key of the neighborhood: the /24 of IPv4, the /64 of IPv6. Neighbors at a carrier or a hosting provider count as one network.
    /// </summary>
    public static string Neighborhood(string network) => IsVersion6(network) ? network : Leading(network, 3).ToString();

    /// <summary>
    /// True when two networks may belong to one provider: their IPv4 addresses share the leading bits, or their IPv6 ones a /32.
    /// </summary>
    /// <param name="bits">For IPv4, 8 to 16.</param>
    public static bool SameBlock(string a, string b, int bits)
    {
        if (IsVersion6(a) || IsVersion6(b))
            return Leading(a, 2).Equals(Leading(b, 2), StringComparison.Ordinal);
        return First(a, 2) is >= 0 and var x && First(b, 2) is >= 0 and var y && x >> (16 - bits) == y >> (16 - bits);
    }

    /// <summary>True for two IPv4 addresses of one /18. A carrier may give its customers' connections addresses of such a pool.</summary>
    public static bool SamePool(string a, string b) =>
        First(a, 3) is >= 0 and var x && First(b, 3) is >= 0 and var y && x >> 6 == y >> 6;

    /// <summary>The first bytes of an IPv4 address as one number; −1 for anything else.</summary>
    private static int First(string network, int bytes)
    {
        var (number, at) = (0, 0);
        for (var i = 0; i < bytes; i++)
        {
            var value = 0;
            for (; at < network.Length && char.IsAsciiDigit(network[at]); at++)
                value = (value * 10) + (network[at] - '0');
            if (at == network.Length || network[at] != '.')
                return -1;
            (number, at) = ((number << 8) | value, at + 1);
        }

        return number;
    }

    private static ReadOnlySpan<char> Leading(string network, int parts)
    {
        var separator = IsVersion6(network) ? ':' : '.';
        var end = -1;
        for (var part = 0; part < parts; part++)
        {
            end = network.IndexOf(separator, end + 1);
            if (end < 0)
                return network;
        }

        return network.AsSpan(0, end);
    }
}
