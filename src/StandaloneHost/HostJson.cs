using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;

namespace StandaloneHost;

/// <summary>
/// The part of host.json that StandaloneHost uses. Unknown sections are ignored, as the Functions host does. The defaults are the host's:
/// HttpOptions.RoutePrefix "api"; ServiceBusOptions: 1 to 1,000 messages, wait 30 s, prefetch 0, locks are renewed for 5 minutes;
/// ServiceBusRetryOptions: 3 retries, delays from 0.8 s to one minute, a timeout of one minute for each try.
/// </summary>
internal sealed record HostJson(
    string RoutePrefix, int MinMessageBatchSize, int MaxMessageBatchSize, TimeSpan MaxBatchWaitTime, int PrefetchCount,
    TimeSpan MaxAutoLockRenewalDuration, HostJson.Retry ClientRetry)
{
    /// <summary>Retry options of the official Service Bus client.</summary>
    internal sealed record Retry(bool IsExponential, TimeSpan TryTimeout, TimeSpan Delay, TimeSpan MaxDelay, int MaxRetries);

    public static HostJson Read(IConfiguration hostJson)
    {
        var serviceBus = hostJson.GetSection("extensions:serviceBus");
        var retry = serviceBus.GetSection("clientRetryOptions");
        try
        {
            return new(
                hostJson["extensions:http:routePrefix"] ?? "api",
                serviceBus.GetValue("minMessageBatchSize", 1),
                serviceBus.GetValue("maxMessageBatchSize", 1000),
                serviceBus.GetValue("maxBatchWaitTime", TimeSpan.FromSeconds(30)),
                serviceBus.GetValue("prefetchCount", 0),
                serviceBus.GetValue("maxAutoLockRenewalDuration", TimeSpan.FromMinutes(5)),
                new Retry(
                    !"Fixed".Equals(retry["mode"], StringComparison.OrdinalIgnoreCase),
                    retry.GetValue("tryTimeout", TimeSpan.FromMinutes(1)),
                    retry.GetValue("delay", TimeSpan.FromSeconds(0.8)),
                    retry.GetValue("maxDelay", TimeSpan.FromMinutes(1)),
                    retry.GetValue("maxRetries", 3)));
        }
        catch (InvalidOperationException wrong)
        {
            throw new StartRefusedException($"host.json, extensions.serviceBus: {wrong.Message}");
        }
    }

    public static IConfiguration Load(string folder)
    {
        try
        {
            return new ConfigurationBuilder().SetBasePath(folder).AddJsonFile("host.json", optional: true).Build();
        }
        catch (Exception broken) when (broken is InvalidDataException or JsonException or FormatException)
        {
            throw new StartRefusedException($"host.json can't be read: {(broken.InnerException ?? broken).Message}");
        }
    }
}

/// <summary>The log levels of host.json. The Functions host applies them only to itself, not to its workers.</summary>
public static class HostJsonLogLevels
{
    /// <summary>Adds them with the lowest priority, so that <c>Logging__LogLevel__…</c> in the environment overrides them.</summary>
    /// <param name="configuration">The application's settings.</param>
    /// <param name="folder">The folder of host.json; without the file nothing is added.</param>
    /// <exception cref="StartRefusedException">host.json can't be read.</exception>
    public static void AddHostJsonLogLevels(this IConfigurationBuilder configuration, string folder) =>
        configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = HostJson.Load(folder).GetSection("logging").AsEnumerable(makePathsRelative: true)
                .Select(level => KeyValuePair.Create($"Logging:{level.Key}", level.Value)).ToList(),
        });
}
