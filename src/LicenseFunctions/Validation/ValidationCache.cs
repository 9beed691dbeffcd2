using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Licensing.Leases;

namespace LicenseFunctions.Validation;

/// <summary>
/// What license checks have read. An answer from the cache is at most VALIDATION_CACHE_SECONDS old. A change made in this process takes
/// effect immediately.
/// </summary>
/// <remarks>
/// <see cref="LicenseChanges"/> polls for changes twice per lifetime and evicts the changed licenses, so the remaining entries are valid as
/// of the start of the poll. Without a successful poll, an entry is used for one lifetime after it was read.
/// </remarks>
public sealed class ValidationCache
{
    // Less than half a kilobyte per device. A full cache is cleared, so no sweep is needed.
    private const int MostLicenses = 200_000;

    // A change may commit after its notification, but not later than a command's timeout (30 s). Until then every check of the license
    // reads the database.
    private static readonly TimeSpan SettlesAfter = TimeSpan.FromSeconds(60);

    private readonly TimeSpan lifetime;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    // An entry is its own key: a node of the dictionary takes half the memory of one with a separate key.
    private readonly ConcurrentDictionary<Entry, Entry> entries;
    private readonly ConcurrentDictionary<Entry, Entry>.AlternateLookup<Key> entriesByKey;
    // The latest entry of each license.
    private readonly HashSet<Entry> licenses = new(new BySubscription());
    private readonly HashSet<Entry>.AlternateLookup<Guid> licensesById;
    private readonly Dictionary<Guid, long> unsettled = [];
    private long pollBeganAt = long.MinValue;
    private long pollEndedAt = long.MinValue;

    /// <param name="lifetime">Zero turns the cache off.</param>
    /// <param name="staleFor">How long an entry may answer while the database doesn't; zero: never.</param>
    /// <param name="invalidation">Notifies of changes made in this process; the license is evicted immediately.</param>
    public ValidationCache(TimeSpan lifetime, TimeSpan staleFor, TimeProvider time, LicenseInvalidation invalidation)
    {
        (this.lifetime, StaleFor, this.time) = (lifetime, staleFor, time);
        entries = new(new ByKey());
        entriesByKey = entries.GetAlternateLookup<Key>();
        licensesById = licenses.GetAlternateLookup<Guid>();
        invalidation.Changed += EvictChanged;
    }

    /// <summary>The token's hash as two Guids, a fifth of the size of its text. A UInt128 would be aligned to 16 bytes.</summary>
    private readonly record struct Key(Guid High, Guid Low, string DeviceKey)
    {
        public static Key Of(string tokenHash, string deviceKey)
        {
            Span<Guid> number = stackalloc Guid[2];
            Convert.FromHexString(tokenHash, MemoryMarshal.AsBytes(number), out _, out _);
            return new Key(number[0], number[1], deviceKey);
        }

        public bool HasToken(string tokenHash) => Convert.ToHexStringLower(MemoryMarshal.AsBytes<Guid>([High, Low])) == tokenHash;
    }

    private sealed class ByKey : IEqualityComparer<Entry>, IAlternateEqualityComparer<Key, Entry>
    {
        public bool Equals(Entry? x, Entry? y) => x?.Key == y?.Key;

        public int GetHashCode(Entry entry) => entry.Key.GetHashCode();

        public bool Equals(Key alternate, Entry other) => alternate == other.Key;

        public int GetHashCode(Key alternate) => alternate.GetHashCode();

        public Entry Create(Key alternate) => throw new NotSupportedException("An entry can't be created from its key.");
    }

    private sealed class BySubscription : IEqualityComparer<Entry>, IAlternateEqualityComparer<Guid, Entry>
    {
        public bool Equals(Entry? x, Entry? y) => x?.SubscriptionId == y?.SubscriptionId;

        public int GetHashCode(Entry entry) => entry.SubscriptionId.GetHashCode();

        public bool Equals(Guid alternate, Entry other) => alternate == other.SubscriptionId;

        public int GetHashCode(Guid alternate) => alternate.GetHashCode();

        public Entry Create(Guid alternate) => throw new NotSupportedException("An entry can't be created from its license's ID.");
    }

    /// <summary>
    /// What was read, in less than half the size of a <see cref="CheckedLicense"/>. Facts that differ from those of an ordinary license
    /// are kept as they are.
    /// </summary>
    /// <param name="next">Another entry of the same license.</param>
    private sealed class Entry(Key key, CheckedLicense license, KnownDevice device, long readAt, Entry? next)
    {
        private readonly Guid deviceId = device.DeviceId;
        private readonly DateTime firstSeenAt = device.FirstSeenAt.UtcDateTime;
        private DateTime lastSeenAt = device.LastSeenAt.UtcDateTime;
        private readonly Lease? lease = device.Lease;
        private int addressHash = device.AddressHash;
        private readonly string? refusedEa = license.RefusedEa;
        private readonly int devicesUsed = license.DevicesUsed;
        private readonly int devicesBeyondLimit = license.DevicesBeyondLimit;
        private readonly DateTime expiresAt = license.Facts.ExpiresAt?.UtcDateTime ?? default;
        private readonly LicenseFacts? unusual =
            license.Facts.ExpiresAt is { } expiry && license.Facts == Ordinary(expiry) ? null : license.Facts;

        public Key Key => key;

        public Guid SubscriptionId { get; } = license.SubscriptionId;

        public long ReadAt => readAt;

        public Entry? Next => next;

        public LicenseFacts Facts => unusual ?? Ordinary(expiresAt);

