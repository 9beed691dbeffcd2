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

    /// <summary>The longest time between two slots, by function.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Intervals { get; } = FunctionRule.Functions()
        .SelectMany(function => function.Method.GetParameters()
            .Select(parameter => parameter.GetCustomAttribute<TimerTriggerAttribute>())
            .OfType<TimerTriggerAttribute>()
            .Select(trigger => (function.Name, Interval: Longest(trigger.Schedule, configuration, time))))
        .OrderBy(timer => timer.Name, StringComparer.Ordinal)
        .ToDictionary(timer => timer.Name, timer => timer.Interval);

    private static TimeSpan Longest(string schedule, IConfiguration configuration, TimeProvider time)
    {
        var cron = !schedule.StartsWith('%')
            ? schedule
            : configuration[schedule.Trim('%')] ?? throw new InvalidOperationException($"Setting {schedule.Trim('%')} is missing");
        var parsed = CrontabSchedule.Parse(cron, new CrontabSchedule.ParseOptions { IncludingSeconds = true });
        var now = time.GetUtcNow().UtcDateTime;
        var slots = parsed.GetNextOccurrences(now, DateTime.MaxValue).Take(Slots).ToList();
        return slots.Zip(slots.Skip(1), (slot, next) => next - slot).Max();
    }
}
