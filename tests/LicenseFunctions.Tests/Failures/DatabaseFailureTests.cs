using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Failures;

/// <summary>What callers see while PostgreSQL is down or its disk is full (docs/failures.md). The backend recovers by itself.</summary>
public sealed class DatabaseFailureTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Check = """{"ea_instance_id": "EA-1", "mt5_account_number": 1001}""";
    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");
    private static readonly string Service = "Bearer " + RunningApp.Token("service");

    private PrivatePostgres server = null!;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await PrivatePostgres.StartAsync(postgres);

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task PostgreSQL_StopsAndStartsUnderLoad_Answers503AndRecovers()
    {
        await using var database = await server.NewDatabaseAsync();
        await using var app = await StartAsync(database);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Canceled);
        var load = Enumerable.Range(0, 4).Select(_ => LoadAsync(app, enough.Token)).ToList();
        await UntilAsync(app, 200);

        await server.StopAsync();
        await UntilAsync(app, 503);
        Assert.Equal(200, (await app.GetAsync("/healthz")).Status);
        Assert.Equal(503, (await app.GetAsync("/readyz")).Status);
        await server.StartAsync();
        await UntilAsync(app, 200);

        await enough.CancelAsync();
        var answers = (await Task.WhenAll(load)).SelectMany(answer => answer).ToHashSet();
        Assert.Subset(new HashSet<Answer> { new(200, null, false), new(503, "DATABASE_UNAVAILABLE", true) }, answers);
        Assert.Equal(2, answers.Count);
        Assert.Equal(200, (int)(await app.ReadyAsync()).StatusCode);
    }

    [Fact]
    public async Task PostgreSQL_IsFrozen_ChecksProbesAndRequestsAreAnsweredAndRecover()
    {
        await using var database = await server.NewDatabaseAsync();
        await using var app = await RunningApp.StartAsync(
            database, ("RATE_LIMIT_PER_MINUTE", "1000000"), ("VALIDATION_TIMEOUT_SECONDS", "2"));
        await UntilAsync(app, 200);
        Assert.Equal(200, (await CheckAsync(app)).Status);

        await server.FreezeAsync();
        try
        {
            // More than all connections of the process.
            var checks = Enumerable.Range(0, 30).Select(_ => CheckAsync(app)).ToList();
            var requests = Enumerable.Range(0, 30).Select(_ => app.GetAsync("/api/v1/licenses", Operator)).ToList();
            Assert.Equal(200, (await app.GetAsync("/healthz")).Status);
            Assert.Equal(503, (await app.GetAsync("/readyz")).Status);
            foreach (var (status, body, response) in await Task.WhenAll(checks.Concat(requests)))
            {
                Assert.Equal((503, "DATABASE_UNAVAILABLE"), (status, (string?)body?["code"]));
                Assert.NotNull(response.Headers.RetryAfter);
            }
        }
        finally
        {
            await server.ThawAsync();
        }

        await UntilAsync(app, 200);
        Assert.Equal(200, (await CheckAsync(app)).Status);
    }

    private static Task<(int Status, System.Text.Json.Nodes.JsonNode? Body, HttpResponseMessage Response)> CheckAsync(RunningApp app) =>
        app.PostAsync("/api/v1/licenses/validate", "License unknown", Check);

    [Fact]
    public async Task AFullDisk_RefusesWritesAndServesReads_UntilThereIsSpace()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "The test mounts a small file system in memory, which only root may do.");
        var disk = await Programs.NewFolderAsync();
        await Programs.RunAsync("mount", "-t", "tmpfs", "-o", $"size=64m,uid={Programs.User},mode=700", "tmpfs", disk);
        try
        {
            await server.ExecuteAsync($"create tablespace small location '{disk}'");
            await using var database = await server.NewDatabaseAsync("small");
            await using var app = await StartAsync(database);
            var (filler, page) = (Path.Combine(disk, "filler"), new byte[8192]);
            await using (var file = File.Create(filler))
            {
                await Assert.ThrowsAsync<IOException>(async () =>
                {
                    while (true)
                    {
                        await file.WriteAsync(page, Canceled);
                        await file.FlushAsync(Canceled);
                    }
                });
            }

            (int Status, string? Code) refused;
            do
                refused = await PostUsageAsync(app);
            while (refused.Status == 200);
            Assert.Equal((503, "DATABASE_UNAVAILABLE"), refused);
            Assert.Equal(200, (await app.GetAsync("/api/v1/licenses", Operator)).Status);
            Assert.Equal(200, (await app.PostAsync("/api/v1/licenses/validate", "License unknown", Check)).Status);

            File.Delete(filler);
            Assert.Equal((200, null), await PostUsageAsync(app));
        }
        finally
        {
            await server.DisposeAsync();
            await Programs.RunAsync("umount", disk);
            Directory.Delete(disk);
        }
    }

    private static Task<RunningApp> StartAsync(TestDatabase database) =>
        RunningApp.StartAsync(database, ("RATE_LIMIT_PER_MINUTE", "1000000"));

    /// <summary>A thousand records of an unknown license. They are quarantined, which is a write, too.</summary>
    private static async Task<(int Status, string? Code)> PostUsageAsync(RunningApp app)
    {
        var record = """{"note":"NOTE"}""".Replace("NOTE", new string('x', 900), StringComparison.Ordinal);
        var (status, body, _) = await app.PostAsync("/api/v1/usage", Service, UsageScene.Array(Enumerable.Repeat(record, 1000)));
        return (status, (string?)body?["code"]);
    }

    private static async Task<List<Answer>> LoadAsync(RunningApp app, CancellationToken enough)
    {
        var answers = new List<Answer>();
        while (!enough.IsCancellationRequested)
        {
            var (status, body, response) = answers.Count % 2 == 0
                ? await app.GetAsync("/api/v1/licenses", Operator)
                : await app.PostAsync("/api/v1/licenses/validate", "License unknown", Check);
            answers.Add(new(status, status == 200 ? null : (string?)body?["code"], response.Headers.RetryAfter is not null));
        }

        return answers;
    }

    private static async Task UntilAsync(RunningApp app, int status)
    {
        while ((await app.GetAsync("/api/v1/licenses", Operator)).Status != status)
            await Task.Delay(20, Canceled);
    }

    private sealed record Answer(int Status, string? Code, bool SaysWhen);
}
