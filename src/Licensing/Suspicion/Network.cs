using System.Net;
using System.Net.Sockets;

namespace Licensing.Suspicion;

/// <summary>What an address says about sameness: IPv4 whole, IPv6 by its /64, since a host changes the lower half by itself.</summary>
public static class Network
{
    /// <summary>The key under which uses from one line are gathered, such as 203.0.113.9 or 2001:db8:1:2::/64; empty for null.</summary>
    public static string Of(IPAddress? address)
    {
        if (address is null)
            return "";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address.ToString();

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes).ToString() + "/64";
    }

    /// <summary>The neighbourhood of a key: /24 of IPv4, the /64 itself of IPv6. A carrier's or a host's neighbours count as one.</summary>
    public static string Neighbourhood(string network) => Leading(network, 3);

    /// <summary>Whether two keys can be one carrier's: within a /12 of IPv4, a /32 of IPv6.</summary>
    public static bool SameBlock(string a, string b)
    {
        var (first, second) = (Leading(a, 2), Leading(b, 2));
        return string.Equals(first, second, StringComparison.Ordinal)
            || (Parse(first) is { } x && Parse(second) is { } y && x.High == y.High && x.Low >> 4 == y.Low >> 4);
    }

    private static (int High, int Low)? Parse(string leading) =>
        leading.Split('.') is [var high, var low]
        && int.TryParse(high, System.Globalization.CultureInfo.InvariantCulture, out var first)
        && int.TryParse(low, System.Globalization.CultureInfo.InvariantCulture, out var second)
            ? (first, second)
            : null;

    private static string Leading(string network, int parts)
    {
        var separator = network.Contains(':', StringComparison.Ordinal) ? ':' : '.';
        if (separator == ':' && parts > 2)
            return network;
        var end = -1;
        for (var part = 0; part < parts; part++)
        {
            end = network.IndexOf(separator, end + 1);
            if (end < 0)
                return network;
        }

        return network[..end];
    }
}
