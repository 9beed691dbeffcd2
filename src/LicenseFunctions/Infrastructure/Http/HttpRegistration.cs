using System.Reflection;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Infrastructure.Http;

public static class HttpRegistration
{
    public static IServiceCollection AddHttpEdge(
        this IServiceCollection services, SettingReader reader, params Assembly[] furtherAssemblies)
    {
        services.AddSingleton(new FunctionRules(furtherAssemblies));
        services.AddSingleton(HttpSettings.Read(reader));
        services.AddSingleton<BearerTokens>();
        services.AddSingleton<RateLimits>();
        services.AddSingleton<RequestFailures>();
        services.AddSingleton<AddressWatch>();
        var linkKeys = SignedLinks.ReadKeys(reader);
        services.AddSingleton(provider => new SignedLinks(linkKeys, provider.GetRequiredService<TimeProvider>()));
        return services;
    }
}
