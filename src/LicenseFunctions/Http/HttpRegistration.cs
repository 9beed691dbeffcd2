using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Http;

public static class HttpRegistration
{
    public static IServiceCollection AddHttpEdge(this IServiceCollection services, SettingReader reader)
    {
        services.AddSingleton(HttpSettings.Read(reader));
        services.AddSingleton<BearerTokens>();
        services.AddSingleton<RateLimits>();
        return services;
    }
}
