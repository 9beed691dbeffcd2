using System.Net;
using System.Net.Sockets;

namespace Licensing.Webhooks;

/// <summary>Which addresses webhooks may be sent to. Pure.</summary>
public static class WebhookAddress
{
    public const int MaxUrlLength = 2_000;

    // IANA's special-purpose registries (RFC 6890), multicast, 6to4 relays (RFC 7526), and Azure's platform services (168.63.129.16).
    private static readonly IPNetwork[] SpecialV4 =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4",
        }.Select(IPNetwork.Parse),
    ];

    // All other special addresses of IPv6 are outside the global unicast range: loopback, mapped, NAT64, unique local, link-local.
    private static readonly IPNetwork GlobalV6 = IPNetwork.Parse("2000::/3");

    // Teredo (in 2001::/23) and 6to4 contain IPv4 addresses; the other two are for documentation.
    private static readonly IPNetwork[] SpecialV6 =
        [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(IPNetwork.Parse)];

    /// <summary>Whether the address is on the internet: not private, loopback, link-local, multicast or reserved.</summary>
    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? !Array.Exists(SpecialV4, network => network.Contains(address))
            : GlobalV6.Contains(address) && !Array.Exists(SpecialV6, network => network.Contains(address));
    }

    /// <summary>Why the text can't be the URL of an endpoint; null if it can. Host names are resolved only at each connection.</summary>
    /// <param name="allowPrivate">WEBHOOK_ALLOW_PRIVATE.</param>
    public static Refusal? Fault(string? text, bool allowPrivate)
    {
        if (text is null || text.Length > MaxUrlLength || !Uri.TryCreate(text, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("https" or "http") || text.Any(char.IsControl))
            return Invalid($"url must be an absolute https URL of at most {MaxUrlLength} characters.");
        if (uri.Scheme == "http" && !allowPrivate)
            return Invalid("url must begin with https. WEBHOOK_ALLOW_PRIVATE=true allows http, for tests.");
        if (uri.UserInfo.Length > 0)
            return Invalid("url must not contain a user or a password.");
        if (uri.Fragment.Length > 0)
            return Invalid("url must not have a part after #.");
        return !allowPrivate && IPAddress.TryParse(uri.DnsSafeHost, out var address) && !IsPublic(address)
            ? Invalid("url must not have a private address.", "PRIVATE_ADDRESS")
            : null;
    }

    private static Refusal Invalid(string detail, string code = "INVALID_FIELD") => new(
        RefusalKind.Invalid, code, detail, "url",
        "Send the receiver's address on the internet, such as https://hooks.example.com/licenses.");
}
