using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Pages;

public static class PagesRegistration
{
    public static IServiceCollection AddPages(this IServiceCollection services, SettingReader reader) => services
        .AddSingleton(PageSettings.Read(reader))
        .AddSingleton<PageFiles>()
        .AddSingleton<ApiReference>()
        .AddSingleton<ServePage>();
}
