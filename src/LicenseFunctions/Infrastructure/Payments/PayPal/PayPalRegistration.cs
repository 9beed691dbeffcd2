using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

public static class PayPalRegistration
{
    private const int Concurrency = 16;

    /// <summary>
    /// Without its settings, nothing of PayPal is registered except the empty <see cref="PayPalServices"/>, and everything else works as
    /// before.
    /// </summary>
    public static IServiceCollection AddPayPal(this IServiceCollection services, SettingReader reader)
    {
        if (PayPalSettings.Read(reader) is not { } settings) return services.AddSingleton(new PayPalServices(null, null));
        services.AddSingleton(settings);
        services.AddSingleton(provider => new PayPalClient(
            Http(), settings, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<PayPalClient>>()));
        services.AddSingleton(provider => new PayPalCertificates(Http(), settings, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<PayPalVault>();
        services.AddSingleton<PayPalEvents>();
        services.AddSingleton<IPaymentEventList>(provider => provider.GetRequiredService<PayPalEvents>());
        services.AddSingleton<IPaymentStatement, PayPalStatement>();
        services.AddSingleton<PayPalWebhooks>();
        services.AddSingleton(provider => new PayPalServices(
            provider.GetRequiredService<PayPalVault>(), provider.GetRequiredService<PayPalWebhooks>()));
        services.AddSingleton<IPaymentGateway, PayPalGateway>();
        return services;
    }

    /// <summary>The statement, for tools that use nothing else of PayPal.</summary>
    /// <exception cref="SettingsException">A setting is missing or wrong.</exception>
    public static IPaymentStatement OpenStatement(SettingReader reader)
    {
        var settings = PayPalSettings.ReadForTools(reader);
        reader.ThrowIfFaulty();
        return new PayPalStatement(
            new PayPalClient(Http(), settings!, TimeProvider.System, NullLogger<PayPalClient>.Instance), settings!, TimeProvider.System);
    }

    // One client for the whole process, whose connections are renewed, needs no IHttpClientFactory: that makes short-lived clients, and
    // these objects are singletons. The timeout is that of each request: PayPalSettings.SendTimeout.
    private static HttpClient Http() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        MaxConnectionsPerServer = Concurrency,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    { Timeout = Timeout.InfiniteTimeSpan };
}

/// <summary>What other folders use of PayPal.</summary>
/// <param name="Vault">Null if PayPal is not configured.</param>
/// <param name="Webhooks">Null if PayPal is not configured.</param>
public sealed record PayPalServices(PayPalVault? Vault, PayPalWebhooks? Webhooks);
