using System.Text.Json;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;
using StandaloneHost;

namespace LicenseFunctions.Operations;

/// <summary>
/// Records each run of a timer, also under the Functions host: that host stores the status of timers where neither the operators' page nor
/// an alert rule can read it. A failure to record a run does not stop the run.
/// </summary>
public sealed class RecordTimerRun(SystemStore store, TimerSchedules schedules, DatabaseClock clock, ILogger<RecordTimerRun> log)
    : IFunctionsWorkerMiddleware
{
    public Task Invoke(FunctionContext context, FunctionExecutionDelegate next) =>
        // A timer with an HTTP context is an operator's request for a run. The run itself follows without one.
        context.GetHttpContext() is null && schedules.Has(context.FunctionDefinition.Name) ? RunAsync(context, next) : next(context);

    private async Task RunAsync(FunctionContext context, FunctionExecutionDelegate next)
    {
        var timer = context.FunctionDefinition.Name;
        // Not recorded, so that the timer counts as silent and another process does its work.
        if (clock.IsMachineWrong)
            throw new InvalidOperationException(clock.Warning);

        var asked = clock.GetTimestamp();
        var run = await RecordAsync(timer, () => store.StartTimerAsync(timer, context.CancellationToken));
        // The start was recorded by the database's clock, so a machine's wrong clock is known before any work.
        if (run is { } startedAt)
            clock.Read(new DateTimeOffset(startedAt, TimeSpan.Zero), asked, clock.GetTimestamp());
        // Another process with a correct clock does the work. A run here could still use the machine's clock, for example in a library.
        if (clock.Warning is { } warning)
        {
            await FinishAsync(timer, run, "failed", null, warning);
            throw new InvalidOperationException(warning);
        }

        try
        {
            await next(context);
        }
        catch (Exception failure)
        {
            var status = context.CancellationToken.IsCancellationRequested ? "interrupted" : "failed";
            await FinishAsync(timer, run, status, null, $"{failure.GetType().Name}: {failure.Message}");
            throw;
        }

        var counts = ResultOf(context) is { } result ? JsonSerializer.Serialize(result, Json.Options) : null;
        await FinishAsync(timer, run, "succeeded", counts, null);
    }

    private static object? ResultOf(FunctionContext context) =>
        context.Items.TryGetValue(StandaloneApplication.ResultKey, out var result) ? result : context.GetInvocationResult().Value;

    // Not canceled with the run: the outcome is recorded in the time that is left before the process ends.
    private Task<DateTime?> FinishAsync(string timer, DateTime? startedAt, string status, string? counts, string? error) =>
        RecordAsync(timer, () => store.FinishTimerAsync(timer, startedAt, status, counts, error, CancellationToken.None));

    private async Task<DateTime?> RecordAsync(string timer, Func<Task<DateTime>> record)
    {
        try
        {
            return await record();
        }
#pragma warning disable CA1031 // The database may be unavailable; the run itself handles that.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "The run of timer {Timer} could not be recorded; the run itself continues", timer);
            return null;
        }
    }
}
