using System.Collections.Concurrent;
using System.Globalization;
using Licensing;
using Microsoft.AspNetCore.Http;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Requests a caller, by the generic cell rate algorithm: one number a caller, no timer, a burst of a minute's worth.
/// </summary>
/// <remarks>
/// System.Threading.RateLimiting's partitions are walked every 100 ms and weigh half a kilobyte each, which a hundred
/// thousand licenses would feel. The counts are one process's own: with n instances a caller may get n times the rate.
/// </remarks>
public sealed class RateLimits(HttpSettings settings, TimeProvider time)
{
    private const int SweepAbove = 50_000;

    private readonly ConcurrentDictionary<string, long> dueAt = new(StringComparer.Ordinal);
    private readonly long start = time.GetTimestamp();
    private readonly long interval = TimeSpan.TicksPerMinute / settings.RequestsPerMinute;
    private long nextSweep;

    /// <summary>Callers that are remembered.</summary>
    public int Callers => dueAt.Count;

    /// <summary>Counts one request of the caller; null where it may go on. Sets Retry-After where it may not.</summary>
    public Refusal? Refuse(HttpContext http, string caller)
    {
        var wait = Take(caller);
        if (wait <= TimeSpan.Zero)
            return null;
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        http.Response.Headers.RetryAfter = seconds;
        return new Refusal(RefusalKind.TooMany, "RATE_LIMITED", "This caller asked too often.", Hint: $"Wait {seconds} s.");
    }

    /// <returns>Zero where the request may go on, else how long to wait.</returns>
    public TimeSpan Take(string caller)
    {
        var now = time.GetElapsedTime(start).Ticks;
        Sweep(now);
        while (true)
        {
            var known = dueAt.TryGetValue(caller, out var due);
            var next = Math.Max(due, now) + interval;
            if (next - now > TimeSpan.TicksPerMinute)
                return TimeSpan.FromTicks(next - now - TimeSpan.TicksPerMinute);
            if (known ? dueAt.TryUpdate(caller, next, due) : dueAt.TryAdd(caller, next))
                return TimeSpan.Zero;
        }
    }

    // Who has nothing to wait for has a clean slate anyway. Every second: whoever tries tokens that nobody has is a new caller each time.
    private void Sweep(long now)
    {
        var planned = Volatile.Read(ref nextSweep);
        if (now < planned || Interlocked.CompareExchange(ref nextSweep, now + TimeSpan.TicksPerSecond, planned) != planned)
            return;
        if (dueAt.Count < SweepAbove)
            return;
        foreach (var entry in dueAt)
        {
            if (entry.Value <= now)
                dueAt.TryRemove(entry);
        }
    }
}
