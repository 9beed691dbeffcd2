using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LicenseFunctions.Infrastructure.Telemetry;
using Licensing.Suspicion;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;

namespace LicenseFunctions.Infrastructure.Geolocation;

/// <summary>
/// Locations from ipapi.com, as in the guide. This is off by default because it sends customers' addresses to a third party. Each network
/// (/24, /64) is requested once per day, and after a failure again after a minute. While most requests fail, none is sent for a minute.
/// </summary>
public sealed class IpApi : IGeolocator, IDisposable
{
    private const int Parallelism = 8;
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan FailureLifetime = TimeSpan.FromMinutes(1);

    private readonly HttpClient http;
    private readonly Uri address;
    private readonly string key;
    private readonly ProcessCounts counts;
    private readonly MemoryCache locations;
    private readonly ResiliencePipeline pipeline;

    /// <summary>Maximum number of networks in the cache.</summary>
    public const int MaxNetworks = 50_000;

    public IpApi(HttpClient http, Uri address, string key, ProcessCounts counts, TimeProvider time, ILogger<IpApi> log)
    {
        (this.http, this.address, this.key, this.counts) = (http, address, key, counts);
        locations = new MemoryCache(new MemoryCacheOptions { SizeLimit = MaxNetworks, Clock = new Clock(time) });
        pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = 0.5,
                MinimumThroughput = 4,
                SamplingDuration = Pause,
                BreakDuration = Pause,
                OnOpened = opened =>
                {
                    // Only the type: a message may contain the request's address, and with it the key.
                    log.LogWarning("The location service fails ({Failure}); locations are unknown, and the next request is in {Pause}",
                        opened.Outcome.Exception?.GetType().Name, opened.BreakDuration);
                    return default;
                },
                OnClosed = _ =>
                {
                    log.LogInformation("The location service answers again");
                    return default;
                },
            })
            .AddTimeout(RequestTimeout)
            .Build();
    }

    public async ValueTask PrefetchAsync(IEnumerable<IPAddress> addresses, CancellationToken cancellationToken)
    {
        var unknown = addresses.Where(PublicAddresses.HasLocation)
            .DistinctBy(NetworkOf)
            .Where(one => !locations.TryGetValue(NetworkOf(one), out _))
            .ToList();
        if (unknown.Count == 0)
            return;
        try
        {
            await Parallel.ForEachAsync(
                unknown, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken }, LearnAsync);
        }
        catch (OperationCanceledException)
        {
            // What is missing stays unknown.
        }
    }

    public Location? LocateHere(IPAddress address) => locations.Get<Location?>(NetworkOf(address));

    public void Dispose() => locations.Dispose();

    private async ValueTask LearnAsync(IPAddress one, CancellationToken cancellationToken)
    {
        try
        {
            Keep(one, await pipeline.ExecuteAsync(token => RequestAsync(one, token), cancellationToken), Lifetime);
        }
        catch (BrokenCircuitException)
        {
            // Not sent, so not a failure; the pause is in the log.
        }
#pragma warning disable CA1031 // Whatever the service does, the caller goes on without its locations.
        catch (Exception failure) when (failure is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            counts.AddLocationFailure(ProcessCounts.LocationService);
            Keep(one, null, FailureLifetime);
        }
    }

    private async ValueTask<Location?> RequestAsync(IPAddress of, CancellationToken cancellationToken)
    {
        var answer = await http.GetFromJsonAsync<Answer>(
            new Uri(address, $"{of}?access_key={Uri.EscapeDataString(key)}&fields=country_code,city,latitude,longitude"),
            Format, cancellationToken);
        // A wrong key or a used quota is answered with 200.
        return answer is { Success: not false }
            ? KnownLocation.Of(answer.CountryCode, answer.City, answer.Latitude, answer.Longitude, null)
            : throw new HttpRequestException("The service refused the request.");
    }

    private void Keep(IPAddress one, Location? location, TimeSpan lifetime) => locations.Set(
        NetworkOf(one), location, new MemoryCacheEntryOptions { Size = 1, AbsoluteExpirationRelativeToNow = lifetime });

    private static string NetworkOf(IPAddress address) => Network.Neighborhood(Network.Of(address));

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Answer(string? CountryCode, string? City, double? Latitude, double? Longitude, bool? Success);

    private sealed class Clock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}
