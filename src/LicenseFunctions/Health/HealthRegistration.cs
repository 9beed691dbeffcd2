using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Health;

public static class HealthRegistration
{
    public static IServiceCollection AddHealth(this IServiceCollection services, SettingReader reader)
    {
        services.AddSingleton(HealthSettings.Read(reader));
        services.AddSingleton<HealthStore>();
        services.AddSingleton<ScoreLicenses>();
        services.AddSingleton<ShowHealth>();
        return services;
    }
}
