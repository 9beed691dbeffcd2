using System.Reflection;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Azure.Functions.Worker;
using NCrontab;

namespace LicenseFunctions.Operations;

/// <summary>The schedules of the timer functions.</summary>
public sealed class TimerSchedules
{
    // Enough slots to include the longest gap of a schedule with pauses, such as nights or weekends.
    private const int Slots = 400;

    private readonly SortedDictionary<string, (MethodInfo Method, CrontabSchedule Schedule)> schedules;
    private readonly TimeProvider time;
    private readonly Lazy<IReadOnlyDictionary<string, TimeSpan>> intervals;

    private TimerSchedules(SortedDictionary<string, (MethodInfo Method, CrontabSchedule Schedule)> schedules, TimeProvider time)
    {
        (this.schedules, this.time) = (schedules, time);
        intervals = new(() => schedules.ToDictionary(timer => timer.Key, timer => Longest(timer.Value.Schedule)));
    }

    /// <summary>Names of all timer functions, sorted.</summary>
    public IReadOnlyCollection<string> Names => schedules.Keys;

    /// <summary>The longest time between two consecutive slots of each function.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Intervals => intervals.Value;

    /// <summary>
    /// Reads the schedule of every timer function. The Functions host reads the same settings, but silently disables a function whose
    /// setting is missing. Therefore, the app doesn't start if a setting is missing.
    /// </summary>
    public static TimerSchedules Read(SettingReader settings, TimeProvider time) => new(
        new(FunctionRule.Functions()
            .SelectMany(function => function.Method.GetParameters()
                .Select(parameter => parameter.GetCustomAttribute<TimerTriggerAttribute>())
                .OfType<TimerTriggerAttribute>()
                .Select(trigger => (function.Name, function.Method, Schedule: settings.Schedule(trigger.Schedule.Trim('%')))))
            .ToDictionary(timer => timer.Name, timer => (timer.Method, timer.Schedule)), StringComparer.Ordinal), time);

    public bool Has(string name) => schedules.ContainsKey(name);

    /// <summary>The method of a timer function; its parameters are a TimerInfo and a CancellationToken.</summary>
    public MethodInfo MethodOf(string name) => schedules[name].Method;

    /// <summary>The next slot of a function.</summary>
    public DateTime NextOf(string name) => schedules[name].Schedule.GetNextOccurrence(time.GetUtcNow().UtcDateTime);

    private TimeSpan Longest(CrontabSchedule schedule)
    {
        var slots = schedule.GetNextOccurrences(time.GetUtcNow().UtcDateTime, DateTime.MaxValue).Take(Slots).ToList();
        return slots.Zip(slots.Skip(1), (slot, next) => next - slot).Max();
    }
}
