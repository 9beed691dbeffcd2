using System.Globalization;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// The database's clock, which decides everything that suspends or charges. Between two readings, it advances by the time that has elapsed
/// here. Until the first reading, it is the clock of this machine.
/// </summary>
public sealed class DatabaseClock(TimeProvider machine) : TimeProvider
{
    /// <summary>With a larger difference, the timers of this process don't run.</summary>
    public static readonly TimeSpan MaxDifference = TimeSpan.FromSeconds(30);

    private sealed record Reading(DateTimeOffset At, long Timestamp);

    private Reading? last;

    /// <summary>How far the machine's clock is ahead of the database's, negative if it is behind; zero before the first reading.</summary>
    public TimeSpan Difference => last is null ? TimeSpan.Zero : machine.GetUtcNow() - GetUtcNow();

    public bool IsMachineWrong => Difference.Duration() > MaxDifference;

    public override long TimestampFrequency => machine.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() =>
        last is { } reading ? reading.At + machine.GetElapsedTime(reading.Timestamp) : machine.GetUtcNow();

    public override long GetTimestamp() => machine.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        machine.CreateTimer(callback, state, dueTime, period);

    /// <summary>A sentence for operators; null while both clocks agree.</summary>
    public string? Warning =>
        last is null ? "The database's clock has not been read. The timers of this process don't run."
        : IsMachineWrong ? string.Create(
            CultureInfo.InvariantCulture,
            $"The clock of this machine differs from the database's by {Difference.TotalSeconds:+0;-0} s. Its timers don't run.")
        : null;

    /// <param name="databaseNow">The database's time, read between both timestamps.</param>
    /// <remarks>A reading is as inexact as the time that it took, so a slow one is ignored, unless there is no other.</remarks>
    public void Read(DateTimeOffset databaseNow, long askedAt, long answeredAt)
    {
        var took = machine.GetElapsedTime(askedAt, answeredAt);
        if (took <= (last is null ? TimeSpan.FromSeconds(10) : TimeSpan.FromSeconds(2)))
            last = new Reading(databaseNow + (took / 2), answeredAt);
    }
}
