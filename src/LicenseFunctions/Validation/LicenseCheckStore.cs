using System.Collections.Concurrent;
using System.Net;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Licensing.Leases;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Validation;

/// <summary>What a check reads about a token, its license and the device that checks.</summary>
/// <param name="Device">The device; null if it isn't registered on the license.</param>
/// <param name="DevicesUsed">Registered devices.</param>
/// <param name="DevicesBeyondLimit">Devices registered beyond the limit, included in <paramref name="DevicesUsed"/>.</param>
public sealed record CheckedLicense(
    Guid SubscriptionId, LicenseFacts Facts, KnownDevice? Device, int DevicesUsed, int DevicesBeyondLimit)
{
    /// <summary>
    /// The EA instance of the device that a suspension for the device limit refuses; null if no such suspension is open, or if the device
    /// has a slot or can get one.
    /// </summary>
    public string? RefusedEa { get; init; }
}

/// <param name="Lease">Its latest lease; null if it has none.</param>
/// <param name="AddressHash">Hash code of the address that it was last seen from, within this process; 0 if that was not read.</param>
public sealed record KnownDevice(
    Guid DeviceId, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt, Lease? Lease = null, int AddressHash = 0);

/// <summary>
/// The single read of a license check. Checks that arrive while a read is running wait and share the next one: a round trip for twenty
/// licenses costs the database little more than one for a single license.
/// </summary>
public sealed class LicenseCheckStore(LicenseDatabase database, ValidationCache cache, TimeProvider time)
{
    // While the database works on one batch, this process works on the other. With more batches, each would only be smaller.
    private const int Batches = 2;
    private const int LargestBatch = 256;

    // About as many checks as the database answers within the time of a check; more would time out.
    private const int LongestQueue = 20_000;

    private readonly ConcurrentQueue<Waiting> queue = new();
    private int waitingCount;
    private int running;

    private sealed class Waiting(string tokenHash, string deviceKey, long queuedAt, CancellationToken client)
        : TaskCompletionSource<CheckedLicense?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string TokenHash => tokenHash;

        public string DeviceKey => deviceKey;

        public long QueuedAt => queuedAt;

