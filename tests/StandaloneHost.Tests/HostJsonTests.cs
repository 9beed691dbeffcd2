using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>
/// The project's host.json. The Functions host silently ignores unknown properties, so a misspelled limit would have no effect.
/// </summary>
public sealed class HostJsonTests
{
    // azure-functions-host: HostJsonFileConfigurationSource (root), ScriptJobHostOptions, TelemetryMode; azure-webjobs-sdk-extensions:
    // HttpOptions; azure-sdk-for-net: ServiceBusOptions and ServiceBusRetryOptions; Microsoft.Extensions.Logging: LogLevel.
    private static readonly Dictionary<string, Predicate<JsonElement>> Known = new()
    {
        ["version"] = value => value.GetString() == "2.0",
        ["telemetryMode"] = OneOf("ApplicationInsights", "OpenTelemetry"),
        ["functionTimeout"] = IsTime,
        ["watchFiles"] = value => value.ValueKind == JsonValueKind.Array,
        ["sendCanceledInvocationsToWorker"] = IsFlag,
        ["healthMonitor.enabled"] = IsFlag,
        ["healthMonitor.healthCheckInterval"] = IsTime,
        ["healthMonitor.healthCheckWindow"] = IsTime,
        ["healthMonitor.healthCheckThreshold"] = IsCount,
        ["healthMonitor.counterThreshold"] = value => value.ValueKind == JsonValueKind.Number,
        ["concurrency.dynamicConcurrencyEnabled"] = IsFlag,
        ["concurrency.snapshotPersistenceEnabled"] = IsFlag,
        ["extensions.http.routePrefix"] = value => value.ValueKind == JsonValueKind.String,
        ["extensions.http.maxOutstandingRequests"] = IsCount,
        ["extensions.http.maxConcurrentRequests"] = IsCount,
        ["extensions.http.dynamicThrottlesEnabled"] = IsFlag,
        ["extensions.serviceBus.transportType"] = OneOf("amqpTcp", "amqpWebSockets"),
        ["extensions.serviceBus.autoCompleteMessages"] = IsFlag,
        ["extensions.serviceBus.prefetchCount"] = IsCount,
        ["extensions.serviceBus.minMessageBatchSize"] = IsCount,
        ["extensions.serviceBus.maxMessageBatchSize"] = IsCount,
        ["extensions.serviceBus.maxBatchWaitTime"] = IsTime,
        ["extensions.serviceBus.maxAutoLockRenewalDuration"] = IsTime,
        ["extensions.serviceBus.maxConcurrentCalls"] = IsCount,
        ["extensions.serviceBus.maxConcurrentSessions"] = IsCount,
        ["extensions.serviceBus.maxConcurrentCallsPerSession"] = IsCount,
        ["extensions.serviceBus.sessionIdleTimeout"] = IsTime,
        ["extensions.serviceBus.enableCrossEntityTransactions"] = IsFlag,
        ["extensions.serviceBus.clientRetryOptions.mode"] = OneOf("Fixed", "Exponential"),
        ["extensions.serviceBus.clientRetryOptions.tryTimeout"] = IsTime,
        ["extensions.serviceBus.clientRetryOptions.delay"] = IsTime,
        ["extensions.serviceBus.clientRetryOptions.maxDelay"] = IsTime,
        ["extensions.serviceBus.clientRetryOptions.maxRetries"] = IsCount,
        ["logging.fileLoggingMode"] = OneOf("Never", "Always", "DebugOnly"),
        ["logging.console.isEnabled"] = IsFlag,
    };

    [Fact]
    public void HostJson_ContainsOnlyKnownProperties() => Assert.Empty(Unknown(Text()));

    [Theory]
    [InlineData("""{"serviceBus": {"prefetchCount": 10}}""", "serviceBus.prefetchCount")]
    [InlineData("""{"extensions": {"serviceBus": {"maxMessages": 10}}}""", "extensions.serviceBus.maxMessages")]
    [InlineData("""{"functionTimeout": "ten minutes"}""", "functionTimeout")]
    [InlineData("""{"logging": {"logLevel": {"default": "Verbose"}}}""", "logging.logLevel.default")]
    public void Unknown_PropertyThatTheHostIgnores_IsFound(string text, string found) => Assert.Equal([found], Unknown(text));

