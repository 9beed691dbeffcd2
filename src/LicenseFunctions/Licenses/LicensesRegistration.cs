using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Licenses;

public static class LicensesRegistration
{
    public static IServiceCollection AddLicenses(this IServiceCollection services) => services
        .AddSingleton<LicenseInvalidation>()
        .AddSingleton<SuspensionStore>()
        .AddSingleton<SuspendLicense>()
        .AddSingleton<ReinstateLicense>()
        .AddSingleton<RotateToken>()
        .AddSingleton<LicenseListStore>()
        .AddSingleton<ListLicenses>();
}
