using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Licenses;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Validation;

public static class ValidationRegistration
{
    public static IServiceCollection AddValidation(this IServiceCollection services, SettingReader reader)
    {
        services.AddSingleton(DeviceSettings.Read(reader));
        var cacheDuration = reader.Seconds("VALIDATION_CACHE_SECONDS", 0, 0, 60);
        var staleDuration = reader.Seconds("VALIDATION_STALE_SECONDS", 0, 0, 3600);
        if (staleDuration > TimeSpan.Zero && cacheDuration == TimeSpan.Zero)
            reader.Fault("VALIDATION_STALE_SECONDS", "requires VALIDATION_CACHE_SECONDS, whose entries it uses", "0", staleDuration);
        services.AddSingleton(provider => new ValidationCache(
            cacheDuration,
            staleDuration,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<LicenseInvalidation>()));
        if (cacheDuration > TimeSpan.Zero)
            services.AddHostedService<LicenseChanges>();
        services.AddSingleton<LicenseCheckStore>();
        services.AddSingleton<CloseOnlyStore>();
        services.AddSingleton<DeviceStore>();
        services.AddSingleton<LastSeen>();
        services.AddHostedService(provider => provider.GetRequiredService<LastSeen>());
        services.AddSingleton<AdmitDevice>();
        services.AddSingleton<ValidateLicense>();
        services.AddSingleton<ListDevices>();
        services.AddSingleton<ListCustomerDevices>();
        services.AddSingleton<ListDeviceHistory>();
        services.AddSingleton<ChangeDevice>();
        services.AddSingleton<KeepDevice>();
        return services;
    }
}
