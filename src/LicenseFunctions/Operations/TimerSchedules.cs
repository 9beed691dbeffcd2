using System.Reflection;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Infrastructure.Settings;
using Microsoft.Azure.Functions.Worker;
using NCrontab;
using StandaloneHost;

namespace LicenseFunctions.Operations;

/// <summary>The schedules of the timer functions.</summary>
public sealed class TimerSchedules
{
    // Enough slots to include the longest gap of a schedule with pauses, such as nights or weekends.
    private const int Slots = 400;

    private readonly SortedDictionary<string, Timer> timers;
    private readonly TimeProvider time;
    private readonly Lazy<IReadOnlyDictionary<string, TimeSpan>> intervals;

    private TimerSchedules(SortedDictionary<string, Timer> timers, TimeProvider time)
    {
        (this.timers, this.time) = (timers, time);
        intervals = new(() => timers.Where(timer => !timer.Value.IsDisabled)
            .ToDictionary(timer => timer.Key, timer => Longest(timer.Value.Schedule)));
    }

    private sealed record Timer(MethodInfo Method, CrontabSchedule Schedule, bool IsDisabled);

    /// <summary>Names of all timer functions, sorted.</summary>
    public IReadOnlyCollection<string> Names => timers.Keys;

    /// <summary>The longest time between two consecutive slots of each function that is not disabled.</summary>
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
                .Select(trigger => (function.Name, Timer: new Timer(
                    function.Method,
                    settings.Schedule(trigger.Schedule.Trim('%')),
                    DisabledFunctions.Contain(function.Name, settings.Optional)))))
            .ToDictionary(timer => timer.Name, timer => timer.Timer), StringComparer.Ordinal), time);

    /// <summary>The longest time between two consecutive slots of a function, also if the settings disable it.</summary>
    public TimeSpan IntervalOf(string name) => Longest(timers[name].Schedule);

    public bool Has(string name) => timers.ContainsKey(name);

    /// <summary>Whether the settings disable the function.</summary>
    public bool IsDisabled(string name) => timers[name].IsDisabled;

    /// <summary>The method of a timer function; its parameters are a TimerInfo and a CancellationToken.</summary>
    public MethodInfo MethodOf(string name) => timers[name].Method;

    /// <summary>The next slot of a function; null if the settings disable it.</summary>
    public DateTime? NextOf(string name) => IsDisabled(name) ? null : SlotAfter(name, time.GetUtcNow().UtcDateTime);

    /// <summary>A slot of a function after a time.</summary>
    /// <param name="which">1 for the first slot after it.</param>
    public DateTime SlotAfter(string name, DateTime at, int which = 1)
    {
        for (; which > 0; which--)
            at = timers[name].Schedule.GetNextOccurrence(at);
        return at;
    }

    private TimeSpan Longest(CrontabSchedule schedule)
    {
        var slots = schedule.GetNextOccurrences(time.GetUtcNow().UtcDateTime, DateTime.MaxValue).Take(Slots).ToList();
        return slots.Zip(slots.Skip(1), (slot, next) => next - slot).Max();
    }
}
