using LicenseFunctions.Tests.Support;
using LicenseFunctions.Usage;
using Licensing.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class IngestQueuedUsageTests(PostgresFixture postgres) : IAsyncLifetime
{
    private UsageScene scene = null!;
    private Licence licence = null!;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        licence = await scene.LicenceAsync();
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Run_TheDatabaseFailsForAWhile_StoresTheBatchWhenItIsBack()
    {
        await BreakAsync();

        var running = Queue().RunAsync([scene.Record(licence)], TestContext.Current.CancellationToken);
        await ElapseAsync(running, TimeSpan.FromMinutes(1));
        Assert.False(running.IsCompleted);
        await MendAsync();
        await ElapseAsync(running, TimeSpan.FromMinutes(1));
        await running;

        Assert.Equal(1L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
    }

    [Fact]
    public async Task Run_TheDatabaseFailsForLong_ThrowsWhileTheLockHolds()
    {
        await BreakAsync();
        var start = scene.Time.GetUtcNow();

        var running = Queue().RunAsync([scene.Record(licence)], TestContext.Current.CancellationToken);
        await ElapseAsync(running, TimeSpan.FromMinutes(5));

        await Assert.ThrowsAsync<PostgresException>(() => running);
        // The test's clock runs on by half a second or more in each of the twenty attempts; the lock holds for five minutes.
        Assert.InRange(scene.Time.GetUtcNow() - start, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(4.5));
        await MendAsync();
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
    }

    [Fact]
    public async Task Run_TheProcessStopsMeanwhile_GivesTheBatchBack()
    {
        await BreakAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var running = Queue().RunAsync([scene.Record(licence)], stop.Token);
        await ElapseAsync(running, TimeSpan.FromSeconds(5));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task DrainDeadLetters_AnyMessage_LiesOnceInQuarantineAndCanBeReplayed()
    {
        string[] messages = [UsageScene.Array([scene.Record(licence), scene.Record(licence, secondsAgo: 1)]), "nonsense"];
        var queue = Queue();

        await queue.DrainDeadLettersAsync(messages, TestContext.Current.CancellationToken);
        await queue.DrainDeadLettersAsync(messages, TestContext.Current.CancellationToken);

        var entries = await scene.Quarantine.ListAsync("OPEN", UsageFault.DeadLettered, null, 100, TestContext.Current.CancellationToken);
        Assert.Equal(["dead_letter", "dead_letter"], entries.Select(entry => entry.Source));
        var good = entries.Single(entry => entry.Payload != "nonsense");
        var done = await new ReplayQuarantined(scene.Quarantine, scene.Ingest).RunAsync(good.QuarantineId, null, TestContext.Current.CancellationToken);
        Assert.Equal(2, done.Value.Accepted);
    }

    private IngestQueuedUsage Queue() => new(scene.Ingest, scene.Quarantine, scene.Time, NullLogger<IngestQueuedUsage>.Instance);

    private Task<int> BreakAsync() => scene.Database.ExecuteAsync("alter table license_usage_log rename to license_usage_log_away");

    private Task<int> MendAsync() => scene.Database.ExecuteAsync("alter table license_usage_log_away rename to license_usage_log");

    /// <summary>Lets the clock run in steps, so long as the work goes on; between steps it may take what real time it needs.</summary>
    private async Task ElapseAsync(Task running, TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span && !running.IsCompleted; passed += TimeSpan.FromMilliseconds(500))
        {
            // The database answers at its own pace; a round trip of ours keeps in step with it.
            await scene.Database.QueryAsync<int>("select 1");
            scene.Time.Advance(TimeSpan.FromMilliseconds(500));
        }

        for (var i = 0; i < 20 && !running.IsCompleted; i++)
            await scene.Database.QueryAsync<int>("select 1");
    }
}
