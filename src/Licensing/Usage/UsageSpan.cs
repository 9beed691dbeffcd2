using System.Globalization;

namespace Licensing.Usage;

/// <summary>The time span of a usage report: whole hours or days (UTC), start inclusive, end exclusive.</summary>
/// <param name="From">UTC, the start of a bucket.</param>
/// <param name="To">UTC, the end of a bucket; after <paramref name="From"/>.</param>
/// <param name="Step">An hour or a day.</param>
public sealed record UsageSpan(DateTime From, DateTime To, TimeSpan Step)
{
    /// <summary>Maximum number of buckets: about 13 months of days, or 16 days of hours.</summary>
    public const int MaxBuckets = 400;

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>
    /// Extends the requested span to whole buckets. Without <paramref name="to"/> it ends with the present bucket. Without
    /// <paramref name="from"/> it contains 24 hours or 30 days.
    /// </summary>
    /// <param name="bucket">hour or day; null: hour.</param>
    /// <returns>Refused as INVALID_SPAN: unreadable times, a start that isn't before the end, too many buckets.</returns>
    public static Outcome<UsageSpan> Of(string? from, string? to, string? bucket, DateTimeOffset now)
    {
        if (bucket is not (null or "hour" or "day"))
            return Invalid("bucket", "bucket must be hour or day.");
        var step = bucket == "day" ? Day : Hour;
        if (!TryTime(to, now, out var end))
            return Invalid("to", "to must be an ISO 8601 time with Z or an offset, or a date.");
        if (!TryTime(from, default, out var start))
            return Invalid("from", "from must be an ISO 8601 time with Z or an offset, or a date.");

        // The present belongs to its bucket. A stated end on a boundary excludes the next bucket.
        var last = to is null ? Floor(end, step) + step : Ceiling(end, step);
        var first = from is null ? last - step * (step == Day ? 30 : 24) : Floor(start, step);
        if (first >= last)
            return Invalid("from", "from must be before to.");
        if ((last - first) / step > MaxBuckets)
        {
            return Invalid("from", string.Create(
                CultureInfo.InvariantCulture, $"At most {MaxBuckets} buckets are allowed: use a shorter span, or days."));
        }

        return new UsageSpan(first, last, step);
    }

    private static bool TryTime(string? text, DateTimeOffset byDefault, out DateTime time)
    {
        var read = DateTimeOffset.TryParseExact(
            text, ["yyyy-MM-dd", "yyyy-MM-ddTHH:mmK", "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK"],
            CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var value);
        time = (text is null ? byDefault : value).UtcDateTime;
        // Far from both ends of the calendar, so that adding a bucket doesn't overflow.
        return text is null || (read && value.Year is > 1900 and < 3000);
    }

    private static DateTime Floor(DateTime time, TimeSpan step) => new(time.Ticks - time.Ticks % step.Ticks, DateTimeKind.Utc);

    private static DateTime Ceiling(DateTime time, TimeSpan step) => Floor(time.AddTicks(step.Ticks - 1), step);

    private static Refusal Invalid(string field, string detail) => new(RefusalKind.Invalid, "INVALID_SPAN", detail, field);
}
