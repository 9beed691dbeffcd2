using Licensing.Suspicion;

namespace DetectionCorpus.Lives;

/// <summary>A town with people or a data center.</summary>
public sealed record Town(string Country, string Name, double Latitude, double Longitude)
{
    public Location Location { get; } = new(Country, Name, Latitude, Longitude);

    /// <summary>Hours ahead of UTC, from the longitude.</summary>
    public int Zone { get; } = (int)Math.Round(Longitude / 15);

    public double KmTo(Town other) => Location.LeastKm(Location, other.Location, 0)!.Value;
}

/// <summary>Towns in groups of neighbors, and the cities in which trading servers are rented.</summary>
internal static class Places
{
    public static readonly Town[] Towns =
    [
        new("DE", "Berlin", 52.52, 13.40), new("DE", "Hamburg", 53.55, 9.99), new("DE", "Leipzig", 51.34, 12.37),
        new("DE", "Hanover", 52.37, 9.73), new("DE", "Munich", 48.14, 11.58), new("DE", "Nuremberg", 49.45, 11.08),
        new("DE", "Stuttgart", 48.78, 9.18), new("IT", "Milan", 45.46, 9.19), new("IT", "Turin", 45.07, 7.69),
        new("IT", "Genoa", 44.41, 8.93), new("ES", "Madrid", 40.42, -3.70), new("ES", "Valencia", 39.47, -0.38),
        new("ES", "Zaragoza", 41.65, -0.89), new("NG", "Lagos", 6.52, 3.38), new("NG", "Ibadan", 7.38, 3.90),
        new("NG", "Abeokuta", 7.16, 3.35), new("ZA", "Johannesburg", -26.20, 28.05), new("ZA", "Pretoria", -25.75, 28.19),
        new("ZA", "Polokwane", -23.90, 29.45), new("IN", "Mumbai", 19.08, 72.88), new("IN", "Pune", 18.52, 73.86),
        new("IN", "Nashik", 20.00, 73.79), new("ID", "Jakarta", -6.21, 106.85), new("ID", "Bandung", -6.91, 107.61),
        new("ID", "Cirebon", -6.73, 108.55), new("VN", "Hanoi", 21.03, 105.83), new("VN", "Haiphong", 20.84, 106.69),
        new("VN", "Thanh Hoa", 19.81, 105.78), new("BR", "Sao Paulo", -23.55, -46.63), new("BR", "Campinas", -22.91, -47.06),
        new("BR", "Rio de Janeiro", -22.91, -43.17), new("CO", "Bogota", 4.71, -74.07), new("CO", "Medellin", 6.24, -75.58),
        new("CO", "Ibague", 4.44, -75.24), new("GB", "London", 51.51, -0.13), new("GB", "Birmingham", 52.48, -1.89),
        new("GB", "Leeds", 53.80, -1.55), new("US", "New York", 40.71, -74.01), new("US", "Philadelphia", 39.95, -75.17),
        new("US", "Boston", 42.36, -71.06), new("US", "Chicago", 41.88, -87.63), new("US", "Detroit", 42.33, -83.05),
        new("US", "Milwaukee", 43.04, -87.91), new("AE", "Dubai", 25.20, 55.27), new("AE", "Abu Dhabi", 24.45, 54.38),
        new("AE", "Fujairah", 25.13, 56.33),
    ];

    public static readonly Town[] DataCenters =
    [
        new("GB", "London", 51.51, -0.13), new("US", "New York", 40.71, -74.01), new("DE", "Frankfurt", 50.11, 8.68),
        new("NL", "Amsterdam", 52.37, 4.90), new("SG", "Singapore", 1.35, 103.82), new("US", "Dallas", 32.78, -96.80),
    ];

    public static readonly Town[] HeldOutTowns =
    [
        new("PL", "Warsaw", 52.23, 21.01), new("PL", "Lodz", 51.76, 19.46), new("PL", "Krakow", 50.06, 19.94),
        new("FR", "Paris", 48.86, 2.35), new("FR", "Lille", 50.63, 3.06), new("FR", "Rouen", 49.44, 1.10),
        new("TR", "Istanbul", 41.01, 28.98), new("TR", "Bursa", 40.18, 29.06), new("TR", "Izmit", 40.77, 29.94),
        new("EG", "Cairo", 30.04, 31.24), new("EG", "Alexandria", 31.20, 29.92), new("EG", "Suez", 29.97, 32.53),
        new("PK", "Lahore", 31.55, 74.34), new("PK", "Faisalabad", 31.42, 73.08), new("PK", "Sialkot", 32.49, 74.53),
        new("MY", "Kuala Lumpur", 3.14, 101.69), new("MY", "Malacca", 2.19, 102.25), new("MY", "Johor Bahru", 1.49, 103.74),
        new("JP", "Tokyo", 35.68, 139.65), new("JP", "Nagoya", 35.18, 136.91), new("JP", "Shizuoka", 34.98, 138.38),
        new("AU", "Sydney", -33.87, 151.21), new("AU", "Newcastle", -32.93, 151.78), new("AU", "Canberra", -35.28, 149.13),
        new("MX", "Mexico City", 19.43, -99.13), new("MX", "Puebla", 19.04, -98.21), new("MX", "Queretaro", 20.59, -100.39),
        new("CA", "Toronto", 43.65, -79.38), new("CA", "Ottawa", 45.42, -75.70), new("CA", "Kingston", 44.23, -76.49),
        new("KE", "Nairobi", -1.29, 36.82), new("KE", "Nakuru", -0.30, 36.08), new("KE", "Thika", -1.03, 37.07),
    ];

    public static readonly Town[] HeldOutDataCenters =
    [
        new("GB", "Slough", 51.51, -0.59), new("CH", "Zurich", 47.38, 8.54), new("JP", "Tokyo", 35.68, 139.65),
        new("US", "Ashburn", 39.04, -77.49), new("HK", "Hong Kong", 22.32, 114.17), new("CY", "Limassol", 34.68, 33.04),
    ];
}
