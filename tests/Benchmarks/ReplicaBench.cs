using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Measures license checks while lists and metrics are read repeatedly: from the primary, and from a real streaming replica.
/// </summary>
/// <remarks>
/// Both servers run on one machine, so the replica takes CPU time from the checks. On a separate machine, it does not: the CPU time of the
/// primary for one check shows the gain.
/// </remarks>
internal static class ReplicaBench
{
    private const int Seconds = 8;
    private const int WarmUpSeconds = 6;

    // Longer than a read takes, so that both rows have about the same rate of reads.
    private static readonly TimeSpan ReadPause = TimeSpan.FromSeconds(0.1);
    private static readonly string[] Reads = ["/api/v1/licenses?limit=50", "/metrics"];

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_replica");
        await using var primary = NpgsqlDataSource.Create(database);
        await using var replica = await Replica.StartAsync(primary, database);
        await using var standby = NpgsqlDataSource.Create(replica.ConnectionString);

        Console.WriteLine("                                          CPU of one check, µs      CPU, % of a core");
        Console.WriteLine("reads                 checks/s  reads/s   backend      primary     primary    replica");
        await MeasureAsync("none", primary, standby, 0, database);
        await MeasureAsync("on the primary", primary, standby, 1, database);
        await MeasureAsync("DATABASE_READ_URL", primary, standby, 1, database, ("DATABASE_READ_URL", replica.ConnectionString));
        return 0;
    }

    private static async Task MeasureAsync(
        string what, NpgsqlDataSource primary, NpgsqlDataSource standby, int readers, string database,
        params (string Name, string Value)[] settings)
    {
        await using var backend = await Backend.StartAsync(database, [("Logging__LogLevel__Default", "Warning"), .. settings]);
        using var enough = new CancellationTokenSource();
        var read = 0;
        var reading = Reads.SelectMany(path => Enumerable.Repeat(path, readers))
            .Select(path => ReadAsync(backend.Address, path, () => Interlocked.Increment(ref read), enough.Token)).ToList();
        await ScaleBench.LoadAsync([backend], ScaleBench.Connections, ScaleBench.CheckRequest, TimeSpan.FromSeconds(WarmUpSeconds));

        read = 0;
        var (ours, theirs, others) = (
            backend.ProcessorTime, await ScaleBench.OfPostgresAsync(primary), await ScaleBench.OfPostgresAsync(standby));
        var began = Stopwatch.GetTimestamp();
        double checks = await ScaleBench.LoadAsync(
            [backend], ScaleBench.Connections, ScaleBench.CheckRequest, TimeSpan.FromSeconds(Seconds));
        var took = Stopwatch.GetElapsedTime(began);
        (ours, theirs, others) = (
            backend.ProcessorTime - ours, await ScaleBench.OfPostgresAsync(primary) - theirs,
            await ScaleBench.OfPostgresAsync(standby) - others);
        var reads = read;
        await enough.CancelAsync();
        await Task.WhenAll(reading);

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what,-20} {checks / took.TotalSeconds,9:N0} {reads / took.TotalSeconds,8:N1} {ours.TotalMicroseconds / checks,9:N0} "
            + $"{theirs.TotalMicroseconds / checks,12:N0} {100 * (theirs / took),11:N0} {100 * (others / took),10:N0}"));
    }

    private static async Task ReadAsync(Uri address, string path, Action count, CancellationToken enough)
    {
        using var client = new HttpClient { BaseAddress = address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ScaleBench.Token("operator"));
        using var timer = new PeriodicTimer(ReadPause);
        try
        {
            do
            {
                using var response = await client.GetAsync(new Uri(path, UriKind.Relative), enough);
                response.EnsureSuccessStatusCode();
                count();
            }
            while (await timer.WaitForNextTickAsync(enough));
        }
        catch (OperationCanceledException) when (enough.IsCancellationRequested)
        {
            // The measurement has ended.
        }
    }

    /// <summary>A streaming replica of the bench's server. It runs as the same user.</summary>
    private sealed class Replica : IAsyncDisposable
    {
        private readonly string programs;
        private readonly string user;
        private readonly string folder;

        private Replica(string programs, string user, string folder, string connectionString) =>
            (this.programs, this.user, this.folder, ConnectionString) = (programs, user, folder, connectionString);

        public string ConnectionString { get; }

        public static async Task<Replica> StartAsync(NpgsqlDataSource primary, string database)
        {
            var address = new NpgsqlConnectionStringBuilder(database);
            await using var connection = await primary.OpenConnectionAsync();
            var programs = await ReadAsync(connection, "select setting from pg_config where name = 'BINDIR'");
            var data = await ReadAsync(connection, "show data_directory");
            var user = await OutputAsync("stat", "-c", "%U", data);
            var folder = (await OutputAsync("runuser", "-u", user, "--", "mktemp", "-d", "/tmp/bench-replica-XXXXXX"));
            var port = FreePort();
            var replica = new Replica(
                programs, user, folder, new NpgsqlConnectionStringBuilder(database) { Port = port }.ConnectionString);
            await replica.RunAsync(
                Path.Combine(programs, "pg_basebackup"), "-D", folder, "-R", "-X", "stream", "-c", "fast", "-d",
                $"host={address.Host} port={address.Port} user={address.Username} password={address.Password}");
            await replica.RunAsync(
                Path.Combine(programs, "pg_ctl"), "-D", folder, "-l", Path.Combine(folder, "log"), "-o", $"-p {port}", "-w", "-s", "start");
            return replica;
        }

        public async ValueTask DisposeAsync()
        {
            await RunAsync(Path.Combine(programs, "pg_ctl"), "-D", folder, "-m", "immediate", "-w", "-s", "stop");
            Directory.Delete(folder, recursive: true);
        }

        private Task<string> RunAsync(string program, params string[] arguments) =>
            OutputAsync("runuser", ["-u", user, "--", program, .. arguments]);

        private static async Task<string> ReadAsync(NpgsqlConnection connection, string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return (string)(await command.ExecuteScalarAsync())!;
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
            listener.Start();
            return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        }

        private static async Task<string> OutputAsync(string program, params string[] arguments)
        {
            if (program == "runuser" && !Environment.IsPrivilegedProcess)
                (program, arguments) = (arguments[3], arguments[4..]);
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })
                ?? throw new Win32Exception($"{program} did not start.");
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? output.Trim() : throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
        }
    }
}
