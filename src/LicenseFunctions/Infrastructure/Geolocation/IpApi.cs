using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Licensing.Suspicion;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// Locations from ipapi.com, as in the guide. This is off by default because it sends customers' addresses to a third party. Each network
/// (/24, /64) is requested once per day. After a failure it is not requested for one minute, so that an outage doesn't delay the ingest of
/// every record.
/// </summary>
public sealed class IpApi(HttpClient http, Uri address, string key, TimeProvider time) : IGeolocator, IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan FailureLifetime = TimeSpan.FromMinutes(1);

    private readonly MemoryCache locations = new(new MemoryCacheOptions { SizeLimit = MaxNetworks, Clock = new Clock(time) });

    /// <summary>Maximum number of networks in the cache.</summary>
    public const int MaxNetworks = 50_000;

    public async ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (!PublicAddresses.HasLocation(address))
            return null;
        var network = Network.Neighborhood(Network.Of(address));
        if (locations.TryGetValue(network, out Location? known))
            return known;
        try
        {
            return Keep(network, await RequestAsync(address, cancellationToken), Lifetime);
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException
            || (failure is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return Keep(network, null, FailureLifetime);
        }
    }

    public Location? LocateHere(IPAddress address) => locations.Get<Location?>(Network.Neighborhood(Network.Of(address)));

    public void Dispose() => locations.Dispose();

    private Location? Keep(string network, Location? location, TimeSpan lifetime) =>
        locations.Set(network, location, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = lifetime });

    private async Task<Location?> RequestAsync(IPAddress of, CancellationToken cancellationToken)
    {
        var answer = await http.GetFromJsonAsync<Answer>(
            new Uri(address, $"{of}?access_key={Uri.EscapeDataString(key)}&fields=country_code,city,latitude,longitude"),
            Format, cancellationToken);
        return answer is { CountryCode: not null }
            ? new Location(answer.CountryCode, answer.City, answer.Latitude, answer.Longitude)
            : null;
    }

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Answer(string? CountryCode, string? City, double? Latitude, double? Longitude);

    private sealed class Clock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}
