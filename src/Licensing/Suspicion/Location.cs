namespace Licensing.Suspicion;

/// <summary>The location of an address, from a geolocation database. Without coordinates a distance is unknown, never zero.</summary>
/// <param name="Country">ISO 3166-1 alpha-2.</param>
/// <param name="Latitude">Degrees north, −90 to 90.</param>
/// <param name="Longitude">Degrees east, −180 to 180.</param>
/// <param name="RadiusKm">The accuracy radius of the database: the address lies within it.</param>
public sealed record Location(string? Country, string? City, double? Latitude, double? Longitude, double? RadiusKm = null)
{
    private const double EarthRadiusKm = 6371;

    /// <summary>
    /// The least possible distance in km: great circle less both radii, at least 0; null when a coordinate is missing.
    /// </summary>
    /// <param name="defaultRadiusKm">Used for a location without a stated radius.</param>
    public static double? LeastKm(Location? a, Location? b, double defaultRadiusKm)
    {
        if (a?.Latitude is not { } latA || a.Longitude is not { } lonA || b?.Latitude is not { } latB || b.Longitude is not { } lonB)
            return null;

        var (phiA, phiB) = (double.DegreesToRadians(latA), double.DegreesToRadians(latB));
        var halfPhi = (phiB - phiA) / 2;
        var halfLambda = double.DegreesToRadians(lonB - lonA) / 2;
        var haversine = Math.Pow(Math.Sin(halfPhi), 2) + (Math.Cos(phiA) * Math.Cos(phiB) * Math.Pow(Math.Sin(halfLambda), 2));
        var greatCircle = 2 * EarthRadiusKm * Math.Asin(Math.Min(1, Math.Sqrt(haversine)));
        return Math.Max(0, greatCircle - (a.RadiusKm ?? defaultRadiusKm) - (b.RadiusKm ?? defaultRadiusKm));
    }
}
