using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Home;

public static class HomeRegistration
{
    public static IServiceCollection AddHome(this IServiceCollection services) => services
        .AddSingleton<ListTasks>()
        .AddSingleton<ListLicenses>();
}
