using LicenseFunctions.Database;

namespace LicenseFunctions.Operations;

public sealed record SystemState(WaitingWork Waiting, IReadOnlyList<TimerState> Timers);

/// <summary>How the backend's own work goes: every timer, those that never ran too, and what waits.</summary>
public sealed class ShowSystem(SystemStore store, TimerSchedules schedules)
{
    public async Task<SystemState> RunAsync(CancellationToken cancellationToken)
    {
        var recorded = (await store.TimersAsync(cancellationToken)).ToDictionary(timer => timer.TimerName);
        return new SystemState(
            await store.WaitingAsync(cancellationToken),
            [.. schedules.Names.Select(name =>
            {
                var timer = recorded.GetValueOrDefault(name) ?? new TimerState { TimerName = name };
                // Under the Functions host no next slot is recorded.
                return timer with { NextDueAt = timer.NextDueAt ?? schedules.NextOf(name) };
            })]);
    }
}
