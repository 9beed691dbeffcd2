namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>
/// Spaces writes evenly, so that no second contains more writes than the rate allows. System.Threading.RateLimiting refills its buckets by
/// a timer and loses some of the rate at each tick. Here each write has its own time slot, and a late timer delays only one write.
/// </summary>
public sealed class WritePace(int perSecond, TimeSpan longestWait, TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly long step = clock.TimestampFrequency / perSecond;
    private long next;

    /// <summary>Waits for this write's time slot.</summary>
    /// <exception cref="WritePaceException">The wait would be longer than the longest permitted one; nothing was sent.</exception>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (gate)
        {
            var now = clock.GetTimestamp();
            var slot = Math.Max(now, next);
            wait = clock.GetElapsedTime(now, slot);
            if (wait > longestWait)
                throw new WritePaceException(wait);
            next = slot + step;
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, clock, cancellationToken) : Task.CompletedTask;
    }
}

/// <summary>Too many writes are waiting.</summary>
public sealed class WritePaceException(TimeSpan wait) : Exception("Too many writes to the payment provider wait; this one is not sent.")
{
    public TimeSpan Wait { get; } = wait;
}
