using System.Net;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Http;

public static class ClientAddresses
{
    /// <summary>The address of the client as the outermost proxy of ours saw it.</summary>
    /// <param name="trustedHops">
    /// How many entries at the end of X-Forwarded-For proxies of ours wrote; what stands before them anyone can write.
    /// </param>
    public static IPAddress? ClientAddress(this HttpContext http, int trustedHops)
    {
        var remote = http.Connection.RemoteIpAddress;
        if (trustedHops > 0)
        {
            var hops = http.Request.Headers["X-Forwarded-For"].ToString()
                .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (hops.Length > 0 && Parse(hops[Math.Max(0, hops.Length - trustedHops)]) is { } forwarded)
                remote = forwarded;
        }

        return remote is { IsIPv4MappedToIPv6: true } ? remote.MapToIPv4() : remote;
    }

    // Azure's front end writes the port behind the address.
    private static IPAddress? Parse(string hop) =>
        IPAddress.TryParse(hop, out var address) ? address
        : IPEndPoint.TryParse(hop, out var end) ? end.Address
        : null;
}
