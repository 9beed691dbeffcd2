using System.Net;
using System.Net.Sockets;
using System.Text;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Failures;

/// <summary>Clients that send slowly, or nothing at all (docs/failures.md).</summary>
public sealed class SlowClientTests(PostgresFixture postgres)
{
    private const int Idle = 10_000;
    private const long BytesAConnection = 32 * 1024;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HeadersOrABodyThatStopHalfway_AreAnsweredAndTheConnectionIsClosed()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartHereAsync(database);
        var token = RunningApp.Token("service");

        var answers = await Task.WhenAll(
            SendAndListenAsync(app, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "),
            SendAndListenAsync(app, $"POST /api/v1/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n" +
                "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n["));

        Assert.StartsWith("HTTP/1.1 408 ", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", answers[1], StringComparison.Ordinal);
        Assert.Contains("MALFORMED_REQUEST", answers[1], StringComparison.Ordinal);
        Assert.Equal(200, (await app.GetAsync("/healthz")).Status);
    }

    /// <summary>Kestrel reports a chunk's size beyond 32 bits differently from other wrong sizes.</summary>
    [Fact]
    public async Task AChunkOfAWrongSize_IsA400OnEveryRouteThatReadsABody()
    {
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartHereAsync(database);
        var id = Guid.NewGuid();
        (string Route, string? Credential)[] routes =
        [
            ("POST /api/v1/licenses/validate", "License tok-1"),
            ("POST /api/v1/usage", "Bearer " + RunningApp.Token("service")),
            ("POST /api/v1/stripe/webhook", null),
            ("POST /api/v1/renewals/price-consent", null),
            ("POST /api/v1/licenses/alerts/confirm", null),
            ($"PATCH /api/v1/licenses/{id}/devices/{id}", "Bearer " + RunningApp.Token("operator")),
            ($"PUT /api/v1/licenses/{id}/auto-renew", "Bearer " + RunningApp.Token("subscriber")),
        ];
        foreach (var (route, credential) in routes)
        {
            foreach (var size in new[] { "fffffffffffffffff", "ffffffff", "xyz" })
            {
                var answer = await SendAndListenAsync(app, $"{route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + (credential is null ? "" : $"Authorization: {credential}\r\n")
                    + $"Transfer-Encoding: chunked\r\n\r\n{size}\r\n{{}}\r\n0\r\n\r\n");

                Assert.True(answer.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal), $"{route} {size}: {answer}");
                Assert.Contains("MALFORMED_REQUEST", answer, StringComparison.Ordinal);
            }
        }

        Assert.DoesNotContain("failed", app.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TenThousandIdleConnections_UseLittleMemoryAndDelayNoCheck()
    {
        Assert.SkipUnless(OpenFiles() > Idle + 1000,
            $"{Idle} connections need as many open files, and the hard limit here is {OpenFiles()} (ulimit -Hn).");
        await using var database = await postgres.NewDatabaseAsync();
        await using var app = await RunningApp.StartAsync(database, ("RATE_LIMIT_PER_MINUTE", "1000000"));
        await CheckAsync(app);
        var before = app.ResidentBytes;
        var idle = new List<Socket>();
        try
        {
            foreach (var batch in Enumerable.Range(0, Idle).Chunk(200))
            {
                idle.AddRange(await Task.WhenAll(batch.Select(_ => ConnectAsync(app))));
                await CheckAsync(app);
            }

            Assert.InRange(app.ResidentBytes - before, 0, Idle * BytesAConnection);
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    private static async Task CheckAsync(RunningApp app) => Assert.Equal(200, (await app.PostAsync(
        "/api/v1/licenses/validate", "License unknown", new { ea_instance_id = "EA-1", mt5_account_number = 1001 })).Status);

    private static async Task<Socket> ConnectAsync(RunningApp app)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, app.Client.BaseAddress!.Port, Canceled);
        return socket;
    }

    /// <returns>Everything that the server sends until it closes the connection.</returns>
    private static async Task<string> SendAndListenAsync(RunningApp app, string text)
    {
        using var socket = await ConnectAsync(app);
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), Canceled);
        var (answer, buffer) = (new StringBuilder(), new byte[4096]);
        while (await socket.ReceiveAsync(buffer, Canceled) is > 0 and var read)
            answer.Append(Encoding.ASCII.GetString(buffer, 0, read));
        return answer.ToString();
    }

    private static long OpenFiles() => File.ReadLines("/proc/self/limits")
        .Where(line => line.StartsWith("Max open files", StringComparison.Ordinal))
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4])
        .Select(hard => long.TryParse(hard, out var limit) ? limit : long.MaxValue)
        .Single();
}
