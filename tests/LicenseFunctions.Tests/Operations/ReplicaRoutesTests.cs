using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The running backend with DATABASE_READ_URL.</summary>
public sealed class ReplicaRoutesTests(PostgresFixture postgres) : IAsyncLifetime
{
    private const string License = "/api/v1/licenses/00000000-0000-4000-8000-000000000302";
    private const string Warning = "The read replica does not answer.";
    private const string ReplicaReads = "database_replica_reads_total{server=\"replica\"}";

    /// <summary>The routes that read from a replica.</summary>
    private static readonly string[] Routes =
    [
        "/metrics", "/api/v1/licenses", License, License + "/devices", License + "/renewals", License + "/usage", License + "/activity",
        "/api/v1/usage/summary", "/api/v1/licenses/alerts?status=ALL", "/api/v1/licenses/alerts/shadow",
        "/api/v1/licenses/alerts/00000000-0000-4000-8000-000000000807", "/api/v1/renewals/preview", "/api/v1/renewals/failures",
        "/api/v1/quarantine",
    ];

    private static readonly string Operator = "Bearer " + RunningApp.Token("operator");

    private PrivatePostgres primary = null!;
    private PrivatePostgres replica = null!;
    private TestDatabase database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        primary = await PrivatePostgres.StartAsync(postgres);
        await using (var data = await primary.NewDatabaseAsync())
        {
            var (code, output) = await Licensectl.RunAsync(data, "demo-data");
            Assert.True(code == 0, output);
        }

        replica = await primary.StartReplicaAsync();
        database = new TestDatabase(primary.Address("licensing"));
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        await replica.DisposeAsync();
        await primary.DisposeAsync();
    }

    [Fact]
    public async Task Routes_OnTheReplica_AnswerAsOnThePrimary()
    {
        await using var app = await StartAsync();
        await UntilCountedAsync(app, ReplicaReads);

        foreach (var route in Routes)
            Assert.Equal((route, 200), (route, (await app.GetAsync(route, Operator)).Status));

        // The log has each failure of a statement on the replica. A delay of the replica is logged as another exception.
        Assert.DoesNotContain("PostgresException", app.Log, StringComparison.Ordinal);
        Assert.Contains("The read replica is in use", app.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rename_ThenList_ShowsTheNewName()
    {
        await using var app = await StartAsync();
        await UntilCountedAsync(app, ReplicaReads);
        var (license, device) = await database.QueryAsync<(Guid, Guid)>(
            "select subscription_id, device_id from license_devices where removed_at is null order by device_id limit 1");
        var devices = $"/api/v1/licenses/{license}/devices";

        for (var change = 1; change <= 20; change++)
        {
            var (status, _, _) = await app.SendAsync(
                HttpMethod.Patch, $"{devices}/{device}", Operator, new { name = $"Name {change}" });
            Assert.Equal(204, status);
            Assert.Contains(
                (await app.GetAsync(devices, Operator)).Body!["devices"]!.AsArray(),
                one => (string?)one!["name"] == $"Name {change}");
        }
    }

    [Fact]
    public async Task TheReplica_StopsFreezesAndReturns_RequestsAreAnsweredAndOperatorsAreWarned()
    {
        await using var app = await StartAsync();
        await UntilCountedAsync(app, ReplicaReads);

        await replica.StopAsync();
        Assert.Equal(200, (await app.GetAsync("/api/v1/licenses", Operator)).Status);
        await UntilReadyAsync(app, warns: true);
        await UntilCountedAsync(app, "database_replica_reads_total{server=\"primary\"}");
        await UntilCountedAsync(app, "database_replica_unusable_readings_total{reason=\"unreachable\"}");

        await replica.StartAsync();
        await UntilReadyAsync(app, warns: false);

        await replica.FreezeAsync();
        try
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => app.GetAsync("/api/v1/licenses", Operator)));
            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            await UntilReadyAsync(app, warns: true);
        }
        finally
        {
            await replica.ThawAsync();
        }

        await UntilReadyAsync(app, warns: false);
    }

    private Task<RunningApp> StartAsync() => RunningApp.StartAsync(
        database, ("DATABASE_READ_URL", replica.Address("licensing")), ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("Logging__LogLevel__LicenseFunctions.Infrastructure.Database.ReadReplica", "Debug"));

    /// <summary>Reads the metrics, which are written every few seconds, until this one is not 0.</summary>
    private static async Task UntilCountedAsync(RunningApp app, string metric)
    {
        var metrics = await app.Client.GetStringAsync("/metrics", Stop);
        while (metrics.Contains($"\n{metric} 0\n", StringComparison.Ordinal))
        {
            await Task.Delay(100, Stop);
            metrics = await app.Client.GetStringAsync("/metrics", Stop);
        }

        Assert.Contains($"\n{metric} ", metrics, StringComparison.Ordinal);
    }

    private static async Task UntilReadyAsync(RunningApp app, bool warns)
    {
        var answer = await app.Client.GetStringAsync("/readyz", Stop);
        while (answer.Contains("warning: " + Warning, StringComparison.Ordinal) != warns)
        {
            await Task.Delay(100, Stop);
            answer = await app.Client.GetStringAsync("/readyz", Stop);
        }

        Assert.StartsWith("ready", answer, StringComparison.Ordinal);
    }
}