        public CancellationToken Client => client;
    }

    // A license has one expiry: that of its current token, which a renewal extends. It also applies to an older token that the platform
    // left active. A token whose is_active is null is not active.
    // The sub-selects hide the number of licenses from the planner. Otherwise it would make a new plan for every small batch.
    // The parameters have numbers, because Npgsql would parse the whole text in every check to number names.
    public const string Read = $"""
        select asked.n::int, t.subscription_id,
               t.is_active is true and newer.is_active is not false as token_active,
               coalesce(t.revoked_reason, newer.revoked_reason) as revoked_reason,
               replacement.overlap_until,
               expiry_of(case when replacement.token_id is not null then newer.expires_at
                              when later.token_id is not null then later.expires_at
                              else t.expires_at end) as expires_at,
               license.grace_until, subscription_state_of(s.state)::text as state,
               is_subscription_active(s.is_active) as subscription_active, s.paused_reason,
               open.only_for_expiry, open.reason as suspension_reason, open.took_token, open.stands, open.caused_by_device,
               case when open.reason is not null then (
                   select {SuspensionStore.RefusedEa} from license_suspensions r
                   where r.subscription_id = t.subscription_id and r.closed_at is null and r.cause = 'DEVICE_LIMIT') end as refused_ea,
               d.device_id, d.first_seen_at, d.last_seen_at, d.ip_address, d.lease_id, d.lease_issued_at, d.lease_expires_at,
               devices.used as devices_used, devices.beyond_limit as devices_beyond_limit
        from unnest((select $1::text[]), (select $2::text[])) with ordinality as asked (token_hash, device_key, n)
        join license_tokens t on t.token_hash = asked.token_hash
        join subscriptions s on s.subscription_id = t.subscription_id
        left join license_states license on license.subscription_id = t.subscription_id
        left join license_token_replacements replacement on replacement.token_id = t.token_id
        left join license_tokens newer on newer.token_id = replacement.replaced_by
        left join lateral (
            select c.token_id, c.expires_at
            from license_tokens c
            where c.subscription_id = t.subscription_id and c.created_at > t.created_at and c.is_active
              and not exists (select from license_token_replacements r where r.token_id = c.token_id)
            order by c.created_at desc
            limit 1
        ) later on true
        left join license_devices d
            on d.subscription_id = t.subscription_id and d.device_key = asked.device_key and d.removed_at is null
        left join lateral open_suspension_facts(t.subscription_id, t.token_id, asked.device_key, s.state, s.paused_reason) open on true
        left join lateral (
            select count(*)::int as used, (count(*) filter (where r.beyond_limit))::int as beyond_limit
            from license_devices r
            where r.subscription_id = t.subscription_id and r.removed_at is null
        ) devices on true
        """;

    /// <summary>The total time of a check.</summary>
    public TimeSpan Timeout => database.CheckTimeout;

    /// <param name="tokenHash">The hash of the token.</param>
    /// <param name="deviceKey">The device that checks.</param>
    /// <param name="cancellationToken">Canceled when the client leaves: a check that still waits then is not read.</param>
    /// <returns>Null for a token that no license has.</returns>
    /// <exception cref="TimeoutException">Too many checks wait already.</exception>
    public ValueTask<CheckedLicense?> ReadAsync(string tokenHash, string deviceKey, CancellationToken cancellationToken)
    {
        if (cache.IsOn && cache.Find(tokenHash, deviceKey) is { } cached)
            return new(cached);

        if (Interlocked.Increment(ref waitingCount) > LongestQueue)
        {
            Interlocked.Decrement(ref waitingCount);
            throw new TimeoutException("Too many checks wait for the database.");
        }

        var waiting = new Waiting(tokenHash, deviceKey, time.GetTimestamp(), cancellationToken);
        queue.Enqueue(waiting);
        StartBatch();
        return new(waiting.Task);
    }

    /// <summary>The same read in a transaction that has locked the license.</summary>
    public static async Task<CheckedLicense?> ReadAsync(
        NpgsqlConnection connection, string tokenHash, string deviceKey, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, [tokenHash], [deviceKey]);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new CheckColumns(reader).Read() : null;
    }

    private void StartBatch()
    {
        // Count only running batches. If the count were too high even briefly, the last running batch might not be restarted.
        int seen, count = Interlocked.CompareExchange(ref running, 0, 0);
        for (; count < Batches; count = seen)
        {
            seen = Interlocked.CompareExchange(ref running, count + 1, count);
            if (seen == count)
            {
                _ = RunBatchesAsync();
                return;
            }
        }
    }

    private async Task RunBatchesAsync()
    {
        var batch = new List<Waiting>();
        while (Take(batch))
        {
            try
            {
                await ReadAsync(batch);
            }
#pragma warning disable CA1031 // The checks that wait for this batch receive the exception.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                foreach (var waiting in batch)
                    waiting.TrySetException(failure);
            }
        }

        Interlocked.Decrement(ref running);
        // A check may have been queued after the last Take and before the decrement, while all batches were still counted.
        if (!queue.IsEmpty)
            StartBatch();
    }

    private bool Take(List<Waiting> batch)
    {
        batch.Clear();
        while (batch.Count < LargestBatch && queue.TryDequeue(out var waiting))
        {
            Interlocked.Decrement(ref waitingCount);
            // After its deadline, a check is already answered.
            if (waiting.Client.IsCancellationRequested)
                waiting.TrySetCanceled(waiting.Client);
            else if (time.GetElapsedTime(waiting.QueuedAt) < Timeout)
                batch.Add(waiting);
        }

        return batch.Count > 0;
    }

    private async Task ReadAsync(List<Waiting> batch)
    {
        DatabaseScope.Enter(DatabasePool.CheckReads);
        await using var session = await database.OpenAsync(CancellationToken.None);
        var (connection, cancellationToken) = session;
        var began = time.GetTimestamp();
        var tokens = new string[batch.Count];
        var devices = new string[batch.Count];
        for (var n = 0; n < batch.Count; n++)
            (tokens[n], devices[n]) = (batch[n].TokenHash, batch[n].DeviceKey);

        var found = new CheckedLicense?[batch.Count];
        await using (var command = Command(connection, tokens, devices))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            var columns = new CheckColumns(reader);
            while (await reader.ReadAsync(cancellationToken))
            {
                var n = columns.Number - 1;
                try
                {
                    found[n] = columns.Read();
                }
                catch (Exception unreadable) when (unreadable is InvalidOperationException or InvalidCastException or OverflowException)
                {
                    // The platform wrote a state or time that is unknown here. Only the check of this license fails.
                    batch[n].TrySetException(unreadable);
                }
            }
        }

        for (var n = 0; n < batch.Count; n++)
        {
            if (cache.IsOn)
                Remember(tokens[n], devices[n], found[n], began);
            batch[n].TrySetResult(found[n]);
        }
    }

    private void Remember(string token, string device, CheckedLicense? found, long readAt)
    {
        if (found is { Device: not null })
            cache.Add(token, device, found, readAt);
        else
            cache.Remove(token, device);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string[] tokens, string[] devices) => new(Read, connection)
    {
        Parameters =
        {
            new NpgsqlParameter<string[]> { TypedValue = tokens, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            new NpgsqlParameter<string[]> { TypedValue = devices, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
        },
    };

    /// <summary>The columns of <see cref="Read"/>, found by name once per reader.</summary>
    private sealed class CheckColumns(NpgsqlDataReader reader)
    {
        private readonly int number = reader.GetOrdinal("n");
        private readonly int subscriptionId = reader.GetOrdinal("subscription_id");
        private readonly LicenseFactsColumns facts = new(reader);
        private readonly int refusedEa = reader.GetOrdinal("refused_ea");
        private readonly int deviceId = reader.GetOrdinal("device_id");
        private readonly int firstSeenAt = reader.GetOrdinal("first_seen_at");
        private readonly int lastSeenAt = reader.GetOrdinal("last_seen_at");
        private readonly int ipAddress = reader.GetOrdinal("ip_address");
        private readonly int leaseId = reader.GetOrdinal("lease_id");
        private readonly int leaseIssuedAt = reader.GetOrdinal("lease_issued_at");
        private readonly int leaseExpiresAt = reader.GetOrdinal("lease_expires_at");
        private readonly int devicesUsed = reader.GetOrdinal("devices_used");
        private readonly int devicesBeyondLimit = reader.GetOrdinal("devices_beyond_limit");

        /// <summary>Which of the batch's checks the row belongs to, from 1.</summary>
        public int Number => reader.GetInt32(number);

        public CheckedLicense Read() => new(
            reader.GetGuid(subscriptionId),
            facts.Read(),
            reader.IsDBNull(deviceId)
                ? null
                : new KnownDevice(
                    reader.GetGuid(deviceId), reader.Time(firstSeenAt)!.Value, reader.Time(lastSeenAt)!.Value,
                    reader.IsDBNull(leaseId)
                        ? null
                        : new Lease(reader.GetGuid(leaseId), reader.Time(leaseIssuedAt)!.Value, reader.Time(leaseExpiresAt)!.Value),
                    reader.GetFieldValue<IPAddress>(ipAddress).GetHashCode()),
            reader.GetInt32(devicesUsed),
            reader.GetInt32(devicesBeyondLimit))
        {
            RefusedEa = reader.IsDBNull(refusedEa) ? null : reader.GetString(refusedEa),
        };
    }
}
