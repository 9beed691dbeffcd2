using System.Reflection;
using System.Text.Json;
using System.Threading.Channels;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Telemetry;
using LicenseFunctions.Infrastructure.Timers;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Operations;

/// <summary>
/// Does the work of timers that have missed three slots, because on some plans of the Functions host timers stop after a deployment
/// (github.com/Azure/azure-functions-host/issues/11828). After a request or a queue batch, it runs the functions of such timers one after
/// another for two seconds each, with the connections of background work. A function uses the same claims as in the timer's own run, so
/// both may run simultaneously.
/// </summary>
public sealed class TimerFallback(
    TimerFallbackStore store, TimerSchedules schedules, TimerFallbackSettings settings, DatabaseClock clock, IServiceProvider services,
    ILogger<TimerFallback> log)
    : BackgroundService
{
    public static readonly TimeSpan Slice = TimeSpan.FromSeconds(2);

    /// <summary>The time between two searches while no timer is due.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>The time from a slice that left work to the next one of the same timer.</summary>
    private static readonly TimeSpan PauseOfTimer = TimeSpan.FromSeconds(10);

    /// <summary>So many searches follow a request while slices leave work; then the next request continues.</summary>
    private const int MostSearches = 6;

    /// <summary>functionTimeout of host.json plus a margin.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(11);

    // Capacity 1: all requests that arrive while slices run cause one further search, not one each.
    private readonly Channel<bool> wakes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly LogPace pace = new(clock);
    private readonly HashSet<string> silent = [];

    /// <summary>Asks for slices, and doesn't wait for them.</summary>
    public void Wake()
    {
        if (settings.IsOn)
            wakes.Writer.TryWrite(true);
    }

    /// <summary>Whether a timer has missed three slots since it last ran.</summary>
    public static bool IsSilent(TimerActivity timer, Func<DateTime, int, DateTime> slotAfter) =>
        !timer.IsRunning && slotAfter(timer.ActiveAt, 3) <= timer.Now;

    /// <summary>Whether the next slice of a silent timer is due: at its next slot, or soon if the last slice left work.</summary>
    public static bool IsDue(TimerActivity timer, Func<DateTime, int, DateTime> slotAfter) => timer.FallbackAt is not { } last
        || (timer.FallbackIsDone ? slotAfter(last, 1) : last + PauseOfTimer) <= timer.Now;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await wakes.Reader.WaitToReadAsync(stoppingToken))
            {
                _ = wakes.Reader.TryRead(out _);
                for (var search = 1; await TryRunAsync(stoppingToken) && search < MostSearches; search++)
                    await Task.Delay(PauseOfTimer, clock, stoppingToken);
                await Task.Delay(Pause, clock, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    /// <returns>Whether a slice left work.</returns>
    private async Task<bool> TryRunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var isLeft = false;
            foreach (var timer in await DueAsync(cancellationToken))
            {
                if (await store.ClaimAsync(timer, cancellationToken))
                    isLeft |= !await RunAsync(timer, cancellationToken);
            }

            return isLeft;
        }
#pragma warning disable CA1031 // The database may be unavailable; a later request asks again.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            if (pace.Admits("search", out var leftOut))
                log.LogWarning(failure, "Silent timers could not be found; {LeftOut} more searches failed before", leftOut);
            return false;
        }
    }

    private async Task<IReadOnlyList<TimerActivity>> DueAsync(CancellationToken cancellationToken)
    {
        var asked = clock.GetTimestamp();
        var timers = (await store.ReadAsync(LongestRun, cancellationToken)).Where(timer => schedules.Has(timer.TimerName)).ToList();
        // The clock may be unread or wrong since the last reading, and a slice suspends and charges by it.
        if (timers is [{ Now: var now }, ..])
            clock.Read(new DateTimeOffset(now, TimeSpan.Zero), asked, clock.GetTimestamp());
        if (timers.Count < schedules.Names.Count)
            await store.AddAsync([.. schedules.Names], cancellationToken);
        if (clock.Warning is not null)
            return [];

        var found = timers
            .Where(timer => settings.Replaces(timer.TimerName) && !schedules.IsDisabled(timer.TimerName)
                && IsSilent(timer, (at, which) => schedules.SlotAfter(timer.TimerName, at, which)))
            .ToList();
        foreach (var name in found.Select(timer => timer.TimerName).Where(name => !silent.Contains(name)))
            log.LogWarning("Timer {Timer} has missed three slots; its work is done after requests", name);
        silent.Clear();
        silent.UnionWith(found.Select(timer => timer.TimerName));
        return [.. found.Where(timer => IsDue(timer, (at, which) => schedules.SlotAfter(timer.TimerName, at, which)))];
    }

    /// <returns>Whether no work is left.</returns>
    private async Task<bool> RunAsync(TimerActivity timer, CancellationToken cancellationToken)
    {
        var slice = TimeSlice.Begin(clock, Slice);
        string? counts = null, error = null;
        try
        {
            if (await InvokeAsync(schedules.MethodOf(timer.TimerName), cancellationToken) is { } result)
                counts = JsonSerializer.Serialize(result, Json.Options);
        }
#pragma warning disable CA1031 // The work of the other timers goes on.
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
        {
            log.LogError(failure, "The work of the silent timer {Timer} failed; it is tried again at its next slot", timer.TimerName);
            error = $"{failure.GetType().Name}: {failure.Message}";
        }

        await store.FinishAsync(timer, !slice.WasCut, counts, error, cancellationToken);
        return !slice.WasCut;
    }

    private async Task<object?> InvokeAsync(MethodInfo function, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var instance = ActivatorUtilities.GetServiceOrCreateInstance(scope.ServiceProvider, function.DeclaringType!);
        var run = (Task)function.Invoke(instance, [new TimerInfo { IsPastDue = true }, cancellationToken])!;
        await run;
        return run.GetType().GetProperty(nameof(Task<object>.Result))!.GetValue(run);
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
