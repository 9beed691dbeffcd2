using System.Reflection;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Azure.Functions.Worker;
using NCrontab;

namespace LicenseFunctions.Operations;

/// <summary>How often each timer function is meant to run.</summary>
public sealed class TimerSchedules
{
    // Enough for a schedule with a gap in it (working hours, a weekend) to show its longest one.
    private const int Slots = 400;

    private readonly SortedDictionary<string, CrontabSchedule> schedules;
    private readonly TimeProvider time;
    private readonly Lazy<IReadOnlyDictionary<string, TimeSpan>> intervals;

    private TimerSchedules(SortedDictionary<string, CrontabSchedule> schedules, TimeProvider time)
    {
        (this.schedules, this.time) = (schedules, time);
        intervals = new(() => schedules.ToDictionary(timer => timer.Key, timer => Longest(timer.Value)));
    }

    /// <summary>All timer functions, in the order of their names.</summary>
    public IReadOnlyCollection<string> Names => schedules.Keys;

    /// <summary>The longest time between two slots, by function.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Intervals => intervals.Value;

    /// <summary>
    /// Reads the schedule of every timer function. A Functions host reads the same settings itself, and a missing one disables the function
    /// without any message here. A missing setting therefore stops the start.
    /// </summary>
    public static TimerSchedules Read(SettingReader settings, TimeProvider time) => new(
        new(FunctionRule.Functions()
            .SelectMany(function => function.Method.GetParameters()
                .Select(parameter => parameter.GetCustomAttribute<TimerTriggerAttribute>())
                .OfType<TimerTriggerAttribute>()
                .Select(trigger => (function.Name, Schedule: settings.Schedule(trigger.Schedule.Trim('%')))))
            .ToDictionary(timer => timer.Name, timer => timer.Schedule), StringComparer.Ordinal), time);

    public bool Has(string name) => schedules.ContainsKey(name);

    /// <summary>The next slot of a function.</summary>
    public DateTime NextOf(string name) => schedules[name].GetNextOccurrence(time.GetUtcNow().UtcDateTime);

    private TimeSpan Longest(CrontabSchedule schedule)
    {
        var slots = schedule.GetNextOccurrences(time.GetUtcNow().UtcDateTime, DateTime.MaxValue).Take(Slots).ToList();
        return slots.Zip(slots.Skip(1), (slot, next) => next - slot).Max();
    }
}
