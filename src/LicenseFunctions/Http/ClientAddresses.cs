using System.Net;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Http;

/// <summary>
/// Where the address of a client is read: the connection's, unless something that is trusted stands in front and says more. Callers can
/// write any header, so one is believed only as far as a front is known to overwrite it.
/// </summary>
/// <param name="Hops">How many entries at the end of X-Forwarded-For were written by proxies of ours; used without <paramref name="Header"/>.</param>
/// <param name="Header">The header that the trusted front sets; null where none does.</param>
/// <param name="FrontDoorId">The X-Azure-FDID of our Front Door: without it in the request the header is not believed; null asks for none.</param>
public sealed record ClientAddressSource(int Hops, string? Header = null, string? FrontDoorId = null)
{
    private const string FrontDoorHeader = "X-Azure-SocketIP";
    private const string ForwardedFor = "X-Forwarded-For";

    public static ClientAddressSource Read(SettingReader settings)
    {
        var hops = settings.Whole("TRUSTED_PROXY_HOPS", 0, 0, 10);
        var header = settings.Optional("CLIENT_ADDRESS_HEADER");
        var frontDoor = settings.Optional("FRONT_DOOR_ID");
        if (header is not null && !header.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            settings.Fault("CLIENT_ADDRESS_HEADER", "is not the name of a header", FrontDoorHeader, 0);
        if (ForwardedFor.Equals(header, StringComparison.OrdinalIgnoreCase))
            settings.Fault("CLIENT_ADDRESS_HEADER", $"can't be {ForwardedFor}: every proxy adds to it, and TRUSTED_PROXY_HOPS counts ours", FrontDoorHeader, 0);
        if (header is not null && hops > 0)
            settings.Fault("TRUSTED_PROXY_HOPS", "stands beside CLIENT_ADDRESS_HEADER: only one of them may tell the address", "0", 0);
        // X-Azure-ClientIP, X-Azure-SocketIP
        if (header?.StartsWith("X-Azure-", StringComparison.OrdinalIgnoreCase) is true && frontDoor is null)
            settings.Fault("FRONT_DOOR_ID", $"is missing: anybody can send {header}, it is believed with our Front Door's id alone", Guid.Empty.ToString(), 0);
        return new ClientAddressSource(hops, header, frontDoor);
    }

    /// <summary>The address of the client as the outermost front of ours saw it; null where the server doesn't know it.</summary>
    public IPAddress? Of(HttpContext http)
    {
        var remote = Told(http.Request.Headers) ?? http.Connection.RemoteIpAddress;
        return remote is { IsIPv4MappedToIPv6: true } ? remote.MapToIPv4() : remote;
    }

    private IPAddress? Told(IHeaderDictionary headers)
    {
        if (Header is not null)
            return FrontDoorId is null || headers["X-Azure-FDID"].Equals(FrontDoorId) ? Parse(headers[Header].ToString()) : null;
        if (Hops == 0)
            return null;
        var hops = headers[ForwardedFor].ToString()
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return hops.Length > 0 ? Parse(hops[Math.Max(0, hops.Length - Hops)]) : null;
    }

    // Azure's front end writes the port behind the address.
    private static IPAddress? Parse(string hop) =>
        IPAddress.TryParse(hop, out var address) ? address
        : IPEndPoint.TryParse(hop, out var end) ? end.Address
        : null;
}
