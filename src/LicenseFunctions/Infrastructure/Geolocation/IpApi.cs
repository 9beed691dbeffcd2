using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Licensing.Suspicion;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// The guide's ipapi.com. Off by default: it sends customers' addresses to a third party. A network (/24, /64) is asked for once a day; one that
/// could not be answered, not again for a minute, so that an outage doesn't hold up the ingest for every record.
/// </summary>
public sealed class IpApi(HttpClient http, Uri address, string key, TimeProvider time) : IGeolocator, IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly MemoryCache places = new(new MemoryCacheOptions { SizeLimit = MostNetworks, Clock = new Clock(time) });

    /// <summary>Networks that are remembered.</summary>
    public const int MostNetworks = 50_000;

    public async ValueTask<Location?> LocateAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (!PublicAddresses.HasPlace(address))
            return null;
        var network = Network.Neighborhood(Network.Of(address));
        if (places.TryGetValue(network, out Location? known))
            return known;
        try
        {
            return Keep(network, await AskAsync(address, cancellationToken), Kept);
        }
        catch (Exception away) when (away is HttpRequestException or JsonException || (away is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return Keep(network, null, Pause);
        }
    }

    public Location? LocateHere(IPAddress address) => places.Get<Location?>(Network.Neighborhood(Network.Of(address)));

    public void Dispose() => places.Dispose();

    private Location? Keep(string network, Location? place, TimeSpan span) =>
        places.Set(network, place, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = span });

    private async Task<Location?> AskAsync(IPAddress of, CancellationToken cancellationToken)
    {
        var answer = await http.GetFromJsonAsync<Answer>(
            new Uri(address, $"{of}?access_key={Uri.EscapeDataString(key)}&fields=country_code,city,latitude,longitude"), Format, cancellationToken);
        return answer is { CountryCode: not null } ? new Location(answer.CountryCode, answer.City, answer.Latitude, answer.Longitude) : null;
    }

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Answer(string? CountryCode, string? City, double? Latitude, double? Longitude);

    private sealed class Clock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}
