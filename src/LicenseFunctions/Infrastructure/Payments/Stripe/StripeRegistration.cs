using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;
using Stripe;

namespace LicenseFunctions.Infrastructure.Payments.Stripe;

public static class StripeRegistration
{
    /// <summary>Without STRIPE_SECRET_KEY no gateway is registered: a renewal by card is payment_needed. Everything else works.</summary>
    public static IServiceCollection AddStripe(this IServiceCollection services, SettingReader reader)
    {
        var settings = StripeSettings.Read(reader);
        services.AddSingleton(settings);
        services.AddSingleton(provider => Client(settings, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<StripeCards>();
        services.AddSingleton<StripeWebhooks>();
        if (settings.CanCharge)
            services.AddSingleton<IPaymentGateway, StripeGateway>();
        return services;
    }

    /// <summary>The process has one client.</summary>
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
