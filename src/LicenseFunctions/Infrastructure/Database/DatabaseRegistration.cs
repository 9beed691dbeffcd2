using Azure.Core;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

public static class DatabaseRegistration
{
    private const string Scope = "https://ossrdbms-aad.database.windows.net/.default";

    public static IServiceCollection AddDatabase(this IServiceCollection services, SettingReader reader)
    {
        var settings = DatabaseSettings.Read(reader);
        var identity = reader.Identity();
        services.AddSingleton(provider => Source(settings, identity, provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<LicenseDatabase>();
        services.AddSingleton<OutboxStore>();
        return services;
    }

    /// <param name="identity">If the settings have no password, its token is used, which Azure Database for PostgreSQL accepts.</param>
    public static NpgsqlDataSource Source(DatabaseSettings settings, TokenCredential? identity, ILoggerFactory loggers)
    {
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString).UseLoggerFactory(loggers);
        if (identity is not null && settings.HasNoPassword)
        {
            // The credential caches its token, so frequent calls cost nothing.
            builder.UsePeriodicPasswordProvider(
                async (_, cancellationToken) => (await identity.GetTokenAsync(new TokenRequestContext([Scope]), cancellationToken)).Token,
                successRefreshInterval: TimeSpan.FromMinutes(5),
                failureRefreshInterval: TimeSpan.FromSeconds(5));
        }

        return builder.Build();
    }
}