        public CheckedLicense License => new(
            SubscriptionId, Facts, new KnownDevice(deviceId, firstSeenAt, lastSeenAt, lease, addressHash), devicesUsed, devicesBeyondLimit)
        {
            RefusedEa = refusedEa,
        };

        // Concurrent checks of one device may mix the two, which only writes one sighting more.
        public void Seen(DeviceSighting sighting) =>
            (lastSeenAt, addressHash) = (sighting.At.UtcDateTime, sighting.Address.GetHashCode());

        private static LicenseFacts Ordinary(DateTimeOffset expiresAt) =>
            new(true, null, null, expiresAt, null, SubscriptionState.Synced, true, null, null);
    }

    public bool IsOn => lifetime > TimeSpan.Zero;

    public TimeSpan Lifetime => lifetime;

    public TimeSpan StaleFor { get; }

    public CheckedLicense? Find(string tokenHash, string deviceKey) => Find(tokenHash, deviceKey, lifetime);

    /// <summary>An entry that is older than its lifetime, for use while the database doesn't answer.</summary>
    public CheckedLicense? FindStale(string tokenHash, string deviceKey) => Find(tokenHash, deviceKey, StaleFor);

    private CheckedLicense? Find(string tokenHash, string deviceKey, TimeSpan maxAge)
    {
        // Read the poll time before the entry: it is published only after the evictions.
        var polledAt = Volatile.Read(ref pollBeganAt);
        return entriesByKey.TryGetValue(Key.Of(tokenHash, deviceKey), out var entry)
            && time.GetElapsedTime(Math.Max(entry.ReadAt, polledAt)) < maxAge
            ? entry.License
            : null;
    }

    /// <summary>The sighting is written with the next flush: later checks of the device compare with it.</summary>
    public void Seen(string tokenHash, string deviceKey, DeviceSighting sighting)
    {
        if (entriesByKey.TryGetValue(Key.Of(tokenHash, deviceKey), out var entry))
            entry.Seen(sighting);
    }

    /// <summary>Evicts what is known about a device that a read no longer found.</summary>
    public void Remove(string tokenHash, string deviceKey)
    {
        if (!entriesByKey.TryGetValue(Key.Of(tokenHash, deviceKey), out var entry))
            return;
        lock (gate)
            Evict(entry.SubscriptionId);
    }

    /// <param name="license">A license with the device that checked.</param>
    /// <param name="readAt">The timestamp before the read.</param>
    public void Add(string tokenHash, string deviceKey, CheckedLicense license, long readAt)
    {
        lock (gate)
        {
            // The read may miss a change that a poll found, or that was notified, while it was running.
            // An older entry is evicted in any case: it may be an acceptance that this read refutes.
            var key = Key.Of(tokenHash, deviceKey);
            if (entriesByKey.ContainsKey(key))
                Evict(license.SubscriptionId);
            if (readAt < pollEndedAt || IsUnsettled(license.SubscriptionId))
                return;
            if (licenses.Count >= MostLicenses)
                Clear();
            licensesById.TryGetValue(license.SubscriptionId, out var next);
            var entry = new Entry(key, license, license.Device!, readAt, next);
            licensesById.Remove(license.SubscriptionId);
            licenses.Add(entry);
            entries[entry] = entry;
        }
    }

    /// <summary>
    /// Evicts the changed licenses. The platform writes rows at every signal, so a row counts as changed only if a value that a check reads
    /// is different.
    /// </summary>
    /// <param name="beganAt">The timestamp before the poll.</param>
    public void Apply(ChangedLicenses changed, long beganAt)
    {
        lock (gate)
        {
            if (changed.All)
                Clear();
            foreach (var subscriptionId in changed.SubscriptionIds)
                Evict(subscriptionId);
            foreach (var row in changed.Subscriptions)
            {
                if (EntriesOf(row.SubscriptionId).Any(entry => !row.Matches(entry.Facts)))
                    Evict(row.SubscriptionId);
            }

            foreach (var row in changed.Tokens)
            {
                // A row that matches no entry is another token of the license, or its hash was changed.
                if (EntriesOf(row.SubscriptionId).All(entry => !entry.Key.HasToken(row.TokenHash))
                    || EntriesOf(row.SubscriptionId).Any(entry => entry.Facts.OverlapUntil is not null
                        || (entry.Key.HasToken(row.TokenHash) && !row.Matches(entry.Facts))))
                    Evict(row.SubscriptionId);
            }

            pollEndedAt = time.GetTimestamp();
            Volatile.Write(ref pollBeganAt, beganAt);
        }
    }

    private void EvictChanged(Guid subscriptionId)
    {
        if (!IsOn)
            return;
        lock (gate)
        {
            unsettled[subscriptionId] = time.GetTimestamp();
            Evict(subscriptionId);
        }
    }

    private bool IsUnsettled(Guid subscriptionId)
    {
        if (!unsettled.TryGetValue(subscriptionId, out var changedAt))
            return false;
        if (time.GetElapsedTime(changedAt) < SettlesAfter)
            return true;
        return !unsettled.Remove(subscriptionId);
    }

    private IEnumerable<Entry> EntriesOf(Guid subscriptionId)
    {
        licensesById.TryGetValue(subscriptionId, out var first);
        for (var entry = first; entry is not null; entry = entry.Next)
            yield return entry;
    }

    private void Evict(Guid subscriptionId)
    {
        foreach (var entry in EntriesOf(subscriptionId))
            entries.TryRemove(entry, out _);
        licensesById.Remove(subscriptionId);
    }

    private void Clear()
    {
        entries.Clear();
        licenses.Clear();
    }
}
