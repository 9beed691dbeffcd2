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
        services.AddSingleton(provider => Sources(settings, identity, provider.GetRequiredService<ILoggerFactory>()));
        // StandaloneHost's timers take their leases from it.
        services.AddSingleton(provider => provider.GetRequiredService<DatabaseSources>().Background);
        services.AddSingleton(provider => new LicenseDatabase(provider.GetRequiredService<DatabaseSources>()));
        services.AddSingleton(new DatabaseClock(TimeProvider.System));
        services.AddSingleton<TimeProvider>(provider => provider.GetRequiredService<DatabaseClock>());
        services.AddSingleton<OutboxStore>();
        services.AddSingleton<SkippedRows>();
        return services;
    }

    private static DatabaseSources Sources(DatabaseSettings settings, TokenCredential? identity, ILoggerFactory loggers)
    {
        NpgsqlDataSource Of(DatabasePool pool) => Source(settings with { ConnectionString = settings.Of(pool) }, identity, loggers);
        return new DatabaseSources(
            Of(DatabasePool.CheckReads), Of(DatabasePool.Checks), Of(DatabasePool.Requests), Of(DatabasePool.Background),
            settings.CheckTimeout, settings.IsBehindPooler, Replica(settings, identity, loggers));
    }

    private static ReadReplica? Replica(DatabaseSettings settings, TokenCredential? identity, ILoggerFactory loggers) =>
        settings.Replica is not { } replica ? null
        : new ReadReplica(
            Source(replica with { ConnectionString = replica.Of(DatabasePool.Reads) }, identity, loggers), settings.MaxLag,
            TimeProvider.System, loggers.CreateLogger<ReadReplica>());

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
