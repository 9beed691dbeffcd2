using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Licenses;

public static class LicensesRegistration
{
    public static IServiceCollection AddLicenses(this IServiceCollection services) => services
        .AddSingleton<LicenseListStore>()
        .AddSingleton<ListLicenses>();
}
