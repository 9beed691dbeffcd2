using Licensing.Suspicion;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>Locations of sources that are not trusted. A value that the usage log rejects would quarantine the usage record.</summary>
public static class KnownLocation
{
    private const int MaxCityLength = 100;

    /// <returns>Without the values that are impossible; null if neither the country nor the coordinates are known.</returns>
    public static Location? Of(string? country, string? city, double? latitude, double? longitude, double? radius)
    {
        var knownCountry = country is { Length: 2 } && country.All(char.IsAsciiLetterUpper) ? country : null;
        var isOnEarth = latitude is >= -90 and <= 90 && longitude is >= -180 and <= 180;
        return knownCountry is null && !isOnEarth
            ? null
            : new Location(
                knownCountry, city is { Length: > 0 and <= MaxCityLength } && !city.Any(char.IsControl) ? city : null,
                isOnEarth ? latitude : null, isOnEarth ? longitude : null, isOnEarth && radius is >= 0 and <= 20_100 ? radius : null);
    }
}
