using System.Collections.Concurrent;

namespace LicenseFunctions.Database;

/// <summary>
/// What checks have read, for VALIDATION_CACHE_SECONDS. A change made in this process takes effect at once; one made
/// elsewhere when the time is over.
/// </summary>
/// <param name="lifetime">Zero keeps nothing.</param>
public sealed class ValidationCache(TimeSpan lifetime, TimeProvider time)
{
    // The change that is told of may commit later, and a read that began before it may end after it. Neither outlives a
    // command's timeout (30 s), so until then the licence is read from the database at every check.
    private static readonly TimeSpan Unsettled = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<Guid, long> changes = new();
    private Generation current = new(0);
    private Generation previous = new(0);

    private sealed record Generation(long StartedAt)
    {
        public ConcurrentDictionary<(string TokenHash, string DeviceKey), (CheckedLicense License, long ReadAt)> Entries { get; } = new();
    }

    public bool IsOn => lifetime > TimeSpan.Zero;

    /// <summary>For use by whatever changes a licence, before or after its commit.</summary>
    public void Forget(Guid subscriptionId)
    {
        if (IsOn)
            changes[subscriptionId] = time.GetTimestamp();
    }

    public CheckedLicense? Find(string tokenHash, string deviceKey)
    {
        var key = (tokenHash, deviceKey);
        return (current.Entries.TryGetValue(key, out var entry) || previous.Entries.TryGetValue(key, out entry))
            && time.GetElapsedTime(entry.ReadAt) < lifetime && IsSettled(entry.License.SubscriptionId)
            ? entry.License
            : null;
    }

    /// <param name="readAt">The timestamp before the read.</param>
    public void Keep(string tokenHash, string deviceKey, CheckedLicense license, long readAt)
    {
        var generation = current;
        if (time.GetElapsedTime(generation.StartedAt) > lifetime
            && Interlocked.CompareExchange(ref current, new Generation(readAt), generation) == generation)
        {
            // Dropped as a whole two lifetimes later: nothing has to be swept.
            previous = generation;
        }

        current.Entries[(tokenHash, deviceKey)] = (license, readAt);
    }

    private bool IsSettled(Guid subscriptionId)
    {
        if (changes.IsEmpty || !changes.TryGetValue(subscriptionId, out var changedAt))
            return true;
        if (time.GetElapsedTime(changedAt) < Unsettled)
            return false;
        changes.TryRemove(new(subscriptionId, changedAt));
        return true;
    }
}
