namespace LicenseFunctions.Infrastructure.Payments.Stripe;

/// <summary>The order in which waiting writes are sent.</summary>
public enum WritePriority
{
    /// <summary>A write of a renewal's charge. It goes before all other writes.</summary>
    Charge,

    /// <summary>A write that a user has caused: saving or removing a card.</summary>
    Other,
}

/// <summary>
/// Spaces writes evenly, so that no second contains more writes than the rate allows, and sends charges first.
/// System.Threading.RateLimiting has no priorities. It refills its buckets by a timer and loses some of the rate at each tick; here a
/// late timer delays the writes but loses no slot.
/// </summary>
public sealed class WritePace : IDisposable
{
    private readonly Lock gate = new();
    private readonly LinkedList<Write> charges = new();
    private readonly LinkedList<Write> others = new();
    private readonly TimeSpan longestWait;
    private readonly TimeProvider clock;
    private readonly ITimer timer;
    private readonly long step;
    private long next;

    public WritePace(int perSecond, TimeSpan longestWait, TimeProvider clock)
    {
        this.longestWait = longestWait;
        this.clock = clock;
        step = clock.TimestampFrequency / perSecond;
        timer = clock.CreateTimer(_ => ReleaseDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private sealed class Write(long since) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Since { get; } = since;
    }

    /// <summary>Waits for this write's time slot.</summary>
    /// <exception cref="WritePaceException">The wait would be longer than the longest permitted one; nothing was sent.</exception>
    public Task WaitAsync(WritePriority priority, CancellationToken cancellationToken)
    {
        var queue = priority == WritePriority.Charge ? charges : others;
        var write = new Write(clock.GetTimestamp());
        lock (gate)
        {
            var before = charges.Count + (priority == WritePriority.Charge ? 0 : others.Count);
            var slot = Math.Max(write.Since, next) + (before * step);
            if (slot <= write.Since && charges.Count + others.Count == 0)
            {
                next = slot + step;
                return Task.CompletedTask;
            }

            var wait = clock.GetElapsedTime(write.Since, slot);
            if (wait > longestWait)
                throw new WritePaceException(wait);
            queue.AddLast(write);
            if (charges.Count + others.Count == 1)
                StartTimer(write.Since);
        }

        var registration = cancellationToken.Register(() => Leave(queue, write, cancellationToken));
        _ = write.Task.ContinueWith(_ => registration.Dispose(), TaskScheduler.Default);
        return write.Task;
    }

    // A write whose caller has canceled it takes no slot.
    private void Leave(LinkedList<Write> queue, Write write, CancellationToken cancellationToken)
    {
        lock (gate)
            queue.Remove(write);
        write.TrySetCanceled(cancellationToken);
    }

    private void ReleaseDue()
    {
        lock (gate)
        {
            var now = clock.GetTimestamp();
            while (next <= now && (charges.First ?? others.First) is { } first)
            {
                first.List!.Remove(first);
                next += step;
                first.Value.TrySetResult();
            }

            // Charges that arrived later may have delayed other writes for too long.
            while (others.First is { } oldest && clock.GetElapsedTime(oldest.Value.Since, now) > longestWait)
            {
                others.RemoveFirst();
                oldest.Value.TrySetException(new WritePaceException(clock.GetElapsedTime(oldest.Value.Since, now)));
            }

            if (charges.Count + others.Count > 0)
                StartTimer(now);
        }
    }

    // A timer counts whole milliseconds and must not end before the slot.
    private void StartTimer(long now) => timer.Change(
        TimeSpan.FromMilliseconds(Math.Ceiling(clock.GetElapsedTime(now, Math.Max(now, next)).TotalMilliseconds)),
        Timeout.InfiniteTimeSpan);

    public void Dispose() => timer.Dispose();
}

/// <summary>Too many writes are waiting.</summary>
public sealed class WritePaceException(TimeSpan wait) : Exception("Too many writes to the payment provider wait; this one is not sent.")
{
    public TimeSpan Wait { get; } = wait;
}
