using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Database;

public static class DatabaseRegistration
{
    public static IServiceCollection AddDatabase(this IServiceCollection services, SettingReader reader)
    {
        var settings = DatabaseSettings.Read(reader);
        services.AddSingleton(provider => new NpgsqlDataSourceBuilder(settings.ConnectionString)
            .UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>())
            .Build());
        services.AddSingleton<LicenseDatabase>();
        var cacheSeconds = reader.Whole("VALIDATION_CACHE_SECONDS", 0, 0, 60);
        services.AddSingleton(provider => new ValidationCache(TimeSpan.FromSeconds(cacheSeconds), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<LicenseCheckStore>();
        services.AddSingleton<SuspensionStore>();
        services.AddSingleton<DeviceStore>();
        return services;
    }
}
