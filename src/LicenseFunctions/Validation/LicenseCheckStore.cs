using System.Collections.Concurrent;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Http;
using LicenseFunctions.Licenses;
using Licensing.Devices;
using Npgsql;
using NpgsqlTypes;

namespace LicenseFunctions.Validation;

/// <summary>What a check reads of a token, its license and the device that asks.</summary>
/// <param name="Device">The device, where it has a place on the license.</param>
/// <param name="DevicesUsed">Devices with a place.</param>
/// <param name="PlacesBeyondLimit">Places given beyond the limit, included in <paramref name="DevicesUsed"/>.</param>
public sealed record CheckedLicense(
    Guid SubscriptionId, LicenseFacts Facts, KnownDevice? Device, int DevicesUsed, int PlacesBeyondLimit);

public sealed record KnownDevice(Guid DeviceId, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt);

/// <summary>
/// The one read of a check. Checks that arrive while another read is under way wait for the next one and share it: one
/// round trip costs the database little more for twenty licenses than for one.
/// </summary>
public sealed class LicenseCheckStore(LicenseDatabase database, ValidationCache cache, TimeProvider time)
{
    // Two: while one is with the database, the other is being written out here. More only make the batches smaller.
    private const int Batches = 2;
    private const int LargestBatch = 256;

    private readonly ConcurrentQueue<Waiting> queue = new();
    private int running;

    private sealed class Waiting(string tokenHash, string deviceKey)
        : TaskCompletionSource<CheckedLicense?>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string TokenHash => tokenHash;

        public string DeviceKey => deviceKey;
    }

    // A license has one expiry, its current token's, which a renewal extends: an older token that the platform left live has the same.
    // The platform's columns may hold null: a state is its default then, and a subscription is inactive only where that is said.
    // The sub-selects hide the number of licenses from the planner: it would plan anew for every small batch.
    public const string Read = """
        select asked.n::int,
               t.subscription_id, t.is_active is true and newer.is_active is not false, coalesce(t.revoked_reason, newer.revoked_reason),
               replacement.overlap_until,
               case when replacement.token_id is not null then newer.expires_at
                    when later.token_id is not null then later.expires_at
                    else t.expires_at end,
               license.grace_until, coalesce(s.state, 'SYNCED')::text, s.is_active is not false, s.paused_reason,
               open.only_for_expiry, open.reason, open.took_token, open.stands, open.led_by_device,
               d.device_id, d.first_seen_at, d.last_seen_at, places.used, places.beyond
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
        left join lateral (
            select bool_and(o.cause = 'EXPIRY') as only_for_expiry,
                   (array_agg(o.reason order by o.cause = 'EXPIRY', o.suspended_at desc))[1] as reason,
                   bool_or(t.token_id = any(o.token_ids)) as took_token,
                   bool_or(o.reason = s.paused_reason and s.state = 'SUSPENDED_ADMIN') as stands,
                   bool_or(o.device_key = asked.device_key) as led_by_device
            from license_suspensions o
            where o.subscription_id = t.subscription_id and o.closed_at is null
        ) open on true
        left join lateral (
            select count(*)::int as used, (count(*) filter (where p.beyond_limit))::int as beyond
            from license_devices p
            where p.subscription_id = t.subscription_id and p.removed_at is null
        ) places on true
        """;

    /// <summary>Null for a token that no license has.</summary>
    public ValueTask<CheckedLicense?> ReadAsync(string tokenHash, string deviceKey)
    {
        if (cache.IsOn && cache.Find(tokenHash, deviceKey) is { } kept)
            return new(kept);

        var waiting = new Waiting(tokenHash, deviceKey);
        queue.Enqueue(waiting);
        StartBatch();
        return new(waiting.Task);
    }

    /// <summary>The same within a transaction that has locked the license.</summary>
    public static async Task<CheckedLicense?> ReadAsync(
        NpgsqlConnection connection, string tokenHash, string deviceKey, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, [tokenHash], [deviceKey]);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? Map(reader) : null;
    }

    private void StartBatch()
    {
        // Counts only batches that really run: one counted for a moment too many could keep the last of them from starting anew.
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
        NpgsqlConnection? connection = null;
        while (Take(batch))
        {
            try
            {
                connection ??= await database.OpenAsync(CancellationToken.None);
                await ReadAsync(connection, batch);
            }
#pragma warning disable CA1031 // Whatever it is, it belongs to those who wait for this batch.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                foreach (var waiting in batch)
                    waiting.TrySetException(failure);
                await CloseAsync(connection);
                connection = null;
            }
        }

        await CloseAsync(connection);

        Interlocked.Decrement(ref running);
        // Somebody may have queued between the last look and the step down, and found all batches running.
        if (!queue.IsEmpty)
            StartBatch();
    }

    private static ValueTask CloseAsync(NpgsqlConnection? connection) => connection?.DisposeAsync() ?? default;

    private bool Take(List<Waiting> batch)
    {
        batch.Clear();
        while (batch.Count < LargestBatch && queue.TryDequeue(out var waiting))
            batch.Add(waiting);
        return batch.Count > 0;
    }

    private async Task ReadAsync(NpgsqlConnection connection, List<Waiting> batch)
    {
        var began = time.GetTimestamp();
        var tokens = new string[batch.Count];
        var devices = new string[batch.Count];
        for (var n = 0; n < batch.Count; n++)
            (tokens[n], devices[n]) = (batch[n].TokenHash, batch[n].DeviceKey);

        var found = new CheckedLicense?[batch.Count];
        await using (var command = Command(connection, tokens, devices))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                var n = reader.GetInt32(0) - 1;
                try
                {
                    found[n] = Map(reader);
                }
                catch (Exception unreadable) when (unreadable is InvalidOperationException or InvalidCastException or OverflowException)
                {
                    // A state or a time of the platform's that means nothing here: one license's, not its neighbours'.
                    batch[n].TrySetException(unreadable);
                }
            }
        }

        for (var n = 0; n < batch.Count; n++)
        {
            if (cache.IsOn && found[n] is { Device: not null } license)
                cache.Keep(tokens[n], devices[n], license, began);
            batch[n].TrySetResult(found[n]);
        }
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string[] tokens, string[] devices) => new(Read, connection)
    {
        Parameters =
        {
            new NpgsqlParameter<string[]> { TypedValue = tokens, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
            new NpgsqlParameter<string[]> { TypedValue = devices, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
        },
    };

    private static CheckedLicense Map(NpgsqlDataReader row) => new(
        row.GetGuid(1),
        LicenseFactsColumns.Read(row, 2),
        row.IsDBNull(15) ? null : new KnownDevice(row.GetGuid(15), row.Time(16)!.Value, row.Time(17)!.Value),
        row.GetInt32(18),
        row.GetInt32(19));
}
