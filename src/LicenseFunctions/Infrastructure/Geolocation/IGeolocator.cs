using System.Net;
using Licensing.Suspicion;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>Finds the location of an IP address.</summary>
public interface IGeolocator
{
    /// <returns>Null if the address has no location, or if its location is unknown, for example because of an outage.</returns>
    ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken);

    /// <returns>As <see cref="LocateAsync"/>, but without a network call; null if one would be needed.</returns>
    Location? LocateHere(IPAddress address);
}

/// <summary>Finds no locations; used if no geolocation is configured.</summary>
public sealed class NoGeolocator : IGeolocator
{
    public ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken) => default;

    public Location? LocateHere(IPAddress address) => null;
}
