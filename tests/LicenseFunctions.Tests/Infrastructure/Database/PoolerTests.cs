using System.Security.Cryptography;
using System.Text;
using LicenseFunctions.Tests.Renewals;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Tests.Usage;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

/// <summary>The backend behind PgBouncer in transaction mode, where each transaction may run on another server connection.</summary>
public sealed class PoolerTests(PostgresFixture postgres)
{
    private const int ServerConnections = 6;
    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");

    [Fact]
    public async Task Transaction_ConcurrentChecksIngestRenewalsAndScans_AllSucceed()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(scene.Database, ServerConnections);
        await using var app = await StartAsync(pooler, "transaction");

        var statuses = await WorkAsync(scene, app);

        Assert.All(statuses, status => Assert.Equal("200", status));
        Assert.DoesNotContain("fail:", app.Log, StringComparison.Ordinal);
        Assert.Equal(40L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
        Assert.Equal(10L, await scene.Database.QueryAsync<long>("select count(*) from renewals where status = 'applied'"));
        Assert.InRange(await scene.Database.QueryAsync<int>(
            "select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"), 3,
                ServerConnections + 3);
    }

    [Fact] // proves that the test above can fail
    public async Task None_BehindTheSamePooler_IsNotReadyAndNamesTheSetting()
    {
        await using var scene = await UsageScene.NewAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(scene.Database, ServerConnections);
        await using var app = await StartAsync(pooler, "none");

        var (status, body, _) = await app.GetAsync("/readyz");

        Assert.Equal(503, status);
        Assert.Contains("DATABASE_POOLER=transaction", (string?)body!["hint"], StringComparison.Ordinal);
    }

    private static Task<RunningApp> StartAsync(PgBouncer pooler, string mode) => RunningApp.StartAsync(
        ("DATABASE_URL", pooler.ConnectionString), ("DATABASE_POOLER", mode), ("RATE_LIMIT_PER_MINUTE", "100000"));

    /// <returns>The statuses of all requests; most of them are sent concurrently.</returns>
    private static async Task<string[]> WorkAsync(UsageScene scene, RunningApp app)
    {
        var world = new PostgresWorld(scene.Database, scene.Time);
        var calls = new List<Func<Task<int>>>();
        for (var i = 0; i < 10; i++)
        {
            var license = await scene.LicenseAsync();
            var token = $"token-{i}";
            await scene.Database.ExecuteAsync(
                "update license_tokens set token_hash = @hash where subscription_id = @SubscriptionId",
                new { hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token))), license.SubscriptionId });
            var records = UsageScene.Array(Enumerable.Range(0, 4).Select(n => scene.Record(
                license with { TokenHash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token))) }, secondsAgo: n)));
            var renewed = await world.AddAsync(new LicenseSeed { ExpiresAt = scene.Now.AddDays(1), WalletUsd = 100m });
            for (var round = 0; round < 8; round++)
                calls.Add(() => PostAsync(app, "/api/v1/licenses/validate", "License " + token,
                    new { ea_instance_id = "EA-1", mt5_account_number = 1001 }));
            calls.Add(() => PostAsync(app, "/api/v1/usage", "Bearer " + RunningApp.Token("service"), records));
            calls.Add(() => PostAsync(app, $"/api/v1/licenses/{renewed}/renew", Operator));
            calls.Add(() => PostAsync(app, "/admin/functions/ScanUsage", Operator, new { }));
            calls.Add(() => PostAsync(app, "/admin/functions/ScoreLicenses", Operator, new { }));
        }

        var statuses = await Task.WhenAll(calls.Select(call => call()));
        // The answer of a timer only says that its run was accepted.
        return [.. statuses.Select(status => status == 202 ? "200" : $"{status}")];
    }

    private static async Task<int> PostAsync(RunningApp app, string path, string authorization, object? body = null) =>
        (await app.PostAsync(path, authorization, body)).Status;
}
