using NCrontab;

namespace StandaloneHost;

/// <summary>
/// The slots of a timer, in UTC. An expression of five fields begins with minutes, one of six with seconds, as in the host's CronSchedule.
/// </summary>
internal sealed class Schedule
{
    /// <summary>A schedule with a longer time between two slots is a mistake, such as 30 February.</summary>
    private static readonly TimeSpan LongestInterval = TimeSpan.FromDays(400);

    private readonly CrontabSchedule cron;

    private Schedule(CrontabSchedule cron) => this.cron = cron;

    /// <summary>
    /// Whether there is more than one slot per minute. Missed slots of such a schedule are not run later
    /// (TimerSchedule.ShouldDisableScheduleMonitor).
    /// </summary>
    public bool IsSubMinute
    {
        get
        {
            var first = Next(DateTime.UnixEpoch);
            return Next(first) - first < TimeSpan.FromMinutes(1);
        }
    }

    /// <returns>Null if the text is not a cron expression, or has no slot within 400 days, or none within 400 days after it.</returns>
    public static Schedule? TryParse(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        var options = new CrontabSchedule.ParseOptions { IncludingSeconds = fields != 5 };
        return CrontabSchedule.TryParse(text, options) is { } cron && Recurs(cron) ? new Schedule(cron) : null;
    }

    private static bool Recurs(CrontabSchedule cron)
    {
        var slot = TimeProvider.System.GetUtcNow().UtcDateTime;
        for (var run = 0; run < 2; run++)
        {
            var end = slot + LongestInterval;
            slot = cron.GetNextOccurrence(slot, end);
            if (slot >= end)
                return false;
        }

        return true;
    }

    /// <summary>The first slot after an instant.</summary>
    public DateTime Next(DateTime after) => DateTime.SpecifyKind(cron.GetNextOccurrence(after), DateTimeKind.Utc);

    /// <summary>Whether an instant is a slot. If this is false for a stored slot, the slot belongs to an earlier schedule.</summary>
    public bool Contains(DateTime instant) => Next(instant.AddSeconds(-1)) == instant;
}
