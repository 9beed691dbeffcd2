using System.Net;
using Licensing.Suspicion;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>Finds the location of an IP address. A location is optional: no method fails because of a file or a service.</summary>
public interface IGeolocator
{
    /// <summary>
    /// Asks for locations over the network, if the source needs that; afterwards <see cref="LocateHere"/> has those that were found. It
    /// must not be called in a transaction.
    /// </summary>
    /// <param name="cancellationToken">Ends the search. What is missing then stays unknown; there is no exception.</param>
    ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken);

    /// <summary>Finds a location without a network call.</summary>
    /// <returns>Null if the address has no location, or if it is unknown.</returns>
    Location? LocateHere(IPAddress address);
}

/// <summary>Finds no locations; used if no geolocation is configured.</summary>
public sealed class NoGeolocator : IGeolocator
{
    public ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken) => default;

    public Location? LocateHere(IPAddress address) => null;
}
