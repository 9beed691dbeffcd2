using System.Net;
using LicenseFunctions.Infrastructure.Http;

namespace LicenseFunctions.Operations;

/// <param name="ClientAddress">The caller's address as this process sees it, so that a deployment can be checked.</param>
/// <param name="AddressWarning">What is wrong with the addresses that this process sees; null where nothing is.</param>
public sealed record SystemState(
    WaitingWork Waiting, QueueState Queue, IReadOnlyList<TimerState> Timers, string? ClientAddress, string? AddressWarning);

/// <summary>How the backend's own work goes: every timer, those that never ran too, and what waits.</summary>
public sealed class ShowSystem(SystemStore store, CountMessages queue, TimerSchedules schedules, AddressWatch addresses)
{
    public async Task<SystemState> RunAsync(IPAddress? caller, CancellationToken cancellationToken)
    {
        var counting = queue.RunAsync(cancellationToken);
        var recorded = (await store.TimersAsync(cancellationToken)).ToDictionary(timer => timer.TimerName);
        return new SystemState(
            await store.WaitingAsync(cancellationToken),
            await counting,
            [.. schedules.Names.Select(name =>
            {
                var timer = recorded.GetValueOrDefault(name) ?? new TimerState { TimerName = name };
                // Under the Functions host no next slot is recorded.
                return timer with { NextDueAt = timer.NextDueAt ?? schedules.NextOf(name) };
            })],
            caller?.ToString(),
            addresses.Warning);
    }
}
