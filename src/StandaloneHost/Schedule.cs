using NCrontab;

namespace StandaloneHost;

/// <summary>
/// The slots of a timer, in UTC. An expression of five fields begins with minutes, one of six with seconds, as in the host's CronSchedule.
/// </summary>
internal sealed class Schedule
{
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

    /// <returns>Null if the text is not a cron expression.</returns>
    public static Schedule? TryParse(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        var options = new CrontabSchedule.ParseOptions { IncludingSeconds = fields != 5 };
        return CrontabSchedule.TryParse(text, options) is { } cron ? new Schedule(cron) : null;
    }

    /// <summary>The first slot after an instant.</summary>
    public DateTime Next(DateTime after) => DateTime.SpecifyKind(cron.GetNextOccurrence(after), DateTimeKind.Utc);

    /// <summary>Whether an instant is a slot. If this is false for a stored slot, the slot belongs to an earlier schedule.</summary>
    public bool Contains(DateTime instant) => Next(instant.AddSeconds(-1)) == instant;
}
