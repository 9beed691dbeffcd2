using System.Reflection;
using LicenseFunctions.Health;
using LicenseFunctions.Home;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Geolocation;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Infrastructure.Payments.PayPal;
using LicenseFunctions.Infrastructure.Payments.Stripe;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Invoices;
using LicenseFunctions.Leases;
using LicenseFunctions.Licenses;
using LicenseFunctions.Operations;
using LicenseFunctions.Pages;
using LicenseFunctions.PaymentMethods;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Usage;
using LicenseFunctions.Validation;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StandaloneHost;

namespace LicenseFunctions;

/// <summary>Runs as the worker of a Functions host if a host starts it, otherwise as a standalone application.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) =>
        RunAsync(() => IsStartedByFunctionsHost(args) ? BuildWorker(args) : BuildStandalone(args));

    /// <summary>Runs until the process is stopped.</summary>
    /// <returns>The exit code: 0, or 78 if a setting or function is invalid; the message is on standard error.</returns>
    public static async Task<int> RunAsync(Func<IHost> build)
    {
        try
        {
            using var host = build();
            await host.RunAsync();
            return 0;
        }
        catch (Exception wrong) when (wrong is SettingsException or StartRefusedException)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return 78; // EX_CONFIG of sysexits.h: a restart would fail again
        }
    }

    /// <param name="furtherAssemblies">Assemblies with functions that are not published, in addition to this one.</param>
    public static IHost BuildStandalone(string[] args, params Assembly[] furtherAssemblies)
    {
        var builder = StandaloneApplication.CreateBuilder(args, [typeof(Program).Assembly, .. furtherAssemblies]);
        Compose(builder, furtherAssemblies);
        return builder.Build();
    }

    /// <summary>Whether one of the values is set that the official worker reads. Every Functions host sets at least one of them.</summary>
    public static bool IsStartedByFunctionsHost(string[] args) =>
        args.Any(argument => argument.StartsWith("--functions-uri", StringComparison.Ordinal))
        || AppContext.GetData("AZURE_FUNCTIONS_NATIVE_HOST") is not null
        || Environment.GetEnvironmentVariable("FUNCTIONS_APPLICATION_DIRECTORY") is { Length: > 0 };

    private static IHost BuildWorker(string[] args)
    {
        var builder = FunctionsApplication.CreateBuilder(args);
        builder.Configuration.AddHostJsonLogLevels(AppContext.BaseDirectory);
        builder.UseMiddleware<DropHttpResult>(); // before the next line, so that it wraps the middleware that sets the result
        builder.ConfigureFunctionsWebApplication();
        builder.Services.AddWorkerHttp();
        Compose(builder);
        return builder.Build();
    }

    private static void Compose<TBuilder>(TBuilder builder, params Assembly[] furtherAssemblies)
        where TBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
    {
        var services = ((IHostApplicationBuilder)builder).Services;
        var settings = new SettingReader(builder.Configuration);
        builder.AddTelemetry(settings);
        builder.UseMiddleware<RequestGate>();
        builder.UseMiddleware<RecordTimerRun>();
        builder.UseMiddleware<WakeTimerFallback>();

        services.AddDatabase(settings);
        services.AddHttpEdge(settings, furtherAssemblies);
        services.AddLeases(settings);
        services.AddValidation(settings);
        services.AddHealth(settings);
        services.AddHome();
        services.AddInvoices(settings);
        services.AddLicenses(settings);
        services.AddOperations(settings);
        services.AddPages(settings);
        services.AddStripe(settings);
        services.AddPayPal(settings);
        services.AddMail(settings);
        services.AddRenewals(settings);
        services.AddPaymentMethods();
        services.AddGeolocation(settings);
        services.AddSuspicion(settings);
        services.AddUsage();
        settings.ThrowIfFaulty();

        // The platform kills the process five seconds after SIGTERM. The fifth second is for canceling the runs that are still active.
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(4));
    }
}
