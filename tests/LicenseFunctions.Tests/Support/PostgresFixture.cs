using System.Diagnostics.CodeAnalysis;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using Npgsql;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace LicenseFunctions.Tests.Support;

/// <summary>
/// A migrated template database on the server of TEST_DATABASE_URL (<c>./dev test</c> starts one). Each test uses its own clone, and drops
/// it, unless <c>./dev test</c> deletes the whole server.
/// </summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly string template = "template_" + Guid.NewGuid().ToString("N");
    private readonly SemaphoreSlim cloning = new(1);
    private NpgsqlDataSource server = null!;

    /// <summary>
    /// Copies the files of a database, which takes half as long as a copy through the buffers. Before PostgreSQL 15, this was the only way.
    /// </summary>
    private string copyStrategy = "";

    static PostgresFixture() => SqlMapper.ConnectionStringComparer = new AnyConnection();

    private static bool IsServerDeleted => Environment.GetEnvironmentVariable("TEST_DATABASE_IS_DELETED") is { Length: > 0 };

    private string Server { get; } = DatabaseSettings.FromUri(Environment.GetEnvironmentVariable("TEST_DATABASE_URL")
        ?? throw new InvalidOperationException(
            "TEST_DATABASE_URL is missing: run the tests with ./dev test, or set it to the address of a PostgreSQL superuser."));

    public async ValueTask InitializeAsync()
    {
        server = NpgsqlDataSource.Create(Server);
        await using (var connection = await server.OpenConnectionAsync())
            copyStrategy = connection.PostgreSqlVersion.Major >= 15 ? "strategy file_copy" : "";
        await ExecuteAsync($"create database {template}");
        await using var source = NpgsqlDataSource.Create(Address(template));
        await new Migrations(source).RunAsync(_ => { }, TestContext.Current.CancellationToken);
        await StopBackgroundWorkersAsync(source);
    }

    // The scheduler of TimescaleDB is connected to every database that has the extension. While it is, the database can't be a template
    // (55006).
    private static async Task StopBackgroundWorkersAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand(
            """
            do $$ begin
                if exists (select from pg_extension where extname = 'timescaledb') then
                    perform _timescaledb_functions.stop_background_workers();
                end if;
            end $$
            """);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A new clone of the migrated template.</summary>
    public Task<TestDatabase> NewDatabaseAsync() => CloneAsync(template);

    /// <summary>A copy of a database. Only this process may be connected to the original.</summary>
    public async Task<TestDatabase> CopyAsync(TestDatabase original)
    {
        await StopBackgroundWorkersAsync(original.Source);
        original.Source.Clear();
        return await CloneAsync(new NpgsqlConnectionStringBuilder(original.ConnectionString).Database!);
    }

    private async Task<TestDatabase> CloneAsync(string original)
    {
        var name = "test_" + Guid.NewGuid().ToString("N");
        await cloning.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            await ExecuteAsync($"create database {name} template {original} {copyStrategy}");
        }
        finally
        {
            cloning.Release();
        }

        return Named(name);
    }

    /// <summary>A new empty database.</summary>
    public async Task<TestDatabase> NewEmptyDatabaseAsync()
    {
        var name = "test_" + Guid.NewGuid().ToString("N");
        await ExecuteAsync($"create database {name} template template0 {copyStrategy}");
        return Named(name);
    }

    public async ValueTask DisposeAsync()
    {
        await DropAsync(template);
        await server.DisposeAsync();
        cloning.Dispose();
    }

    private TestDatabase Named(string name) => new(Address(name), () => DropAsync(name));

    private Task DropAsync(string name) =>
        IsServerDeleted ? Task.CompletedTask : ExecuteAsync($"drop database {name} with (force)");

    private string Address(string database) =>
        new NpgsqlConnectionStringBuilder(Server)
        {
            Database = database,
            MaxPoolSize = 20,
            ConnectionIdleLifetime = 5,
            ConnectionPruningInterval = 1
        }.ConnectionString;

    private async Task ExecuteAsync(string sql)
    {
        await using var command = server.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Dapper compiles the code for a statement's parameters and rows once per connection string. All databases of the tests share it; the
    /// code for rows is compiled again if their columns differ.
    /// </summary>
    private sealed class AnyConnection : IEqualityComparer<string>
    {
        public bool Equals(string? x, string? y) => true;

        public int GetHashCode([DisallowNull] string obj) => 0;
    }
}

/// <summary>The database of one test.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly Func<Task>? drop;
    private bool isDisposed;

    /// <param name="drop">Drops the database; null if its server is deleted with it.</param>
    internal TestDatabase(string connectionString, Func<Task>? drop = null)
    {
        this.drop = drop;
        ConnectionString = connectionString;
        Source = NpgsqlDataSource.Create(connectionString);
        Database = new LicenseDatabase(Source);
    }

    public string ConnectionString { get; }

    public NpgsqlDataSource Source { get; }

    public LicenseDatabase Database { get; }

    public async Task<int> ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<T> QueryAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.QuerySingleAsync<T>(sql, parameters);
    }

    public async Task<IReadOnlyList<T>> QueryAllAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await Source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return [.. await connection.QueryAsync<T>(sql, parameters)];
    }

    /// <summary>Skips a test that asserts the weeks of native partitions.</summary>
    public async Task SkipOnHypertableAsync() => Assert.SkipWhen(
        await QueryAsync<string>("select usage_log_storage()") == "hypertable",
        "It asserts native partitions, and this server has TimescaleDB; tests/timescale has the cases of a hypertable.");

    public async ValueTask DisposeAsync()
    {
        if (isDisposed)
            return;
        isDisposed = true;
        await Source.DisposeAsync();
        if (drop is not null)
            await drop();
    }
}
