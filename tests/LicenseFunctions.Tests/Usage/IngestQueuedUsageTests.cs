using System.Text;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Tests.Support;
using LicenseFunctions.Usage;
using Licensing.Usage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Usage;

public sealed class IngestQueuedUsageTests(PostgresFixture postgres) : IAsyncLifetime
{
    private UsageScene scene = null!;
    private License license = null!;
    private AwaitedTime time = null!;

    public async ValueTask InitializeAsync()
    {
        scene = await UsageScene.NewAsync(postgres);
        license = await scene.LicenseAsync();
        time = new AwaitedTime(scene.Now);
    }

    public ValueTask DisposeAsync() => scene.DisposeAsync();

    [Fact]
    public async Task Run_DatabaseFailsForAWhile_StoresTheBatchWhenItIsBack()
    {
        await BreakAsync();

        var running = Queue().RunAsync([Message(scene.Record(license))], TestContext.Current.CancellationToken);
        await ElapseAsync(running, TimeSpan.FromMinutes(1));
        Assert.False(running.IsCompleted);
        await RepairAsync();
        await ElapseAsync(running, TimeSpan.FromMinutes(1));
        await running;

        Assert.Equal(1L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
    }

    [Fact]
    public async Task Run_DatabaseFailsForLong_ThrowsBeforeTheLockExpires()
    {
        await BreakAsync();
        var start = time.GetUtcNow();

        var running = Queue().RunAsync([Message(scene.Record(license))], TestContext.Current.CancellationToken);
        await ElapseAsync(running, TimeSpan.FromMinutes(5));

        await Assert.ThrowsAsync<PostgresException>(() => running);
        Assert.InRange(time.GetUtcNow() - start, TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(4));
        await RepairAsync();
        Assert.Equal(0L, await scene.Database.QueryAsync<long>("select count(*) from license_usage_log"));
    }

    [Fact]
    public async Task Run_ProcessStopsMeanwhile_ReturnsTheBatch()
    {
        await BreakAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var running = Queue().RunAsync([Message(scene.Record(license))], stop.Token);
        await ElapseAsync(running, TimeSpan.FromSeconds(5));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task DrainDeadLetter_AnyMessage_IsQuarantinedOnceAndCanBeReplayed()
    {
        string[] messages = [UsageScene.Array([scene.Record(license), scene.Record(license, secondsAgo: 1)]), "nonsense"];
        var queue = Queue();

        foreach (var message in messages.Concat(messages))
            await queue.DrainDeadLetterAsync(Message(message).Body, TestContext.Current.CancellationToken);

        var entries = await scene.Quarantine.ListAsync("OPEN", UsageFault.DeadLettered, null, 100, TestContext.Current.CancellationToken);
        Assert.Equal(["dead_letter", "dead_letter"], entries.Select(entry => entry.Source));
        var good = entries.Single(entry => entry.Excerpt != "nonsense");
        var done = await new ReplayQuarantined(scene.Quarantine, scene.Ingest)
            .RunAsync(good.QuarantineId, Actor.Operator(null), TestContext.Current.CancellationToken);
        Assert.Equal(2, done.Value.Accepted);
    }

    [Theory]
    [InlineData("nonsense", UsageFault.InvalidJson)]
    [InlineData("[ 1 ]", UsageFault.NotARecord)] // the record is not the whole message
    public async Task Replay_AMessageThatIsStillInvalid_KeepsItsEntryWithTheNewReason(string message, string code)
    {
        await Queue().DrainDeadLetterAsync(Message(message).Body, TestContext.Current.CancellationToken);
        var entry = Assert.Single(await ListAsync());

        var replayed = await new ReplayQuarantined(scene.Quarantine, scene.Ingest)
            .RunAsync(entry.QuarantineId, Actor.Operator(null), TestContext.Current.CancellationToken);

        var after = Assert.Single(await ListAsync());
        Assert.Equal(code, replayed.Refusal?.Code);
        Assert.Equal(
            (entry.QuarantineId, code, "dead_letter", "OPEN", message),
            (after.QuarantineId, after.Code, after.Source, after.State, after.Excerpt));

        Task<IReadOnlyList<QuarantinedUsage>> ListAsync() =>
            scene.Quarantine.ListAsync(null, null, null, 100, TestContext.Current.CancellationToken);
    }

    private static UsageMessage Message(string text) => new(Encoding.UTF8.GetBytes(text));

    private IngestQueuedUsage Queue() => new(scene.Ingest, scene.Quarantine, time, NullLogger<IngestQueuedUsage>.Instance);

    private Task<int> BreakAsync() => scene.Database.ExecuteAsync("alter table license_usage_log rename to license_usage_log_away");

    private Task<int> RepairAsync() => scene.Database.ExecuteAsync("alter table license_usage_log_away rename to license_usage_log");

    /// <summary>Advances the clock while the work waits for it, and not during an attempt.</summary>
    private async Task ElapseAsync(Task running, TimeSpan span)
    {
        var end = time.GetUtcNow() + span;
        while (!running.IsCompleted && time.GetUtcNow() < end)
        {
            if (time.GetUtcNow() < time.Awaited)
                time.Advance(TimeSpan.FromMilliseconds(500));
            else
                await scene.Database.QueryAsync<int>("select 1");
        }
    }

    /// <summary>A clock that records when the current wait ends.</summary>
    private sealed class AwaitedTime(DateTimeOffset now) : FakeTimeProvider(now)
    {
        private long awaited;

        public DateTimeOffset Awaited => new(Interlocked.Read(ref awaited), TimeSpan.Zero);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Exchange(ref awaited, (GetUtcNow() + dueTime).UtcTicks);
            return timer;
        }
    }
}
