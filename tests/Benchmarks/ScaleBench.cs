using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace Benchmarks;

/// <summary>
/// Runs 1, 2, 4 and 8 processes of the deployed package with one PostgreSQL: with 16 connections of load divided among them, and with 16
/// for each. Measures the throughput, the CPU time of each side, and the waits of PostgreSQL's sessions.
/// </summary>
/// <remarks>
/// Everything runs on one machine. If there are more processes than cores, the result shows the costs of a step but not its gain on more
/// machines.
/// </remarks>
internal static class ScaleBench
{
    public const int Connections = 16;
    private const int Seconds = 8;
    private const int RecordsAPost = 200;

    private static readonly string ServiceToken = Token("service");

    public static string Token(string role) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Claims = new Dictionary<string, object> { ["role"] = role, ["sub"] = Guid.NewGuid().ToString() },
        Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1),
        SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(new byte[32]), SecurityAlgorithms.HmacSha256),
    });

    public static async Task<int> RunAsync(BenchContext context)
    {
        var database = await ValidateBench.NewDatabaseAsync(context, "bench_scale");
        await using var source = NpgsqlDataSource.Create(database);
        var licenses = await LicensesAsync(source);
        var counts = context.Arguments.Length > 0 ? [.. context.Arguments.Select(text => int.Parse(text, CultureInfo.InvariantCulture))]
            : new[] { 1, 2, 4, 8 };

        await using (await Backend.StartAsync(database))
            await ValidateBench.AwaitScoresAsync(database);

        Console.WriteLine("                    connec-               CPU µs of one         waits of active sessions, %");
        Console.WriteLine("what     processes    tions        /s     backend   PostgreSQL    Lock  LWLock    IO  Client  on CPU");
        // First all checks: the timers work on the usage records for a while after they are stored.
        foreach (var processes in counts)
        {
            await WithBackendsAsync(database, processes, async backends =>
            {
                await MeasureAsync("checks", source, backends, Connections, 1, CheckRequest);
                if (processes > 1)
                    await MeasureAsync("checks", source, backends, Connections * processes, 1, CheckRequest);
            });
        }

        foreach (var processes in counts)
        {
            await WithBackendsAsync(database, processes, backends =>
                MeasureAsync("records", source, backends, Connections, RecordsAPost, n => UsageRequest(licenses, n)));
        }

        return 0;
    }

    private static async Task WithBackendsAsync(string database, int processes, Func<Backend[], Task> measure)
    {
        var backends = new List<Backend>();
        try
        {
            // One after the other: eight processes that compile their code at the same time leave the database no core.
            while (backends.Count < processes)
            {
                backends.Add(await Backend.StartAsync(BenchContext.Package, database, [("Logging__LogLevel__Default", "Warning")]));
                await LoadAsync([backends[^1]], Connections, CheckRequest, TimeSpan.FromSeconds(3));
            }

            await measure([.. backends]);
        }
        finally
        {
            foreach (var backend in backends)
                await backend.DisposeAsync();
        }
    }

    private static async Task MeasureAsync(
        string what, NpgsqlDataSource source, Backend[] backends, int connections, int units, Func<int, HttpRequestMessage> request)
    {
        // Each process still compiles its code while it runs; eight of them at the same time need a long warm-up.
        await LoadAsync(backends, connections, request, TimeSpan.FromSeconds(15));
        var waits = new ConcurrentDictionary<string, int>();
        using var done = new CancellationTokenSource();
        var sampling = SampleWaitsAsync(source, waits, done.Token);
        var (ours, theirs) = (OfBackends(backends), await OfPostgresAsync(source));
        var began = Stopwatch.GetTimestamp();
        var answered = await LoadAsync(backends, connections, request, TimeSpan.FromSeconds(Seconds));
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        (ours, theirs) = (OfBackends(backends) - ours, await OfPostgresAsync(source) - theirs);
        await done.CancelAsync();
        await sampling;

        double all = (long)answered * units;
        double share(string kind) => 100.0 * waits.GetValueOrDefault(kind) / Math.Max(1, waits.Values.Sum());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what,-8} {backends.Length,9} {connections,8} {all / took,9:N0} {ours.TotalMicroseconds / all,11:N0} "
            + $"{theirs.TotalMicroseconds / all,12:N0} {share("Lock"),7:N0} {share("LWLock"),7:N0} {share("IO"),5:N0} "
            + $"{share("Client"),7:N0} {share("CPU"),7:N0}"));
    }

    /// <returns>Number of requests with a 2xx answer; another answer stops the bench.</returns>
    public static async Task<int> LoadAsync(Backend[] backends, int connections, Func<int, HttpRequestMessage> request, TimeSpan length)
    {
        var answered = 0;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, connections).Select(async connection =>
        {
            var backend = backends[connection % backends.Length];
            using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = backend.Address };
            while (Stopwatch.GetElapsedTime(began) < length)
            {
                using var message = request(Random.Shared.Next(100_001, 200_001));
                using var response = await client.SendAsync(message);
                if (!response.IsSuccessStatusCode)
                    throw new InvalidOperationException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
                Interlocked.Increment(ref answered);
            }
        }));
        return answered;
    }

    public static HttpRequestMessage CheckRequest(int n)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/licenses/validate")
        {
            Content = new StringContent($$"""{"ea_instance_id":"EA-{{n}}","mt5_account_number":{{n}}}""", Encoding.UTF8,
                "application/json"),
        };
        request.Headers.TryAddWithoutValidation("Authorization", $"License bench-{n}");
        return request;
    }

    private static HttpRequestMessage UsageRequest((Guid Subscription, string TokenHash)[] licenses, int n)
    {
        var now = TimeProvider.System.GetUtcNow();
        var body = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(Enumerable.Range(0, RecordsAPost).Select(i =>
        {
            var (subscription, tokenHash) = licenses[(n + (i * 31)) % licenses.Length];
            return new
            {
                record_id = Guid.NewGuid(),
                logged_at = now.AddMilliseconds(-i),
                subscription_id = subscription,
                token_hash = tokenHash,
                ip_address = "203.0.113.7",
                ea_instance_id = "EA-BENCH",
                mt5_account_number = 1001,
                signals_received = 1,
            };
        }), Json.Options);
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/usage") { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ServiceToken);
        return request;
    }

    private static async Task<(Guid Subscription, string TokenHash)[]> LicensesAsync(NpgsqlDataSource source)
    {
        var licenses = new List<(Guid, string)>();
        await using var command = source.CreateCommand("select subscription_id, token_hash from license_tokens limit 10000");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            licenses.Add((reader.GetGuid(0), reader.GetString(1)));
        return [.. licenses];
    }

    // An active session without a wait event uses a core or waits for one.
    private static async Task SampleWaitsAsync(NpgsqlDataSource source, ConcurrentDictionary<string, int> waits, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand("""
            select coalesce(wait_event_type, 'CPU'), count(*)::int from pg_stat_activity
            where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid() group by 1
            """, connection);
        while (!stop.IsCancellationRequested)
        {
            await using (var reader = await command.ExecuteReaderAsync(CancellationToken.None))
            {
                while (await reader.ReadAsync(CancellationToken.None))
                    waits.AddOrUpdate(reader.GetString(0), reader.GetInt32(1), (_, before) => before + reader.GetInt32(1));
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    private static TimeSpan OfBackends(Backend[] backends) =>
        backends.Aggregate(TimeSpan.Zero, (sum, backend) => sum + backend.ProcessorTime);

    // The backends' pools keep the sessions open during a measurement.
    public static async Task<TimeSpan> OfPostgresAsync(NpgsqlDataSource source)
    {
        var sum = TimeSpan.Zero;
        await using var command = source.CreateCommand("select pid from pg_stat_activity");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            using var process = Process.GetProcessById(reader.GetInt32(0));
            sum += process.TotalProcessorTime;
        }

        return sum;
    }
}
