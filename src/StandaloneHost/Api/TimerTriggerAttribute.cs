using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Calls the function by a schedule, one runner at a time across all processes on one database.</summary>
/// <param name="schedule">Six-field cron text (seconds first, UTC), or <c>%NAME%</c>: the setting that holds it.</param>
public sealed class TimerTriggerAttribute(string schedule) : TriggerBindingAttribute
{
    /// <summary>The schedule as written, a <c>%NAME%</c> unresolved.</summary>
    public string Schedule { get; } = schedule;

    /// <summary>
    /// Whether missed slots are remembered and made up for by one past-due run; true by default. As on the host, a schedule that
    /// ticks more than once a minute is never monitored.
    /// </summary>
    public bool UseMonitor { get; set; } = true;

    /// <summary>Whether the function also runs at each start of a process.</summary>
    public bool RunOnStartup { get; set; }
}

/// <summary>What a timer function is told of its schedule.</summary>
public class TimerInfo
{
    /// <summary>The last and the next slot; null for an unmonitored timer.</summary>
    public ScheduleStatus? ScheduleStatus { get; set; }

    /// <summary>Whether this run makes up for a slot that was missed.</summary>
    public bool IsPastDue { get; set; }
}

/// <summary>A timer's slots, UTC.</summary>
public class ScheduleStatus
{
    /// <summary>The last slot that was run.</summary>
    public DateTime Last { get; set; }

    /// <summary>The next slot.</summary>
    public DateTime Next { get; set; }

    /// <summary>When this record was written.</summary>
    public DateTime LastUpdated { get; set; }
}
