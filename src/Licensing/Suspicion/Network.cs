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

    /// <summary>
    /// The key of the neighborhood: the /24 of IPv4, the /64 of IPv6. Neighbors at a carrier or a hosting provider count as one network.
    /// </summary>
    public static string Neighborhood(string network) => Leading(network, 3);

    /// <summary>
    /// True when two networks may belong to one provider: their IPv4 addresses share the leading bits, or their IPv6 ones a /32.
    /// </summary>
    /// <param name="bits">For IPv4, 8 to 16.</param>
    public static bool SameBlock(string a, string b, int bits)
    {
        var (first, second) = (Leading(a, 2), Leading(b, 2));
        return string.Equals(first, second, StringComparison.Ordinal)
            || (Parse(first) is { } x && Parse(second) is { } y && x >> (16 - bits) == y >> (16 - bits));
    }

    /// <summary>The first two bytes of an IPv4 address as one number; null for anything else.</summary>
    private static int? Parse(string leading) =>
        leading.Split('.') is [var high, var low]
        && int.TryParse(high, System.Globalization.CultureInfo.InvariantCulture, out var first)
        && int.TryParse(low, System.Globalization.CultureInfo.InvariantCulture, out var second)
            ? (first << 8) | second
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
