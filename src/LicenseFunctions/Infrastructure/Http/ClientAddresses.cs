using System.Net;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Source of a client's address: the connection, unless a trusted proxy in front of the app sends the address in a header. Callers can send
/// any header, so a header is trusted only if that proxy overwrites it.
/// </summary>
/// <param name="Hops">How many of our proxies append to X-Forwarded-For; used if <paramref name="Header"/> is null.</param>
/// <param name="Header">The header that the trusted proxy sets; null for none.</param>
/// <param name="FrontDoorId">ID of our Front Door. The header is trusted only if X-Azure-FDID equals it; null for no such check.</param>
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
            settings.Fault("CLIENT_ADDRESS_HEADER", $"can't be {ForwardedFor}, because callers can send it: set TRUSTED_PROXY_HOPS instead",
                FrontDoorHeader, 0);
        if (header is not null && hops > 0)
            settings.Fault("TRUSTED_PROXY_HOPS", "is set together with CLIENT_ADDRESS_HEADER: set only one of them", "0", 0);
        // X-Azure-ClientIP, X-Azure-SocketIP
        if (header?.StartsWith("X-Azure-", StringComparison.OrdinalIgnoreCase) is true && frontDoor is null)
            settings.Fault("FRONT_DOOR_ID", $"is missing: {header} is trusted only with our Front Door's ID, because anybody can send it",
                Guid.Empty.ToString(), 0);
        return new ClientAddressSource(hops, header, frontDoor);
    }

    /// <summary>The client's address as our outermost proxy saw it; null if it is unknown.</summary>
    public IPAddress? AddressOf(HttpContext http)
    {
        var remote = FromHeaders(http.Request.Headers) ?? http.Connection.RemoteIpAddress;
        return remote is { IsIPv4MappedToIPv6: true } ? remote.MapToIPv4() : remote;
    }

    private IPAddress? FromHeaders(IHeaderDictionary headers)
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
