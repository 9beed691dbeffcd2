using System.Text.Json;
using LicenseFunctions.Infrastructure.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;
using StandaloneHost;

namespace LicenseFunctions.Operations;

/// <summary>
/// Records how each timer's runs go, whatever host runs it: the Functions host keeps its timers' status where neither an operator's
/// page nor an alert rule can see it. A run is never stopped because it can't be recorded.
/// </summary>
public sealed class RecordTimerRun(SystemStore store, TimerSchedules schedules, ILogger<RecordTimerRun> log) : IFunctionsWorkerMiddleware
{
    public Task Invoke(FunctionContext context, FunctionExecutionDelegate next) =>
        // A timer with a request is an operator's call for a run, which comes here again as the run itself.
        context.GetHttpContext() is null && schedules.Has(context.FunctionDefinition.Name) ? RunAsync(context, next) : next(context);

    private async Task RunAsync(FunctionContext context, FunctionExecutionDelegate next)
    {
        var timer = context.FunctionDefinition.Name;
        var run = await RecordAsync(timer, () => store.StartTimerAsync(timer, context.CancellationToken));
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

    // Without the run's token: its outcome is worth the moment that is left.
    private Task<DateTime?> FinishAsync(string timer, DateTime? startedAt, string status, string? counts, string? error) =>
        RecordAsync(timer, () => store.FinishTimerAsync(timer, startedAt, status, counts, error, CancellationToken.None));

    private async Task<DateTime?> RecordAsync(string timer, Func<Task<DateTime>> record)
    {
        try
        {
            return await record();
        }
#pragma warning disable CA1031 // The database may be away; the run finds that out for itself.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "The run of timer {Timer} could not be recorded", timer);
            return null;
        }
    }
}
