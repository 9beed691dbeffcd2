using System.Text.Json.Nodes;
using LicenseFunctions.Tests.Support;
using Xunit;

namespace LicenseFunctions.Tests.Operations;

/// <summary>The recorded runs of timers, as operators and alert rules read them.</summary>
public sealed class RecordTimerRunTests(PostgresFixture postgres) : IAsyncLifetime
{
    // A timer that runs once a day, so that only the test runs it.
    private const string Timer = "RetainData";
    private static readonly string Operator = $"Bearer {RunningApp.Token("operator")}";

    private TestDatabase database = null!;
    private RunningApp app = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.NewDatabaseAsync();
        app = await RunningApp.StartHereAsync(database, ("RETENTION_SCHEDULE", RunningApp.Never));
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Timer_ThatNeverRan_IsShownWithItsNextSlot()
    {
        var timer = await TimerAsync();

        Assert.Null(timer["last_started_at"]);
        Assert.Null(timer["last_status"]);
        Assert.NotNull(timer["next_due_at"]);
    }

    [Fact]
    public async Task Run_ThatSucceeds_RecordsItsTimesAndCounts()
    {
        await RunAsync();

        var timer = await TimerAsync();
        Assert.Equal("succeeded", (string?)timer["last_status"]);
        Assert.Equal(0, (int?)timer["last_counts"]!["bodies"]);
        Assert.Equal((DateTime?)timer["last_finished_at"], (DateTime?)timer["last_succeeded_at"]);
        Assert.True((DateTime?)timer["last_started_at"] <= (DateTime?)timer["last_finished_at"]);
        Assert.Null(timer["last_error"]);
        Assert.Equal(0, await FailedAsync());
    }

    [Fact]
    public async Task Run_ThatFails_RecordsItsErrorUntilOneSucceeds()
    {
        await RunAsync();
        var succeeded = (DateTime?)(await TimerAsync())["last_succeeded_at"];
        await database.ExecuteAsync("alter table license_device_networks rename to gone");
        await RunAsync();

        var failed = await TimerAsync();
        Assert.Equal("failed", (string?)failed["last_status"]);
        Assert.Contains("Retention failed for networks", (string?)failed["last_error"], StringComparison.Ordinal);
        Assert.Equal(succeeded, (DateTime?)failed["last_succeeded_at"]);
        Assert.Equal(1, await FailedAsync());

        await database.ExecuteAsync("alter table gone rename to license_device_networks");
        await RunAsync();
        Assert.Null((await TimerAsync())["last_error"]);
        Assert.Equal(0, await FailedAsync());
    }

    [Fact]
    public async Task Run_InProgress_IsRunningAndKeepsTheLastFailure()
    {
        await database.ExecuteAsync(
            """
            insert into timer_leases (timer_name, last_started_at, last_finished_at, last_status, last_error, next_due_at)
            values (@Timer, now(), now() - interval '1 day', 'failed', 'x', '2100-01-01')
            on conflict (timer_name) do update set last_started_at = excluded.last_started_at, last_finished_at = excluded.last_finished_at,
                last_status = excluded.last_status, last_error = excluded.last_error
            """,
            new { Timer });

        Assert.Equal("running", (string?)(await TimerAsync())["last_status"]);
        Assert.Equal(1, await FailedAsync());
    }

    private async Task RunAsync()
    {
        var (status, _, _) = await app.PostAsync($"/admin/functions/{Timer}", Operator, new { });
        Assert.Equal(202, status);
    }

    private async Task<JsonNode> TimerAsync()
    {
        var (_, body, _) = await app.GetAsync("/api/v1/system", Operator);
        return body!["timers"]!.AsArray().Single(timer => (string?)timer!["timer_name"] == Timer)!;
    }

    private async Task<double> FailedAsync() =>
        (await app.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken))
            .Contains($"timer_failed{{timer=\"{Timer}\"}} 1\n", StringComparison.Ordinal) ? 1 : 0;
}
