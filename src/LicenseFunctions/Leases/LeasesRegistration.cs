using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Leases;

public static class LeasesRegistration
{
    public static IServiceCollection AddLeases(this IServiceCollection services, SettingReader reader) => services
        .AddSingleton(LeaseSettings.Read(reader))
        .AddSingleton<LeaseSigner>()
        .AddSingleton<LeaseStore>()
        .AddSingleton<IssueLease>()
        .AddSingleton<EndLeases>();
}
