using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Azure.Monitor.OpenTelemetry.Exporter;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LicenseFunctions.Infrastructure.Telemetry;

/// <summary>
/// OpenTelemetry traces and metrics, if a collector is set: functions, incoming and outgoing HTTP (Stripe), PostgreSQL. OpenTelemetry's own
/// environment variables set the sampling and other options.
/// </summary>
public static class Telemetry
{
    /// <summary>Name of the app's activity source and meter.</summary>
    public const string Name = "LicenseFunctions";

    internal static readonly ActivitySource Source = new(Name);
    internal static readonly Meter Meter = new(Name);

    public static void AddTelemetry<TBuilder>(this TBuilder builder, SettingReader settings)
        where TBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
    {
        var collector = settings.BaseAddress("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317", "http", "https");
        var azure = settings.Optional("APPLICATIONINSIGHTS_CONNECTION_STRING");
        if (azure is not null && !HasKeyAndValidEndpoints(azure))
            azure = settings.Fault<string?>(
                "APPLICATIONINSIGHTS_CONNECTION_STRING", "has no InstrumentationKey, or an endpoint that is not an address",
                "InstrumentationKey=…;IngestionEndpoint=https://…", null);
        if (collector is not null || azure is not null)
            builder.Export(collector, azure, settings);
    }

    // If this method were inlined, the libraries would be loaded even without a collector or Application Insights.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Export<TBuilder>(this TBuilder builder, Uri? collector, string? azure, SettingReader settings)
        where TBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
    {
        var identity = settings.Identity();
        builder.UseMiddleware<TraceFunction>();
        var telemetry = ((IHostApplicationBuilder)builder).Services.AddOpenTelemetry();
        // Without this line the host also reports the runs, and every run of a function is counted twice.
        if (builder is FunctionsApplicationBuilder)
            telemetry.UseFunctionsWorkerDefaults();
        telemetry
            .ConfigureResource(resource => resource.AddService("license-functions").AddEnvironmentVariableDetector())
            .WithTracing(tracing =>
            {
                // The redaction is added first: processors run in the order of their addition, and exporters are processors.
                tracing.AddProcessor(new Redaction()).AddSource(Name)
                    .AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddNpgsql();
                if (collector is not null)
                    tracing.AddOtlpExporter();
                if (azure is not null)
                    tracing.AddAzureMonitorTraceExporter(options => (options.ConnectionString, options.Credential) = (azure, identity));
            })
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Name).AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddNpgsqlInstrumentation();
                if (collector is not null)
                    metrics.AddOtlpExporter();
                if (azure is not null)
                    metrics.AddAzureMonitorMetricExporter(options => (options.ConnectionString, options.Credential) = (azure, identity));
            });
    }

    /// <summary>The exporter throws at the first export, not at the start.</summary>
    private static bool HasKeyAndValidEndpoints(string text)
    {
        var pairs = text.Split(';', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2, StringSplitOptions.TrimEntries)).ToList();
        return pairs.All(pair => pair is [{ Length: > 0 }, { Length: > 0 }]
                && (!pair[0].EndsWith("Endpoint", StringComparison.OrdinalIgnoreCase) || Uri.TryCreate(pair[1], UriKind.Absolute, out _)))
            && pairs.Count(pair => pair[0].Equals("InstrumentationKey", StringComparison.OrdinalIgnoreCase)) == 1;
    }
}

/// <summary>Removes personal data and secrets from spans: IP addresses, user agents, and the query strings of URLs.</summary>
internal sealed class Redaction : BaseProcessor<Activity>
{
    private static readonly string[] Personal =
        ["client.address", "client.port", "network.peer.address", "network.peer.port", "user_agent.original", "url.query"];

    public override void OnEnd(Activity data)
    {
        foreach (var tag in Personal)
            data.SetTag(tag, null);
        if (data.GetTagItem("url.full") is string address && address.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query)
            data.SetTag("url.full", address[..query]);
    }
}
