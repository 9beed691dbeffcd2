using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Licenses;

public static class LicensesRegistration
{
    public static IServiceCollection AddLicenses(this IServiceCollection services, SettingReader settings) => services
        .AddSingleton(ListSettings.Read(settings))
        .AddSingleton<LicenseInvalidation>()
        .AddSingleton<SuspensionStore>()
        .AddSingleton<SuspendLicense>()
        .AddSingleton<ReinstateLicense>()
        .AddSingleton<RotateToken>()
        .AddSingleton<LicenseListStore>()
        .AddSingleton<ShowSignedIn>()
        .AddSingleton<ChooseLanguage>();
}
