using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using Licensing.Troubles;

namespace LicenseFunctions.Operations;

/// <param name="ClientAddress">The caller's IP address as this process sees it, so that operators can check a deployment.</param>
/// <param name="SkippedRows">Rows that sweeps have left out in the last two hours, at most 50.</param>
/// <param name="AddressWarning">A warning if the client addresses that this process sees are probably wrong; else null.</param>
/// <param name="ClockWarning">A warning if the clock of this process is wrong; else null.</param>
public sealed record SystemState(
    WaitingWork Waiting, QueueState Queue, IReadOnlyList<TimerState> Timers, IReadOnlyList<SkippedRow> SkippedRows,
    UsageLogState UsageLog, string? ClientAddress, string? AddressWarning, string? ClockWarning)
{
    /// <summary>Troubles that are open, at most 50.</summary>
    public required IReadOnlyList<OpenTrouble> Troubles { get; init; }
}

/// <summary>Shows the state of the backend: all timers, also those that have never run, and waiting work.</summary>
public sealed class ShowSystem(
    SystemStore store, CountMessages queue, TimerSchedules schedules, TroubleSettings troubles, AddressWatch addresses, DatabaseClock clock,
    TimeProvider time)
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
                return timer with
                {
                    // The Functions host doesn't record the next slot.
                    NextDueAt = timer.NextDueAt ?? schedules.NextOf(name),
                    LateSince = LateSince(timer),
                    IsDisabled = schedules.IsDisabled(name),
                };
            })],
            await store.SkippedAsync(cancellationToken),
            await store.UsageLogAsync(cancellationToken),
            caller?.ToString(),
            addresses.Warning,
            clock.Warning)
        {
            Troubles = await store.TroublesAsync(cancellationToken),
        };
    }

    private DateTime? LateSince(TimerState timer) =>
        !schedules.IsDisabled(timer.TimerName) && (timer.LastSucceededAt ?? timer.KnownSince) is { } last
            ? new TimerFact(timer.TimerName, new DateTimeOffset(last, TimeSpan.Zero), schedules.Intervals[timer.TimerName])
                .LateSince(troubles.Policy, time.GetUtcNow())?.UtcDateTime
            : null;
}
