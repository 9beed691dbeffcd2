using System.Reflection;
using LicenseFunctions.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Configuration;
using NCrontab;

namespace LicenseFunctions.Operations;

/// <summary>How often each timer function is meant to run.</summary>
public sealed class TimerSchedules(IConfiguration configuration, TimeProvider time)
{
    // Enough for a schedule with a gap in it (working hours, a weekend) to show its longest one.
    private const int Slots = 400;

    private readonly Lazy<SortedDictionary<string, CrontabSchedule>> schedules = new(() => new(
        FunctionRule.Functions()
            .SelectMany(function => function.Method.GetParameters()
                .Select(parameter => parameter.GetCustomAttribute<TimerTriggerAttribute>())
                .OfType<TimerTriggerAttribute>()
                .Select(trigger => (function.Name, trigger.Schedule)))
            .ToDictionary(timer => timer.Name, timer => Parse(timer.Schedule, configuration)),
        StringComparer.Ordinal));

    private IReadOnlyDictionary<string, TimeSpan>? intervals;

    /// <summary>All timer functions, in the order of their names.</summary>
    public IReadOnlyCollection<string> Names => schedules.Value.Keys;

    /// <summary>The longest time between two slots, by function.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Intervals =>
        intervals ??= schedules.Value.ToDictionary(timer => timer.Key, timer => Longest(timer.Value));

    public bool Has(string name) => schedules.Value.ContainsKey(name);

    /// <summary>The next slot of a function.</summary>
    public DateTime NextOf(string name) => schedules.Value[name].GetNextOccurrence(time.GetUtcNow().UtcDateTime);

    private TimeSpan Longest(CrontabSchedule schedule)
    {
        var slots = schedule.GetNextOccurrences(time.GetUtcNow().UtcDateTime, DateTime.MaxValue).Take(Slots).ToList();
        return slots.Zip(slots.Skip(1), (slot, next) => next - slot).Max();
    }

    private static CrontabSchedule Parse(string schedule, IConfiguration configuration)
    {
        var cron = !schedule.StartsWith('%')
            ? schedule
            : configuration[schedule.Trim('%')] ?? throw new InvalidOperationException($"Setting {schedule.Trim('%')} is missing");
        return CrontabSchedule.Parse(cron, new CrontabSchedule.ParseOptions { IncludingSeconds = true });
    }
}
