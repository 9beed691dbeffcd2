using LicenseFunctions.Infrastructure.Database;
using Npgsql;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>A PostgreSQL server for one test, which may stop it, with the programs of the server of TEST_DATABASE_URL.</summary>
internal sealed class PrivatePostgres : IAsyncDisposable
{
    private static readonly SemaphoreSlim Making = new(1);
    private static string? madeData;

    private readonly string programs;
    private readonly string folder;
    private readonly ReservedPort port = new();

    private PrivatePostgres(string programs, string folder) => (this.programs, this.folder) = (programs, folder);

    private string Data => Path.Combine(folder, "data");

    public static async Task<PrivatePostgres> StartAsync(PostgresFixture postgres)
    {
        await using var any = await postgres.NewEmptyDatabaseAsync();
        var server = new PrivatePostgres(
            await any.QueryAsync<string>("select setting from pg_config where name = 'BINDIR'"), await Programs.NewFolderAsync());
        await Programs.RunAsUserAsync("cp", "-a", await MadeDataAsync(server.programs), server.Data);
        await File.AppendAllTextAsync(Path.Combine(server.Data, "postgresql.conf"),
            $"\nlisten_addresses = '127.0.0.1'\nport = {server.port.Number}\nunix_socket_directories = ''\nfsync = off\njit = off\n",
            TestContext.Current.CancellationToken);
        await server.StartAsync();
        return server;
    }

    /// <summary>The data of a new server. All servers copy it, because initdb takes ten times the processor time.</summary>
    private static async Task<string> MadeDataAsync(string programs)
    {
        await Making.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            if (madeData is null)
            {
                var folder = await Programs.NewFolderAsync();
                AppDomain.CurrentDomain.ProcessExit += (_, _) =>
                {
                    if (Directory.Exists(folder))
                        Directory.Delete(folder, recursive: true);
                };
                var data = Path.Combine(folder, "data");
                string[] options = ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C", "--no-sync"];
                await Programs.RunAsUserAsync(Path.Combine(programs, "initdb"), options);
                madeData = data;
            }

            return madeData;
        }
        finally
        {
            Making.Release();
        }
    }

    /// <summary>
    /// A streaming replica of this server. Its files are copied while this server is stopped, because some installations of PostgreSQL lack
    /// pg_basebackup.
    /// </summary>
    public async Task<PrivatePostgres> StartReplicaAsync()
    {
        var replica = new PrivatePostgres(programs, await Programs.NewFolderAsync());
        await RunAsync("pg_ctl", "-D", Data, "-m", "fast", "-w", "-s", "stop");
        await Programs.RunAsUserAsync("cp", "-a", Data, replica.Data);
        await StartAsync();
        await File.AppendAllTextAsync(
            Path.Combine(replica.Data, "postgresql.conf"),
            $"\nport = {replica.port.Number}\nprimary_conninfo = 'host=127.0.0.1 port={port.Number} user=postgres'\n",
            TestContext.Current.CancellationToken);
        await Programs.RunAsUserAsync("touch", Path.Combine(replica.Data, "standby.signal"));
        await replica.StartAsync();
        return replica;
    }

    public Task StartAsync() => RunAsync("pg_ctl", "-D", Data, "-l", Path.Combine(folder, "log"), "-w", "-s", "start");

    /// <summary>Stops the server immediately, as a crash or a failover does.</summary>
    public Task StopAsync() => RunAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "-s", "stop");

    /// <summary>Stops all processes of the server without ending them: it accepts connections but doesn't answer.</summary>
    public async Task FreezeAsync()
    {
        await Programs.RunAsUserAsync("kill", "-STOP", await PostmasterAsync());
        await Programs.RunAsUserAsync("pkill", "-STOP", "-P", await PostmasterAsync());
    }

    public async Task ThawAsync()
    {
        await Programs.RunAsUserAsync("pkill", "-CONT", "-P", await PostmasterAsync());
        await Programs.RunAsUserAsync("kill", "-CONT", await PostmasterAsync());
    }

    private async Task<string> PostmasterAsync() =>
        (await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid"), TestContext.Current.CancellationToken))[0];

    /// <summary>A migrated database, optionally in a tablespace.</summary>
    public async Task<TestDatabase> NewDatabaseAsync(string tablespace = "pg_default")
    {
        await using var server = new TestDatabase(Address("postgres"));
        await server.ExecuteAsync($"create database licensing tablespace {tablespace}");
        var database = new TestDatabase(Address("licensing"));
        await new Migrations(database.Source).RunAsync(_ => { }, TestContext.Current.CancellationToken);
        return database;
    }

    public async Task<int> ExecuteAsync(string sql)
    {
        await using var server = new TestDatabase(Address("postgres"));
        return await server.ExecuteAsync(sql);
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Path.Combine(Data, "postmaster.pid")))
            await StopAsync();
        port.Dispose();
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    public string Address(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port.Number,
        Username = "postgres",
        Database = database,
        MaxPoolSize = 20,
    }.ConnectionString;

    private Task RunAsync(string program, params string[] arguments) => Programs.RunAsUserAsync(Path.Combine(programs, program), arguments);
}
