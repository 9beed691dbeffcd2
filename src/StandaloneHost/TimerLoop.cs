using System.Threading.Channels;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace StandaloneHost;

/// <summary>
/// Runs one timer function at its slots, as the host's TimerListener does, in one process at a time. Missed slots lead to one past-due run.
/// An exception is logged; the next run is at the next slot. A run that was interrupted (stop, kill, lost lease) leaves its slot due, and
/// the next process that claims it runs it.
/// </summary>
internal sealed class TimerLoop(
    WorkerFunction function, Schedule schedule, FunctionExecutionDelegate pipeline, TimerLeases leases, IServiceProvider services,
    TimerPause? pause, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan PauseLength = TimeSpan.FromSeconds(10);

    private readonly TimerTriggerAttribute trigger = (TimerTriggerAttribute)function.Trigger;
    private readonly bool monitored = ((TimerTriggerAttribute)function.Trigger).UseMonitor && !schedule.IsSubMinute;
    private readonly Channel<TaskCompletionSource> requests = Channel.CreateUnbounded<TaskCompletionSource>();
    private readonly string name = function.Name;

    public WorkerFunction Function => function;

    /// <summary>Runs the function once, as soon as no other process runs it, even if no slot is due. Ends after the run.</summary>
    public async Task RunNowAsync(CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await requests.Writer.WriteAsync(done, cancellationToken);
        await done.Task.WaitAsync(cancellationToken);
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var asked = new List<TaskCompletionSource>();
        DateTime? startedAt = null;
        var startup = trigger.RunOnStartup;
        var failures = 0;
        var isPaused = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                while (requests.Reader.TryRead(out var request))
                    asked.Add(request);
                var state = await leases.ReadAsync(name, stop);
                var due = await DueAsync(state, startedAt is null, stop);
                startedAt ??= state.Now;

                var atOnce = asked.Count > 0 || startup;
                var wait = Later(due, state.LeaseUntil) - state.Now;
                if (!atOnce && wait > TimeSpan.Zero)
                {
                    await SleepAsync(wait, stop);
                }
                else if (pause?.Reason() is { } reason)
                {
                    if (!isPaused)
                        logger.LogWarning("Timer {Function} claims no slot: {Reason}", name, reason);
                    isPaused = true;
                    await SleepAsync(PauseLength, stop);
                }
                else if (await leases.ClaimAsync(name, atOnce, stop) is not { } claim)
                {
                    // Another process has the lease; only a requested run retries.
                    if (atOnce)
                        await SleepAsync(TimeSpan.FromMilliseconds(250), stop);
                }
                else
                {
                    startup = false;
                    isPaused = false;
                    await RunOnceAsync(claim, due, due < startedAt, state.LastStartedAt, stop);
                    asked.ForEach(request => request.TrySetResult());
                    asked.Clear();
                }

                failures = 0;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                // The database can't be reached: the slot stays due and is run when the database is available again.
                if (failures++ == 0)
                    logger.LogError(failure, "Timer {Function} can't read or write its lease in the database; it retries", name);
                await SleepAsync(TimeSpan.FromSeconds(Math.Min(30, failures)), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        asked.ForEach(request => request.TrySetCanceled(stop));
    }

    /// <summary>
    /// The next slot. At the start, the recorded slot is used if it belongs to this schedule, even if it was missed. A slot of an earlier
    /// schedule is dropped. A missed slot is dropped, too, if the timer has no monitor (ScheduleMonitor.CheckPastDueAsync).
    /// </summary>
    private async Task<DateTime> DueAsync(TimerLease state, bool starting, CancellationToken stop)
    {
        var next = schedule.Next(state.Now);
        var due = state.NextDueAt switch
        {
            null => next,
            { } recorded when !starting => recorded,
            { } recorded when !schedule.Contains(recorded) || recorded > next => next,
            { } recorded when !monitored && recorded <= state.Now => next,
            { } recorded => recorded,
        };
        if (due != state.NextDueAt)
            await leases.ScheduleAsync(name, state.NextDueAt, due, stop);
        return due;
    }

    private async Task RunOnceAsync(TimerClaim claim, DateTime due, bool pastDue, DateTime? last, CancellationToken stop)
    {
        using var running = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var renewing = RenewAsync(claim.Fence, running);
        var interrupted = !await InvokeAsync(new TimerInfo
        {
            IsPastDue = pastDue,
            ScheduleStatus = !monitored ? null : new() { Last = last ?? default, Next = due, LastUpdated = last ?? default },
        }, running.Token);
        await running.CancelAsync();
        await renewing;

        // The slot stays due after a requested run before the slot, and after an interrupted run.
        DateTime? next = due <= claim.At && !interrupted ? schedule.Next(claim.At) : null;
        // Not canceled by the stop: the lease is released in the time that is left before the process ends.
        await leases.FinishAsync(name, claim.Fence, next, CancellationToken.None);
    }

    /// <returns>False if the run was interrupted.</returns>
    private async Task<bool> InvokeAsync(TimerInfo timer, CancellationToken cancellationToken)
    {
        try
        {
            await using var scope = services.CreateAsyncScope();
            await pipeline(new Invocation(function, null, scope.ServiceProvider, timer, cancellationToken));
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            logger.LogWarning("Timer {Function} was interrupted; a due slot stays due", name);
            return false;
        }
        catch (Exception failure)
        {
            logger.LogError(failure, "Timer {Function} failed", name);
        }

        return true;
    }

    private async Task RenewAsync(long fence, CancellationTokenSource running)
    {
        var held = time.GetTimestamp();
        using var third = new PeriodicTimer(TimerLeases.Lease / 3, time);
        try
        {
            while (await third.WaitForNextTickAsync(running.Token))
            {
                try
                {
                    if (!await leases.RenewAsync(name, fence, running.Token))
                        break;
                    held = time.GetTimestamp();
                }
                catch (Exception unreachable)
                    when (unreachable is not OperationCanceledException && time.GetElapsedTime(held) < TimerLeases.Lease / 3 * 2)
                {
                    // The next try comes before the lease expires.
                }
            }

            logger.LogWarning("Timer {Function} has lost its lease; the run is canceled", name);
            await running.CancelAsync();
        }
        catch (OperationCanceledException) when (running.IsCancellationRequested)
        {
            // The run has ended.
        }
        catch (Exception unreachable)
        {
            logger.LogError(unreachable, "Timer {Function} can't renew its lease; the run is canceled", name);
            await running.CancelAsync();
        }
    }

    /// <summary>Waits until a run is requested, but for at most one hour, so that a change of the clock takes effect.</summary>
    private async Task SleepAsync(TimeSpan wait, CancellationToken stop)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var longest = TimeSpan.FromHours(1);
        await Task.WhenAny(
            Task.Delay(wait < longest ? wait : longest, time, enough.Token),
            requests.Reader.WaitToReadAsync(enough.Token).AsTask());
        await enough.CancelAsync();
        stop.ThrowIfCancellationRequested();
    }

    private static DateTime Later(DateTime due, DateTime? leaseUntil) => leaseUntil > due ? leaseUntil.Value : due;
}
