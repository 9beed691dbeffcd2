using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using LicenseFunctions.Licenses;

namespace LicenseFunctions.Validation;

/// <summary>
/// What checks have read, never older than VALIDATION_CACHE_SECONDS: an answer from here is as good as one read that long ago.
/// A change made in this process takes effect at once.
/// </summary>
/// <remarks>
/// <see cref="LicenseChanges"/> looks for changes every half lifetime and drops what they concern, so that what it leaves here
/// is as of the look's beginning. Without such a look an entry is used for one lifetime from its own reading.
/// </remarks>
public sealed class ValidationCache
{
    // Under half a kilobyte a device. Full, all of it is dropped: nothing has to be swept.
    private const int MostLicenses = 200_000;

    // The change that is told of may commit later, but not later than a command's timeout (30 s): until then the license is
    // read from the database at every check.
    private static readonly TimeSpan Unsettled = TimeSpan.FromSeconds(60);

    private readonly TimeSpan lifetime;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<Key, Kept> entries = new();
    private readonly Dictionary<Guid, Kept> licenses = [];
    private readonly Dictionary<Guid, long> unsettled = [];
    private long lookBeganAt = long.MinValue;
    private long lookEndedAt = long.MinValue;

    /// <param name="lifetime">Zero keeps nothing.</param>
    /// <param name="invalidation">What this process changes is dropped at once.</param>
    public ValidationCache(TimeSpan lifetime, TimeProvider time, LicenseInvalidation invalidation)
    {
        (this.lifetime, this.time) = (lifetime, time);
        invalidation.Changed += Forget;
    }

    /// <summary>The token's hash as a number, a fifth of its text's size.</summary>
    private readonly record struct Key(UInt128 High, UInt128 Low, string DeviceKey)
    {
        public static Key Of(string tokenHash, string deviceKey)
        {
            Span<UInt128> number = stackalloc UInt128[2];
            Convert.FromHexString(tokenHash, MemoryMarshal.AsBytes(number), out _, out _);
            return new Key(number[0], number[1], deviceKey);
        }

        public bool HasToken(string tokenHash) => Convert.ToHexStringLower(MemoryMarshal.AsBytes<UInt128>([High, Low])) == tokenHash;
    }

    /// <param name="Next">Another entry of the same license.</param>
    private sealed record Kept(Key Key, CheckedLicense License, long ReadAt, Kept? Next);

    public bool IsOn => lifetime > TimeSpan.Zero;

    public TimeSpan Lifetime => lifetime;

    public CheckedLicense? Find(string tokenHash, string deviceKey)
    {
        // Before the entry: a look is told of when what it found is dropped.
        var lookedAt = Volatile.Read(ref lookBeganAt);
        return entries.TryGetValue(Key.Of(tokenHash, deviceKey), out var kept) && time.GetElapsedTime(Math.Max(kept.ReadAt, lookedAt)) < lifetime
            ? kept.License
            : null;
    }

    /// <param name="readAt">The timestamp before the read.</param>
    public void Keep(string tokenHash, string deviceKey, CheckedLicense license, long readAt)
    {
        lock (gate)
        {
            // A change that a look found, or that was told of, while this was being read may be missing in it.
            if (readAt < lookEndedAt || IsUnsettled(license.SubscriptionId))
                return;
            var key = Key.Of(tokenHash, deviceKey);
            if (entries.ContainsKey(key))
                Drop(license.SubscriptionId);
            if (licenses.Count >= MostLicenses)
                Clear();
            var kept = new Kept(key, license, readAt, licenses.GetValueOrDefault(license.SubscriptionId));
            licenses[license.SubscriptionId] = kept;
            entries[key] = kept;
        }
    }

    /// <summary>Drops what a look found changed. Of rows that the platform writes at every signal only what a check reads counts.</summary>
    /// <param name="beganAt">The timestamp before the look.</param>
    public void Apply(ChangedLicenses changed, long beganAt)
    {
        lock (gate)
        {
            if (changed.All)
                Clear();
            foreach (var subscriptionId in changed.SubscriptionIds)
                Drop(subscriptionId);
            foreach (var row in changed.Subscriptions)
            {
                if (Of(row.SubscriptionId).Any(kept => !row.Agrees(kept.License.Facts)))
                    Drop(row.SubscriptionId);
            }

            foreach (var row in changed.Tokens)
            {
                // A row that agrees with no entry is another token of the license, or was another one.
                if (Of(row.SubscriptionId).All(kept => !kept.Key.HasToken(row.TokenHash))
                    || Of(row.SubscriptionId).Any(kept => kept.License.Facts.OverlapUntil is not null
                        || (kept.Key.HasToken(row.TokenHash) && !row.Agrees(kept.License.Facts))))
                    Drop(row.SubscriptionId);
            }

            lookEndedAt = time.GetTimestamp();
            Volatile.Write(ref lookBeganAt, beganAt);
        }
    }

    private void Forget(Guid subscriptionId)
    {
        if (!IsOn)
            return;
        lock (gate)
        {
            unsettled[subscriptionId] = time.GetTimestamp();
            Drop(subscriptionId);
        }
    }

    private bool IsUnsettled(Guid subscriptionId)
    {
        if (!unsettled.TryGetValue(subscriptionId, out var toldAt))
            return false;
        if (time.GetElapsedTime(toldAt) < Unsettled)
            return true;
        return !unsettled.Remove(subscriptionId);
    }

    private IEnumerable<Kept> Of(Guid subscriptionId)
    {
        for (var kept = licenses.GetValueOrDefault(subscriptionId); kept is not null; kept = kept.Next)
            yield return kept;
    }

    private void Drop(Guid subscriptionId)
    {
        foreach (var kept in Of(subscriptionId))
            entries.TryRemove(kept.Key, out _);
        licenses.Remove(subscriptionId);
    }

    private void Clear()
    {
        entries.Clear();
        licenses.Clear();
    }
}
