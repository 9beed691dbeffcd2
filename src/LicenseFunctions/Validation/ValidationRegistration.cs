using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Licenses;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Validation;

public static class DeviceRegistration
{
    public static IServiceCollection AddDevices(this IServiceCollection services, SettingReader reader)
    {
        services.AddSingleton(DeviceSettings.Read(reader));
        services.AddSingleton<LastSeen>();
        services.AddHostedService(provider => provider.GetRequiredService<LastSeen>());
        services.AddSingleton<AdmitDevice>();
        services.AddSingleton<ValidateLicense>();
        services.AddSingleton<ListDevices>();
        services.AddSingleton<ChangeDevice>();
        services.AddSingleton<RotateToken>();
        services.AddSingleton<SuspendLicense>();
        services.AddSingleton<ReinstateLicense>();
        return services;
    }
}
