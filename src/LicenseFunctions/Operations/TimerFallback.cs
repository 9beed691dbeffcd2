using System.Reflection;
using System.Threading.Channels;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>
/// Does the work of timers that have been silent for three of their intervals, because on some plans of the Functions host timers stop
/// after a deployment (github.com/Azure/azure-functions-host/issues/11828). After a request or a queue batch it runs one timer's function
/// for a slice of two seconds, in the background pool. The function uses the same claims as in its own run, so it may run simultaneously.
/// </summary>
public sealed class TimerFallback(
    TimerFallbackStore store, TimerSchedules schedules, TimerFallbackSettings settings, DatabaseClock clock, IServiceProvider services,
    ILogger<TimerFallback> log)
    : BackgroundService
{
    public static readonly TimeSpan Slice = TimeSpan.FromSeconds(2);

    /// <summary>The time between two searches while no timer is due.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>functionTimeout of host.json plus a margin.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(11);

    // Capacity 1: all requests that arrive while a slice runs cause one further slice, not one each.
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly HashSet<string> told = [];

    /// <summary>Asks for a slice, and doesn't wait for it.</summary>
    public void Wake() => wakes.Writer.TryWrite(true);

    /// <summary>Runs one slice, if a timer is silent.</summary>
    /// <returns>The timer; null if none was due.</returns>
    public async Task<string?> RunAsync(CancellationToken cancellationToken)
    {
        if (clock.IsMachineWrong)
            return null;
        var timers = schedules.Intervals.Where(timer => settings.StandsInFor(timer.Key)).ToDictionary();
        if (await store.ClaimAsync(timers, LongestRun, pause: Slice, cancellationToken) is not { } name)
            return null;
        if (told.Add(name))
            log.LogWarning("Timer {Timer} has been silent for three of its intervals; its work is done after requests", name);
        var slice = TimeSlice.Begin(clock, Slice);
        try
        {
            await InvokeAsync(schedules.MethodOf(name), cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogError(failure, "The work of the silent timer {Timer} failed; it is tried again after one of its intervals", name);
        }

        if (slice.WasCut)
            await store.LeaveAsync(name, cancellationToken);
        return name;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await wakes.Reader.WaitToReadAsync(stoppingToken))
            {
                _ = wakes.Reader.TryRead(out _);
                if (await TryRunAsync(stoppingToken) is null)
                    await Task.Delay(Pause, clock, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    private async Task<string?> TryRunAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(cancellationToken);
        }
#pragma warning disable CA1031 // The database may be unavailable; a later request tries again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogWarning(failure, "The silent timers could not be read; a later request tries again");
            return null;
        }
    }

    private async Task InvokeAsync(MethodInfo function, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var instance = ActivatorUtilities.GetServiceOrCreateInstance(scope.ServiceProvider, function.DeclaringType!);
        await (Task)function.Invoke(instance, [new TimerInfo { IsPastDue = true }, cancellationToken])!;
    }
}

/// <summary>Wakes the <see cref="TimerFallback"/> after queue batches and answers, but never after those of checks and webhooks.</summary>
public sealed class WakeTimerFallback(TimerFallback fallback, TimerSchedules schedules, FunctionRules rules) : IFunctionsWorkerMiddleware
{
    private const string Webhook = "ReceiveStripeEvent";

    public static bool IsWokenBy(string function, FunctionRule? rule) => function != Webhook && rule is { Pool: not DatabasePool.Checks };

    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        var name = context.FunctionDefinition.Name;
        if (context.GetHttpContext() is not { } http)
        {
            await next(context);
            if (!schedules.Has(name))
                fallback.Wake();
            return;
        }

        if (IsWokenBy(name, rules.Find(name)))
        {
            http.Response.OnCompleted(() =>
            {
                fallback.Wake();
                return Task.CompletedTask;
            });
        }

        await next(context);
    }
}
