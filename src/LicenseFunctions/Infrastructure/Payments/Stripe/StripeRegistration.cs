using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

public static class StripeRegistration
{
    /// <summary>Without STRIPE_SECRET_KEY no gateway is registered: a renewal by card is payment_needed. Everything else works.</summary>
    public static IServiceCollection AddStripe(this IServiceCollection services, SettingReader reader)
    {
        var settings = StripeSettings.Read(reader);
        services.AddSingleton(settings);
        services.AddSingleton<StripeAccess>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<StripeCards>(provider, ClientOf(provider)));
        services.AddSingleton<StripeWebhooks>();
        if (settings.CanCharge)
        {
            services.AddSingleton<IPaymentGateway>(
                provider => ActivatorUtilities.CreateInstance<StripeGateway>(provider, ClientOf(provider)));
            services.AddSingleton<IPaymentStatement>(
                provider => ActivatorUtilities.CreateInstance<StripeStatement>(provider, ClientOf(provider)));
            services.AddSingleton<IPaymentEventList>(
                provider => ActivatorUtilities.CreateInstance<StripeEvents>(provider, ClientOf(provider)));
        }

        return services;
    }

    private static StripeClient ClientOf(IServiceProvider provider) => provider.GetRequiredService<StripeAccess>().Client;

    /// <summary>
    /// The only Stripe client of the process. Registering StripeClient itself would load Stripe's library (2 MB) at each start.
    /// </summary>
    private sealed class StripeAccess(StripeSettings settings, TimeProvider clock)
    {
        private readonly Lock gate = new();

        public StripeClient Client
        {
            get
            {
                lock (gate)
                    return field ??= StripeRegistration.Client(settings, clock);
            }
        }
    }

    /// <summary>The statement, for tools that use nothing else of Stripe.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static IPaymentStatement OpenStatement(SettingReader reader)
    {
        var settings = StripeSettings.ReadForTools(reader);
        reader.ThrowIfFaulty();
        return new StripeStatement(Client(settings, TimeProvider.System), TimeProvider.System, NullLogger<StripeStatement>.Instance);
    }

    public static StripeClient Client(StripeSettings settings, TimeProvider clock)
    {
        var pace = new WritePace(settings.WritesPerSecond, StripeSettings.LongestWait, clock);
        var http = new HttpClient(new StripeSender(settings, pace)) { Timeout = Timeout.InfiniteTimeSpan };
        return new StripeClient(new StripeClientOptions
        {
            ApiKey = settings.SecretKey,
            ApiBase = settings.ApiBase?.ToString().TrimEnd('/') ?? StripeClient.DefaultApiBase,
            HttpClient = new SystemNetHttpClient(http, StripeSettings.NetworkRetries, enableTelemetry: false),
        });
    }
}