    [Fact]
    public void HostJson_Standalone_UsesTheSameValues()
    {
        var written = JsonDocument.Parse(Text()).RootElement.GetProperty("extensions");
        var queue = written.GetProperty("serviceBus");
        var retry = queue.GetProperty("clientRetryOptions");

        var read = HostJson.Read(HostJson.Load(Path.GetDirectoryName(File())!));

        Assert.Equal(new HostJson(
            written.GetProperty("http").GetProperty("routePrefix").GetString()!,
            queue.GetProperty("minMessageBatchSize").GetInt32(),
            queue.GetProperty("maxMessageBatchSize").GetInt32(),
            TimeSpan.Parse(queue.GetProperty("maxBatchWaitTime").GetString()!, CultureInfo.InvariantCulture),
            queue.GetProperty("prefetchCount").GetInt32(),
            TimeSpan.FromMinutes(5),
            new HostJson.Retry(
                retry.GetProperty("mode").GetString() == "Exponential",
                TimeSpan.Parse(retry.GetProperty("tryTimeout").GetString()!, CultureInfo.InvariantCulture),
                TimeSpan.Parse(retry.GetProperty("delay").GetString()!, CultureInfo.InvariantCulture),
                TimeSpan.Parse(retry.GetProperty("maxDelay").GetString()!, CultureInfo.InvariantCulture),
                retry.GetProperty("maxRetries").GetInt32())), read);
        Assert.True(queue.GetProperty("autoCompleteMessages").GetBoolean());
    }

    [Fact] // the Functions host doesn't pass them to the worker
    public void LogLevels_OfHostJson_ApplyAndTheEnvironmentOverridesThem()
    {
        var settings = new ConfigurationManager();
        settings.AddInMemoryCollection([new("Logging:LogLevel:Microsoft", "Debug")]);

        settings.AddHostJsonLogLevels(Path.GetDirectoryName(File())!);

        var written = JsonDocument.Parse(Text()).RootElement.GetProperty("logging").GetProperty("logLevel");
        Assert.Equal(written.GetProperty("Npgsql").GetString(), settings["Logging:LogLevel:Npgsql"]);
        Assert.Equal(written.GetProperty("default").GetString(), settings["Logging:LogLevel:Default"]);
        Assert.Equal("Debug", settings["Logging:LogLevel:Microsoft"]);
    }

    /// <summary>The properties that the Functions host doesn't have or can't read.</summary>
    private static IEnumerable<string> Unknown(string text) => Leaves("", JsonDocument.Parse(text).RootElement)
        .Where(leaf => !(leaf.Path.StartsWith("logging.logLevel.", StringComparison.Ordinal) ? IsLogLevel
            : Known.GetValueOrDefault(leaf.Path, _ => false))(leaf.Value))
        .Select(leaf => leaf.Path);

    private static IEnumerable<(string Path, JsonElement Value)> Leaves(string path, JsonElement value) =>
        value.ValueKind == JsonValueKind.Object
            ? value.EnumerateObject()
                .SelectMany(property => Leaves(path.Length == 0 ? property.Name : $"{path}.{property.Name}", property.Value))
            : [(path, value)];

    private static bool IsFlag(JsonElement value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False;

    private static bool IsCount(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
        && number >= 0;

    private static bool IsTime(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && TimeSpan.TryParse(value.GetString(), CultureInfo.InvariantCulture, out _);

    private static bool IsLogLevel(JsonElement value) =>
        OneOf("Trace", "Debug", "Information", "Warning", "Error", "Critical", "None")(value);

    private static Predicate<JsonElement> OneOf(params string[] words) =>
        value => value.ValueKind == JsonValueKind.String && words.Contains(value.GetString(), StringComparer.OrdinalIgnoreCase);

    private static string Text() => System.IO.File.ReadAllText(File());

    private static string File([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../host.json"));
}
