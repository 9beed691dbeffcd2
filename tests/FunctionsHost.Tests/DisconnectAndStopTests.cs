using System.Net;
using System.Net.Sockets;
using System.Text;
using LicenseFunctions.Tests.Support;
using Npgsql;
using StandaloneHost.Tests;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>Clients that disconnect and hosts that stop during a request.</summary>
public sealed class DisconnectAndStopTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");
    private const string Queue = "usage-records";
    private const string HeldDevice = $"select from license_devices where device_id = '{Demo.Device}' for update";
    private static readonly Input Rename = new($"/api/v1/licenses/{Demo.Subscription(10)}/devices/{Demo.Device}", new { name = "Home" });

    private readonly BrokerDouble broker = new(Queue);
    private HostAndStandalone both = null!;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await using var seed = await postgres.NewDatabaseAsync();
        await Demo.LoadAsync(seed);
        both = await HostAndStandalone.StartAsync(postgres, seed, ("ServiceBus", broker.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await both.DisposeAsync();
        broker.Dispose();
    }

    [Fact]
    public async Task Request_ClientDisconnectsAtAnyMoment_IsNoErrorAndTheWorkEnds()
    {
        await LeaveWhileTheRequestWaitsAsync();
        await LeaveWhileItIsSentAsync();

        // Both sides are stopped, so that their logs are complete.
        await both.Host.IdleAsync(Canceled);
        Assert.Equal(new WorkerExit(0, Killed: false), await both.Host.StopAsync());
        Assert.Equal(0, await both.Alone.StopAsync());
        Assert.Equal([], both.Logs.Where(log => log.IsError && !IsRaceInThePackage(log)));
        if (!both.Logs.Any(IsRaceInThePackage))
            Assert.DoesNotContain("Exception", both.Host.WorkerOutput, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", both.Alone.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(both.Alone.Log.Split('\n'), line => line.StartsWith("fail:", StringComparison.Ordinal));
    }

    // Worker.Extensions.Http.AspNetCore 2.1.1 (DefaultHttpCoordinator): if the invocation of a client that disconnected ends before its
    // proxied request arrives, the request finds no context. No function runs, and nobody waits for the answer. Seen once in 30 runs.
    private static bool IsRaceInThePackage(WorkerLog log) =>
        log.ToString().Contains("Context for invocation id", StringComparison.Ordinal)
        && log.ToString().Contains("does not exist", StringComparison.Ordinal);

    /// <summary>The client sends the whole request and disconnects before the answer: the waiting SQL statement is canceled.</summary>
    private async Task LeaveWhileTheRequestWaitsAsync()
    {
        foreach (var (client, database) in Sides())
        {
            await using var held = await HeldRow.HoldAsync(database, HeldDevice);
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(Canceled);
            var request = SendAsync(client, leave.Token);
            await held.WaitForAsync(waiters: 1);

            await leave.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
            await held.WaitForAsync(waiters: 0);
        }

        await both.Host.IdleAsync(Canceled);
        Assert.Equal(["RenameDevice"], both.Invocations.Select(invocation => invocation.Function));
    }

    private async Task LeaveWhileItIsSentAsync()
    {
        var whole = $"PATCH {Rename.Path} HTTP/1.1\r\nHost: x\r\nAuthorization: {Operator}\r\nContent-Type: application/json\r\n";
        string[] requests =
        [
            "GET /healthz HTTP/1.1\r\n",
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
            whole + "Content-Length: 15\r\n\r\n{\"na",
            whole + "Content-Length: 15\r\n\r\n{\"name\":\"Home\"}",
            whole + "Transfer-Encoding: chunked\r\n\r\n",
            whole + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"n\r\n",
            whole + "Transfer-Encoding: chunked\r\n\r\nf\r\n{\"name\":\"Home\"}\r\n0\r\n\r\n",
        ];
        for (var i = 0; i < 25; i++)
        {
            foreach (var request in requests)
            {
                foreach (var (client, _) in Sides())
                    await SendAndLeaveAsync(client.BaseAddress!.Port, request, abruptly: i % 2 == 0);
            }
        }

        foreach (var (client, _) in Sides())
            Assert.Equal("ok", await client.GetStringAsync(new Uri("/healthz", UriKind.Relative), Canceled));
    }

    [Fact]
    public async Task Stop_WhileARequestAndABatchWait_AnswersTheRequestAndReturnsTheBatch()
    {
        var (id, at) = (Guid.NewGuid(), $"{TimeProvider.System.GetUtcNow().UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}");
        var record = $$"""
            {"record_id":"{{id}}","logged_at":"{{at}}",
            "token_hash":"{{Demo.TokenHash(2)}}","subscription_id":"{{Demo.Subscription(2)}}","ip_address":"198.51.100.4",
            "ea_instance_id":"EA-1","mt5_account_number":1001}
            """;
        foreach (var (client, database) in Sides())
        {
            var isHost = database == both.HostDatabase;
            await using var device = await HeldRow.HoldAsync(database, HeldDevice);
            // The batch waits until it is known whether another transaction stores the same record.
            await using var stored = await HeldRow.HoldAsync(
                database,
                $"""
                insert into license_usage_log (log_id, logged_at, token_hash, subscription_id)
                values ('{id}', '{at}', '{Demo.TokenHash(2)}', '{Demo.Subscription(2)}')
                """);
            if (isHost)
                both.Host.Queue(Queue).Send(Encoding.UTF8.GetBytes(record));
            else
                broker.Send(Queue, record);
            var request = SendAsync(client, Canceled);
            await device.WaitForAsync(waiters: 2);

            var stop = isHost ? both.Host.StopAsync() : AsWorkerAsync(both.Alone.StopAsync());
            await ClosedAsync(isHost ? new Uri(both.Host.Capabilities["HttpUri"]).Port : client.BaseAddress!.Port);
            await device.ReleaseAsync();

            Assert.Equal(204, (await request).Status);
            Assert.Equal(new WorkerExit(0, Killed: false), await stop);
            var records = await database.QueryAsync<int>("select count(*)::int from license_usage_log where ea_instance_id = 'EA-1'");
            Assert.Equal(
                (isHost, 1, 0),
                (isHost, isHost ? both.Host.Queue(Queue).Count : broker.Count(Queue), records));
        }
    }

    private IEnumerable<(HttpClient Client, TestDatabase Database)> Sides() =>
        [(both.AloneClient, both.AloneDatabase), (both.HostClient, both.HostDatabase)];

    private static async Task<Answer> SendAsync(HttpClient client, CancellationToken cancellationToken)
    {
        using var request = Rename.ToRequest("PATCH", client.BaseAddress!, Operator);
        return await Answer.OfAsync(client, request, cancellationToken);
    }

    private static async Task<WorkerExit> AsWorkerAsync(Task<int> end) => new(await end, Killed: false);

    private static async Task SendAndLeaveAsync(int port, string text, bool abruptly)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, Canceled);
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), Canceled);
        // Closes with RST instead of FIN.
        if (abruptly)
            socket.LingerState = new LingerOption(true, 0);
    }

    /// <summary>Ends when no process listens on the port.</summary>
    private static async Task ClosedAsync(int port)
    {
        while (true)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, port, Canceled);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    /// <summary>A row that a transaction of the test locks, so that every other change to it waits.</summary>
    private sealed class HeldRow(TestDatabase database, NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        /// <param name="statement">The statement that locks the row.</param>
        public static async Task<HeldRow> HoldAsync(TestDatabase database, string statement)
        {
            var connection = await database.Source.OpenConnectionAsync(Canceled);
            var transaction = await connection.BeginTransactionAsync(Canceled);
            await using var command = connection.CreateCommand();
            command.CommandText = statement;
            await command.ExecuteNonQueryAsync(Canceled);
            return new HeldRow(database, connection, transaction);
        }

        public async Task WaitForAsync(int waiters)
        {
            while (await database.QueryAsync<int>(
                "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") != waiters)
                await Task.Delay(20, Canceled);
        }

        public Task ReleaseAsync() => transaction.CommitAsync(Canceled);

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
