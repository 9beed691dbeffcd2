using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Telemetry;

/// <summary>The telemetry that is sent to an OpenTelemetry collector, without personal data.</summary>
public sealed class TelemetryTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Telemetry_OfALicenseCheck_ContainsFunctionHttpAndDatabaseButNoTokenOrAddress()
    {
        const string token = "tok-secret-of-a-customer";
        await using var collector = await Collector.StartAsync();
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartAsync(database,
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"), ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("TRUSTED_PROXY_HOPS", "1"));

        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate?email=someone@x.test")
        {
            Content = new StringContent("{\"ea_instance_id\":\"EA-1\",\"mt5_account_number\":1001}", Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", $"License {token}");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.77");
        request.Headers.TryAddWithoutValidation("User-Agent", "terminal-of-someone");
        using var response = await app.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode);

        var traces = await collector.UntilAsync("/v1/traces", "ValidateLicense", "/api/v1/licenses/validate", "postgresql");
        var metrics = await collector.UntilAsync("/v1/metrics", "license_functions.validation.duration",
            "license_functions.function.duration", "http.server.request.duration");
        Assert.All((string[])[token, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token))), "203.0.113.77", "someone"],
            secret =>
            Assert.DoesNotContain(secret, traces + metrics, StringComparison.Ordinal));
    }

    /// <summary>Receives OTLP over HTTP. Protobuf contains strings unencoded, so the tests search the bytes.</summary>
    private sealed class Collector(WebApplication server, ConcurrentQueue<(string Path, string Body)> received) : IAsyncDisposable
    {
        public string Address => server.Urls.Single();

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateBuilder();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Logging.ClearProviders();
            var server = builder.Build();
            var received = new ConcurrentQueue<(string, string)>();
            server.MapPost("/v1/{signal}", async (HttpRequest request) =>
            {
                using var body = new MemoryStream();
                await request.Body.CopyToAsync(body);
                received.Enqueue((request.Path, Encoding.Latin1.GetString(body.ToArray())));
            });
            await server.StartAsync(TestContext.Current.CancellationToken);
            return new Collector(server, received);
        }

        /// <summary>Everything that a path has received, as soon as it contains all given texts.</summary>
        public async Task<string> UntilAsync(string path, params string[] expected)
        {
            for (var pause = 20; ; pause = Math.Min(pause * 2, 500))
            {
                var bodies = string.Concat(received.Where(one => one.Path == path).Select(one => one.Body));
                if (expected.All(text => bodies.Contains(text, StringComparison.Ordinal)))
                    return bodies;
                await Task.Delay(pause, TestContext.Current.CancellationToken);
            }
        }

        public ValueTask DisposeAsync() => server.DisposeAsync();
    }
}
