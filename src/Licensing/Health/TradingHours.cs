namespace Licensing.Health;

/// <summary>
/// The hours in which the foreign-exchange market is open, from Sunday 22:00 to Friday 22:00 UTC. A weekend without use isn't silence.
/// </summary>
public static class TradingHours
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);
    private static readonly TimeSpan Open = TimeSpan.FromDays(5);

    // Any Sunday at 22:00.
    private static readonly DateTimeOffset Opening = new(2024, 1, 7, 22, 0, 0, TimeSpan.Zero);

    /// <returns>The open time from start (included) to end (excluded); zero if the end is earlier.</returns>
    public static TimeSpan Between(DateTimeOffset start, DateTimeOffset end) => end <= start ? TimeSpan.Zero : Since(end) - Since(start);

    private static TimeSpan Since(DateTimeOffset moment)
    {
        var elapsed = moment - Opening;
        var weeks = Math.Floor(elapsed / Week);
        var within = elapsed - weeks * Week;
        return weeks * Open + (within < Open ? within : Open);
    }
}
