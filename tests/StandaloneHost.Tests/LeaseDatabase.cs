using System.Text.RegularExpressions;
using Npgsql;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>A separate database with the table of the leases, on the server of TEST_DATABASE_URL.</summary>
public sealed class LeaseDatabase : IAsyncLifetime
{
    private readonly string name = $"leases_{Guid.NewGuid():N}";

    public NpgsqlDataSource Source { get; private set; } = null!;

    private static string Server => Environment.GetEnvironmentVariable("TEST_DATABASE_URL")
        ?? throw new InvalidOperationException("TEST_DATABASE_URL is missing: ./dev test starts a server and sets it. " +
            "Example: Host=127.0.0.1;Username=postgres;Database=postgres");

    public async ValueTask InitializeAsync()
    {
        await ExecuteAsync(NpgsqlDataSource.Create(Server), $"create database {name}");
        Source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Server) { Database = name, MaxPoolSize = 20 });
        using var script = new StreamReader(typeof(LeaseDatabase).Assembly.GetManifestResourceStream("operations.sql")!);
        var table = Regex.Match(
            await script.ReadToEndAsync(), @"create table (if not exists )?timer_leases \(.*?\n\);", RegexOptions.Singleline);
        await Source.CreateCommand(table.Value).ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await ExecuteAsync(NpgsqlDataSource.Create(Server), $"drop database {name} with (force)");
    }

    public async Task<T> ReadAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    public Task ExecuteAsync(string sql) => Source.CreateCommand(sql).ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using (source)
            await source.CreateCommand(sql).ExecuteNonQueryAsync();
    }
}
