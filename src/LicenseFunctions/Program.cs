using LicenseFunctions;
using LicenseFunctions.Database;
using LicenseFunctions.Devices;
using LicenseFunctions.Geolocation;
using LicenseFunctions.Health;
using LicenseFunctions.Http;
using LicenseFunctions.Licenses;
using LicenseFunctions.Metrics;
using LicenseFunctions.Notifications;
using LicenseFunctions.Operations;
using LicenseFunctions.Pages;
using LicenseFunctions.Payments;
using LicenseFunctions.Renewals;
using LicenseFunctions.Suspicion;
using LicenseFunctions.Usage;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

try
{
    var builder = FunctionsApplication.CreateBuilder(args);
    builder.ConfigureFunctionsWebApplication();
    var settings = new SettingReader(builder.Configuration);
    builder.AddTelemetry(settings);
    builder.UseMiddleware<RequestGate>();
    builder.UseMiddleware<RecordTimerRun>();

    builder.Services.AddSingleton(TimeProvider.System);
    builder.Services.AddDatabase(settings);
    builder.Services.AddHttpEdge(settings);
    builder.Services.AddDevices(settings);
    builder.Services.AddHealth(settings);
    builder.Services.AddLicenses();
    builder.Services.AddOperations(settings);
    builder.Services.AddPages(settings);
    builder.Services.AddPayments(settings);
    builder.Services.AddNotifications(settings);
    builder.Services.AddRenewals(settings);
    builder.Services.AddSavedCards();
    builder.Services.AddGeolocation(settings);
    builder.Services.AddSuspicion(settings);
    builder.Services.AddUsage();
    settings.ThrowIfFaulty();

    // The platform gives five seconds from SIGTERM to the end; one of them is for letting go of what is still running.
    builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(4));

    await builder.Build().RunAsync();
    return 0;
}
catch (SettingsException wrong)
{
    await Console.Error.WriteLineAsync(wrong.Message);
    return 78; // EX_CONFIG of sysexits.h: a supervisor need not try again
}
