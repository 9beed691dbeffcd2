using NCrontab;

namespace StandaloneHost;

/// <summary>A timer's slots, in UTC. Five fields are minutes first, six are seconds first, as the host's CronSchedule reads them.</summary>
internal sealed class Schedule
{
    private readonly CrontabSchedule cron;

    private Schedule(CrontabSchedule cron) => this.cron = cron;

    /// <summary>
    /// Whether it ticks more than once a minute, so that missed slots aren't worth remembering
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

    /// <returns>Null where the text isn't cron text.</returns>
    public static Schedule? TryParse(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        var options = new CrontabSchedule.ParseOptions { IncludingSeconds = fields != 5 };
        return CrontabSchedule.TryParse(text, options) is { } cron ? new Schedule(cron) : null;
    }

    /// <summary>The first slot after an instant.</summary>
    public DateTime Next(DateTime after) => DateTime.SpecifyKind(cron.GetNextOccurrence(after), DateTimeKind.Utc);

    /// <summary>Whether an instant is a slot; a stored one that isn't was stored under another schedule.</summary>
    public bool Contains(DateTime instant) => Next(instant.AddSeconds(-1)) == instant;
}
