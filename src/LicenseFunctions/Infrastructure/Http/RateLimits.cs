using System.Globalization;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Licensing;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>
/// Limits the requests of each caller by the generic cell rate algorithm: one number per caller, no timer, bursts of up to a minute's rate.
/// </summary>
/// <remarks>
/// System.Threading.RateLimiting visits all partitions every 100 ms and needs half a kilobyte for each. That is too slow for a hundred
/// thousand licenses. Each process counts separately: with n instances, a caller may get n times the rate.
/// </remarks>
public sealed class RateLimits(HttpSettings settings, TimeProvider time)
{
    private const int SweepAbove = 50_000;

    // The callers are divided among this many dictionaries, each with its own lock, so that requests rarely wait for one another.
    private const int Parts = 16;

    // By the callers' hashes: their names would take ten times as much memory. The secret seed keeps callers from colliding on purpose.
    // A Dictionary reuses the memory of removed callers. The nodes that a sweep removes from a ConcurrentDictionary would be garbage
    // in an old generation.
    private readonly Dictionary<Guid, long>[] dueAt = [.. Enumerable.Range(0, Parts).Select(_ => new Dictionary<Guid, long>())];
    private readonly long seed = Random.Shared.NextInt64();
    private readonly long start = time.GetTimestamp();
    private readonly long interval = TimeSpan.TicksPerMinute / settings.RequestsPerMinute;
    private long nextSweep;

    /// <summary>Number of callers in memory.</summary>
    public int Callers => dueAt.Sum(part =>
    {
        lock (part)
            return part.Count;
    });

    /// <summary>Counts one request of the caller.</summary>
    /// <returns>Null if the request is allowed.</returns>
    public Refusal? Refuse(string caller)
    {
        var wait = Take(caller);
        if (wait <= TimeSpan.Zero)
            return null;
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return new Refusal(
            RefusalKind.TooMany, "RATE_LIMITED", "Too many requests from this caller.", Hint: $"Wait {seconds} s.", RetryAfter: wait);
    }

    /// <returns>Zero if the request is allowed, else the time to wait.</returns>
    public TimeSpan Take(string caller)
    {
        var now = time.GetElapsedTime(start).Ticks;
        Sweep(now);
        // A UInt128 would be aligned to 16 bytes, which makes the entries larger.
        var key = Unsafe.BitCast<UInt128, Guid>(XxHash128.HashToUInt128(MemoryMarshal.AsBytes(caller.AsSpan()), seed));
        var part = dueAt[(uint)key.GetHashCode() % Parts];
        lock (part)
        {
            ref var due = ref CollectionsMarshal.GetValueRefOrAddDefault(part, key, out _);
            var next = Math.Max(due, now) + interval;
            if (next - now > TimeSpan.TicksPerMinute)
                return TimeSpan.FromTicks(next - now - TimeSpan.TicksPerMinute);
            due = next;
            return TimeSpan.Zero;
        }
    }

    // Removes callers whose window has passed. It runs every second, because each unknown token is a new caller.
    private void Sweep(long now)
    {
        var planned = Volatile.Read(ref nextSweep);
        if (now < planned || Interlocked.CompareExchange(ref nextSweep, now + TimeSpan.TicksPerSecond, planned) != planned)
            return;
        if (Callers < SweepAbove)
            return;
        foreach (var part in dueAt)
        {
            lock (part)
            {
                foreach (var (caller, due) in part)
                {
                    if (due <= now)
                        part.Remove(caller);
                }
            }
        }
    }
}
