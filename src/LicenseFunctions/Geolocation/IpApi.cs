using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Licensing.Suspicion;
using Microsoft.Extensions.Caching.Memory;

namespace LicenseFunctions.Geolocation;

/// <summary>The guide's ipapi.com. Off by default: it sends customers' addresses to a third party.</summary>
public sealed class IpApi(HttpClient http, Uri address, string key) : IGeolocator, IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    private readonly MemoryCache places = new(new MemoryCacheOptions { SizeLimit = 50_000 });

    public async ValueTask<Place?> LocateAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (!PublicAddresses.HasPlace(address))
            return null;
        if (places.TryGetValue(address, out Place? known))
            return known;
        try
        {
            var place = await AskAsync(address, cancellationToken);
            return places.Set(address, place, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = Kept });
        }
        catch (Exception away) when (away is HttpRequestException or JsonException || (away is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    public void Dispose() => places.Dispose();

    private async Task<Place?> AskAsync(IPAddress of, CancellationToken cancellationToken)
    {
        var answer = await http.GetFromJsonAsync<Answer>(
            new Uri(address, $"{of}?access_key={Uri.EscapeDataString(key)}&fields=country_code,city,latitude,longitude"), Format, cancellationToken);
        return answer is { CountryCode: not null } ? new Place(answer.CountryCode, answer.City, answer.Latitude, answer.Longitude) : null;
    }

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Answer(string? CountryCode, string? City, double? Latitude, double? Longitude);
}
