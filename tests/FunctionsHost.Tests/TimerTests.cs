using LicenseFunctions.Tests.Support;
using Xunit;

namespace FunctionsHost.Tests;

/// <summary>The test starts every timer once: it must record and change the same as in the standalone application.</summary>
public sealed class TimerTests(DemoSite site) : IClassFixture<DemoSite>
{
    private readonly HostAndStandalone both = site.Both;

    private static CancellationToken Canceled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryTimer_RunOnce_IsRecordedWithTheSameCounts()
    {
        var timers = both.Host.Functions.Where(function => function.IsTimer).Select(function => function.Name).ToList();
        Assert.Equal(14, timers.Count);

        foreach (var timer in timers)
        {
            Assert.Equal(202, await RunAsync(timer, both.Host.MasterKey));
            await both.Host.IdleAsync(Canceled);
            await both.Alone.RunTimerAsync(both.AloneDatabase, timer);

            var (alone, host) = (await LastRunAsync(both.AloneDatabase, timer), await LastRunAsync(both.HostDatabase, timer));
            Assert.StartsWith("succeeded", alone, StringComparison.Ordinal);
            Assert.Equal($"{timer} {alone}", $"{timer} {host}");
        }

        Assert.Equal(timers, both.Invocations.Select(invocation => invocation.Function));
        Assert.Equal([], both.Invocations.Where(invocation => invocation.Failure is not null));
        Assert.Equal([], both.Logs.Where(log => log.IsError));
        Assert.Equal(await both.AloneDatabase.RowsAsync(), await both.HostDatabase.RowsAsync());
    }

    [Theory]
    [InlineData("DrainOutbox", "wrong", 401)]
    [InlineData("Healthz", null, 404)]
    [InlineData("Nothing", null, 404)]
    public async Task AdminRun_NoTimerOrWrongKey_IsRefused(string name, string? key, int status) =>
        Assert.Equal(status, await RunAsync(name, key ?? both.Host.MasterKey));

    private async Task<int> RunAsync(string timer, string key)
    {
        var input = new Input($"/admin/functions/{timer}", new { }, ("x-functions-key", key));
        using var request = input.ToRequest("POST", both.Host.Address, null);
        return (await Answer.OfAsync(both.HostClient, request, Canceled)).Status;
    }

    private static Task<string> LastRunAsync(TestDatabase database, string timer) => database.QueryAsync<string>(
        """
        select concat_ws(' ', last_status, last_counts, last_error,
                         last_started_at <= last_finished_at, last_finished_at = last_succeeded_at)
        from timer_leases where timer_name = @timer
        """, new { timer });
}
