using System.Net;
using Licensing.Suspicion;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>Puts an address on the map.</summary>
public interface IGeolocator
{
    /// <summary>Null where the place isn't known, and for addresses that have none; an outage is not known, either.</summary>
    ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken);

    /// <summary>Only from what this process has; null as well where somebody else would have to be asked.</summary>
    Location? LocateHere(IPAddress address);
}

/// <summary>Without a database geography stays silent.</summary>
public sealed class NoGeolocator : IGeolocator
{
    public ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken) => default;

    public Location? LocateHere(IPAddress address) => null;
}
