using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace StandaloneHost.Tests;

/// <summary>
/// The host's timers: azure-webjobs-sdk-extensions, src/WebJobs.Extensions/Extensions/Timers, Listener/TimerListener.cs and
/// Scheduling/ScheduleMonitor.cs; the endpoint: azure-functions-host, src/WebJobs.Script.WebHost/Controllers/FunctionsController.cs.
/// </summary>
public sealed class TimerTests(LeaseDatabase database) : IClassFixture<LeaseDatabase>, IAsyncLifetime
{
    private const string EverySecond = "* * * * * *";
    private const string Yearly = "0 0 0 1 1 *";

    private readonly Ticks ticks = new();

    public async ValueTask InitializeAsync() => await database.ExecuteAsync("truncate timer_leases");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact] // TimerListener.HandleTimerEvent
    public async Task Slot_Due_RunsAndReleasesTheLease()
    {
        await using var worker = await RunningWorker.StartAsync(Builder(EverySecond));

        var first = await ticks.NextAsync();
        await ticks.NextAsync();
        await worker.StopAsync();

        Assert.False(first.IsPastDue);
        Assert.True(await database.ReadAsync<bool>("select holder is null and lease_until is null and fence >= 2 from timer_leases"));
    }

    [Fact] // ScheduleMonitor.CheckPastDueAsync: "we know we've missed at least one schedule instance and we are past due"
    public async Task Slots_SeveralMissed_LeadToOnePastDueRun()
    {
        await database.ExecuteAsync("insert into timer_leases (timer_name, next_due_at) values ('Tick', '2020-01-01T00:00:00Z')");
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly));

        var run = await ticks.NextAsync();
        await worker.StopAsync();

        Assert.True(run.IsPastDue);
        Assert.Equal(new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc), run.ScheduleStatus!.Next);
        Assert.Equal(1, ticks.Count);
        Assert.True(await database.ReadAsync<bool>("select next_due_at > now() from timer_leases"));
    }

    [Fact] // ScheduleMonitor.CheckPastDueAsync: "we don't want it to register immediately as 'past due'"
    public async Task Slot_OfAnEarlierSchedule_IsDropped()
    {
        await database.ExecuteAsync("insert into timer_leases (timer_name, next_due_at) values ('Tick', '2020-07-07T07:07:07Z')");
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly));

        await PostAsync(worker, "Tick");

        Assert.False((await ticks.NextAsync()).IsPastDue);
        Assert.Equal(1, ticks.Count);
    }

    [Fact] // TimerSchedule.ShouldDisableScheduleMonitor: no status and no past-due run with more than one slot per minute
    public async Task SubMinuteSchedule_MissedSlot_IsNotPastDue()
    {
        await database.ExecuteAsync("insert into timer_leases (timer_name, next_due_at) values ('Tick', '2020-01-01T00:00:00Z')");
        await using var worker = await RunningWorker.StartAsync(Builder(EverySecond));

        var run = await ticks.NextAsync();

        Assert.False(run.IsPastDue);
        Assert.Null(run.ScheduleStatus);
    }

    [Fact] // TimerListener.InvokeJobFunction: "We don't want any function errors to stop the execution schedule"
    public async Task Function_Throws_IsRunAgainAtTheNextSlot()
    {
        ticks.Body = _ => throw new InvalidOperationException("no such thing");
        await using var worker = await RunningWorker.StartAsync(Builder(EverySecond));

        await ticks.NextAsync();
        await ticks.NextAsync();
        await worker.StopAsync();

        Assert.True(await database.ReadAsync<bool>("select holder is null and lease_until is null from timer_leases"));
    }

    [Fact] // TimerTriggerAttribute: a singleton; the lease is a row instead of the host's blob
    public async Task TwoProcesses_OneDatabase_NeverRunConcurrently()
    {
        var running = 0;
        var overlapped = false;
        ticks.Body = async _ =>
        {
            overlapped |= Interlocked.Increment(ref running) > 1;
            await database.ReadAsync<int>("select count(*)::int from generate_series(1, 100000)");
            Interlocked.Decrement(ref running);
        };
        await using var one = await RunningWorker.StartAsync(Builder(EverySecond));
        await using var other = await RunningWorker.StartAsync(Builder(EverySecond));

        await ticks.NextAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => PostAsync(i % 2 == 0 ? one : other, "Tick")));
        await one.StopAsync();
        await other.StopAsync();

        Assert.False(overlapped);
        Assert.Equal(ticks.Count, await database.ReadAsync<long>("select fence from timer_leases"));
    }

    [Fact] // the host writes its status after the run, so the slot of an interrupted run is also past due (azure-functions-host#2968)
    public async Task Run_InterruptedByStop_LeavesItsSlotDue()
    {
        await database.ExecuteAsync("insert into timer_leases (timer_name, next_due_at) values ('Tick', '2020-01-01T00:00:00Z')");
        ticks.Body = token => Task.Delay(Timeout.Infinite, token);
        await using (var worker = await RunningWorker.StartAsync(Builder(Yearly)))
            await ticks.NextAsync();
        Assert.True(await database.ReadAsync<bool>(
            "select next_due_at = '2020-01-01T00:00:00Z' and lease_until is null from timer_leases"));
        ticks.Body = _ => Task.CompletedTask;

        await using var next = await RunningWorker.StartAsync(Builder(Yearly));

        Assert.True((await ticks.NextAsync()).IsPastDue);
    }

    [Fact] // no other process runs the timer while its lease is held, by a running or a killed process
    public async Task Lease_OfAnotherProcess_DelaysTheRun()
    {
        await database.ExecuteAsync(
            "insert into timer_leases (timer_name, next_due_at, lease_until) values ('Tick', '2020-01-01T00:00:00Z', now() + interval " +
            "'1 hour')");
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly));
        var posted = PostAsync(worker, "Tick");
        while (await database.ReadAsync<long>("select count(*) from pg_stat_activity where query like 'update timer_leases%'") == 0)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.Equal(0, ticks.Count);

        await database.ExecuteAsync("update timer_leases set lease_until = now()");

        await posted;
        Assert.Equal(1, ticks.Count);
    }

    [Fact] // another process, which is not paused, runs the slot
    public async Task PausedProcess_DueSlot_IsLeftToAnotherProcess()
    {
        await database.ExecuteAsync("insert into timer_leases (timer_name, next_due_at) values ('Tick', '2020-01-01T00:00:00Z')");
        var asked = new TaskCompletionSource();
        var builder = Builder(Yearly);
        builder.Services.AddSingleton(new TimerPause(() =>
        {
            asked.TrySetResult();
            return "its clock is wrong";
        }));
        await using var paused = await RunningWorker.StartAsync(builder);
        await asked.Task;
        Assert.True(await database.ReadAsync<bool>("select fence = 0 and next_due_at = '2020-01-01T00:00:00Z' from timer_leases"));

        await using var other = await RunningWorker.StartAsync(Builder(Yearly));
        await ticks.NextAsync();
        using var answer = await paused.Client.PostAsync(
            new Uri("/admin/functions/Tick", UriKind.Relative), null, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("its clock is wrong", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(1, ticks.Count);
    }

    [Theory] // azure-functions-host: app setting AzureWebJobs.<FUNCTION_NAME>.Disabled
    [InlineData("AzureWebJobs.Tick.Disabled", "true", true)]
    [InlineData("AzureWebJobs.Tick.Disabled", "1", true)]
    [InlineData("AzureWebJobs_Tick_Disabled", "1", true)]
    [InlineData("AzureWebJobs:Tick:Disabled", "True", true)]
    [InlineData("AzureWebJobs.Tick.Disabled", "false", false)]
    [InlineData("AzureWebJobs.Tock.Disabled", "true", false)]
    public async Task Timer_DisabledInSettings_DoesNotExist(string name, string value, bool isDisabled)
    {
        var builder = Builder(Yearly);
        builder.Configuration[name] = value;
        await using var worker = await RunningWorker.StartAsync(builder);

        var answer = await worker.Client.PostAsync(
            new Uri("/admin/functions/Tick", UriKind.Relative), null, TestContext.Current.CancellationToken);

        Assert.Equal(isDisabled ? HttpStatusCode.NotFound : HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal(isDisabled ? 0 : 1, ticks.Count);
    }

    [Fact] // TimerTriggerAttribute.RunOnStartup
    public async Task RunOnStartup_Set_RunsBeforeTheSlot()
    {
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly, typeof(StartupTimer)));

        Assert.False((await ticks.NextAsync()).IsPastDue);
    }

    [Fact] // FunctionsController.Invoke: Accepted()
    public async Task AdminEndpoint_TimerByName_RunsItAndAnswers202()
    {
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly));

        var answer = await PostAsync(worker, "tick");

        Assert.Equal(HttpStatusCode.Accepted, answer);
        Assert.Equal(1, ticks.Count);
    }

    [Fact] // FunctionsController.Invoke: NotFound()
    public async Task AdminEndpoint_UnknownName_Answers404()
    {
        await using var worker = await RunningWorker.StartAsync(Builder(Yearly));

        Assert.Equal(HttpStatusCode.NotFound, await PostAsync(worker, "Nothing"));
    }

    [Fact] // in the Functions host, FunctionsController requires an admin key; here the application's middleware authorizes callers
    public async Task AdminEndpoint_MiddlewareAnswers_FunctionIsNotRun()
    {
        var builder = Builder(Yearly);
        builder.UseMiddleware<RefuseEveryone>();
        await using var worker = await RunningWorker.StartAsync(builder);

        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(worker, "Tick"));
        Assert.Equal(0, ticks.Count);
    }

    [Fact] // INameResolver: '%X%' does not resolve to a value
    public void Schedule_SettingMissing_RefusesToStart()
    {
        var message = RunningWorker.Refusal(Builder(null));

        Assert.Contains("Function Tick", message, StringComparison.Ordinal);
        Assert.Contains("TICK_SCHEDULE=0 0 3 * * *", message, StringComparison.Ordinal);
    }

    [Theory] // TimerSchedule.Create: "was not recognized as a valid cron expression"
    [InlineData("every day")]
    [InlineData("61 * * * * *")]
    public void Schedule_NotCron_RefusesToStart(string text) =>
        Assert.Contains($"'{text}'", RunningWorker.Refusal(Builder(text)), StringComparison.Ordinal);

    [Fact]
    public void Timer_WithoutDatabase_RefusesToStart()
    {
        var builder = RunningWorker.Builder(typeof(Timer));
        builder.Configuration["TICK_SCHEDULE"] = Yearly;

        Assert.Contains("NpgsqlDataSource", RunningWorker.Refusal(builder), StringComparison.Ordinal);
    }

    [Theory] // CronSchedule.TryCreate
    [InlineData("*/5 * * * * *", "2026-11-23T10:00:05Z", true)]
    [InlineData("0,30 * * * * *", "2026-11-23T10:00:30Z", true)]
    [InlineData("0 * * * * *", "2026-11-23T10:01:00Z", false)]
    [InlineData("0 0 3 * * *", "2026-11-24T03:00:00Z", false)]
    [InlineData("0 3 * * *", "2026-11-24T03:00:00Z", false)]
    [InlineData("0 30 9 * * Mon-Fri", "2026-11-24T09:30:00Z", false)]
    public void Schedule_CronText_NextSlotAndMonitoring(string text, string next, bool subMinute)
    {
        var schedule = Schedule.TryParse(text)!;
        var now = new DateTime(2026, 11, 23, 10, 0, 0, DateTimeKind.Utc);

        Assert.Equal(DateTime.Parse(next, null, System.Globalization.DateTimeStyles.AdjustToUniversal), schedule.Next(now));
        Assert.Equal(subMinute, schedule.IsSubMinute);
    }

    private static async Task<HttpStatusCode> PostAsync(RunningWorker worker, string function) =>
        (await worker.Client.PostAsync($"/admin/functions/{function}", null, TestContext.Current.CancellationToken)).StatusCode;

    private StandaloneApplicationBuilder Builder(string? schedule, Type? function = null)
    {
        var builder = RunningWorker.Builder(function ?? typeof(Timer));
        builder.Configuration["TICK_SCHEDULE"] = schedule;
        builder.Services.AddSingleton(database.Source);
        builder.Services.AddSingleton(ticks);
        return builder;
    }

    public sealed class Ticks
    {
        private readonly Channel<TimerInfo> runs = Channel.CreateUnbounded<TimerInfo>();
        private int count;

        public Func<CancellationToken, Task> Body { get; set; } = _ => Task.CompletedTask;

        public int Count => count;

        public async Task RunAsync(TimerInfo timer, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref count);
            runs.Writer.TryWrite(timer);
            await Body(cancellationToken);
        }

        public async Task<TimerInfo> NextAsync() => await runs.Reader.ReadAsync(TestContext.Current.CancellationToken);
    }

    public sealed class Timer(Ticks ticks)
    {
        [Function("Tick")]
        public Task Run([TimerTrigger("%TICK_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
            ticks.RunAsync(timer, cancellationToken);
    }

    public sealed class StartupTimer(Ticks ticks)
    {
        [Function("Tick")]
        public Task Run([TimerTrigger("%TICK_SCHEDULE%", RunOnStartup = true)] TimerInfo timer, CancellationToken cancellationToken) =>
            ticks.RunAsync(timer, cancellationToken);
    }

    public sealed class RefuseEveryone : IFunctionsWorkerMiddleware
    {
        public Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            if (context.GetHttpContext() is not { } http)
                return next(context);
            return Results.StatusCode(StatusCodes.Status403Forbidden).ExecuteAsync(http);
        }
    }
}
