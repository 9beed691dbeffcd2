using System.Diagnostics;
using System.Net;
using Npgsql;
using StandaloneHost;
using Xunit;

namespace LicenseFunctions.Tests.Support;

/// <summary>PgBouncer in transaction mode for one test's database, with a few server connections.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly Process process;
    private readonly string folder;
    private readonly ReservedPort port;

    private PgBouncer(Process process, string folder, ReservedPort port, string connectionString) =>
        (this.process, this.folder, this.port, ConnectionString) = (process, folder, port, connectionString);

    public string ConnectionString { get; }

    public static async Task<PgBouncer> StartAsync(TestDatabase database, int serverConnections)
    {
        var server = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var (folder, port) = (await Programs.NewFolderAsync(), new ReservedPort());
        var settings = Path.Combine(folder, "pgbouncer.ini");
        var password = server.Password is { Length: > 0 } ? $"password='{server.Password}'" : "";
        await File.WriteAllTextAsync(settings, $"""
            [databases]
            pooled = host={server.Host} port={server.Port} dbname={server.Database} user={server.Username} {password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port.Number}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = {serverConnections}
            {(Environment.IsPrivilegedProcess ? $"user = {Programs.User}" : "")}
            """, TestContext.Current.CancellationToken);
        var program = Environment.GetEnvironmentVariable("PATH")!.Split(':').Append("/usr/sbin")
            .Select(directory => Path.Combine(directory, "pgbouncer")).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("pgbouncer is missing: ./dev test installs it (Debian: apt-get install pgbouncer).");
        var process = Process.Start(new ProcessStartInfo(program, ["-q", settings]))!;
        var pooler = new PgBouncer(process, folder, port, new NpgsqlConnectionStringBuilder
        {
            Host = IPAddress.Loopback.ToString(),
            Port = port.Number,
            Database = "pooled",
            Username = "anyone",
            MaxPoolSize = 20,
        }.ConnectionString);
        while (!process.HasExited && !await AnswersAsync(port.Number))
            await Task.Delay(20, TestContext.Current.CancellationToken);
        return !process.HasExited ? pooler : throw new InvalidOperationException("pgbouncer did not start.");
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        process.Dispose();
        port.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using var probe = new System.Net.Sockets.TcpClient();
            await probe.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
