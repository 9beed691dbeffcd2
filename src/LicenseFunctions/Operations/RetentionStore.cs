using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>Deletes expired data. Each method handles one batch; the caller repeats it as long as the batches are full.</summary>
public sealed class RetentionStore(LicenseDatabase database)
{
    /// <summary>The names of the parts whose delay is measured.</summary>
    public const string Usage = "usage";
    public const string Quarantine = "quarantine";
    public const string Outbox = "outbox";
    public const string PaymentEvents = "payment_events";
    public const string RequestKeys = "request_keys";
    public const string Networks = "networks";
    public const string Addresses = "addresses";
    public const string Events = "events";

    public static readonly TimeSpan RawAge = TimeSpan.FromDays(90);
    public static readonly TimeSpan BodyAge = TimeSpan.FromDays(30);

    private const string DropUsage = "select drop_expired_usage(@age, @most)";

    /// <summary>Drops the partitions or chunks of the oldest weeks of raw usage, except those that a reader has locked.</summary>
    /// <returns>The number of dropped ones.</returns>
    public Task<int> DropUsageAsync(int most, CancellationToken cancellationToken) =>
        database.InStatementAsync(async (connection, token) => (await connection.QueryAsync<string>(
            new CommandDefinition(DropUsage, new { age = RawAge, most }, cancellationToken: token))).Count(), cancellationToken);

    private const string Overdue = $$"""
        with oldest (part, expired_at) as (
            select '{{Usage}}', (select min(ends_at) from usage_log_parts()) + @RawAge
            union all
            select '{{Quarantine}}', (select min(quarantined_at) from usage_quarantine) + @BodyAge
            union all
            select '{{Outbox}}', (select min(created_at) from outbox
                                where (sent_at is not null or dead_at is not null) and payload <> '{}') + @BodyAge
            union all
            select '{{PaymentEvents}}', (select min(received_at) from payment_events where body is not null) + @BodyAge
            union all
            select '{{RequestKeys}}', (select min(requested_at) from renewal_requests) + @BodyAge
            union all
            select '{{Networks}}', (select min(last_seen_at) from license_device_networks) + @RawAge
            union all
            select '{{Addresses}}', (select min(last_seen_at) from license_devices where ip_address <> usage_network(ip_address)) + @RawAge
            union all
            select '{{Events}}', (select min(occurred_at) from license_events) + @RawAge
        )
        select part, extract(epoch from now() - expired_at)::bigint from oldest where expired_at < now()
        """;

    /// <summary>By how many seconds the oldest row of a part has exceeded its limit. Parts without such a row are left out.</summary>
    public async Task<IReadOnlyDictionary<string, long>> OverdueAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<(string Part, long Seconds)>(
                new CommandDefinition(Overdue, new { RawAge, BodyAge }, cancellationToken: cancellationToken)))
            .ToDictionary(row => row.Part, row => row.Seconds);
    }

    private const string MakeUsageAhead = "select ensure_usage_partitions(now(), now() + interval '8 weeks')";

    /// <returns>The number of created partitions.</returns>
    public Task<int> MakeUsageAheadAsync(CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<int>(
            new CommandDefinition(MakeUsageAhead, cancellationToken: token)), cancellationToken);

    private const string DeleteQuarantined = """
        delete from usage_quarantine where quarantine_id in (
            select quarantine_id from usage_quarantine where quarantined_at < now() - @age
            order by quarantined_at limit @most for update skip locked)
        """;

    public Task<int> DeleteQuarantinedAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteQuarantined, BodyAge, most, cancellationToken);

    private const string EmptyOutbox = """
        update outbox set payload = '{}' where outbox_id in (
            select outbox_id from outbox
            where created_at < now() - @age and (sent_at is not null or dead_at is not null) and payload <> '{}'
            order by created_at limit @most for update skip locked)
        """;

    /// <summary>Empties rows that were sent or given up. The rows and their keys stay, so that nothing is sent twice.</summary>
    public Task<int> EmptyOutboxAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyOutbox, BodyAge, most, cancellationToken);

    private const string EmptyPaymentEvents = """
        update payment_events set body = null where (provider, event_id) in (
            select provider, event_id from payment_events
            where received_at < now() - @age and body is not null
            order by received_at limit @most for update skip locked)
        """;

    /// <summary>Empties payment events. Their IDs stay, so that no event is applied twice.</summary>
    public Task<int> EmptyPaymentEventsAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyPaymentEvents, BodyAge, most, cancellationToken);

    private const string DeleteRenewalRequests = """
        delete from renewal_requests where (caller_id, idempotency_key) in (
            select caller_id, idempotency_key from renewal_requests where requested_at < now() - @age
            order by requested_at limit @most for update skip locked)
        """;

    /// <summary>Deletes old Idempotency-Keys. A later request with the same key is handled as a new request.</summary>
    public Task<int> DeleteRenewalRequestsAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteRenewalRequests, BodyAge, most, cancellationToken);

    private const string DeleteSkippedRows = """
        delete from skipped_rows where (source, row_id) in (
            select source, row_id from skipped_rows where last_seen_at < now() - @age
            limit @most for update skip locked)
        """;

    public Task<int> DeleteSkippedRowsAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteSkippedRows, BodyAge, most, cancellationToken);

    private const string DeleteArrivals = """
        delete from usage_arrivals where arrival_id in (
            select arrival_id from usage_arrivals where arrived_at < now() - @age
            order by arrival_id limit @most for update skip locked)
        """;

    /// <summary>Deletes arrivals whose usage no longer exists and that no scan has claimed.</summary>
    public Task<int> DeleteArrivalsAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteArrivals, RawAge, most, cancellationToken);

    private const string DeleteDeviceNetworks = """
        delete from license_device_networks where (device_id, network) in (
            select device_id, network from license_device_networks where last_seen_at < now() - @age
            limit @most for update skip locked)
        """;

    public Task<int> DeleteDeviceNetworksAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteDeviceNetworks, RawAge, most, cancellationToken);

    private const string DeleteEvents = """
        delete from license_events where event_id in (
            select event_id from license_events where occurred_at < now() - @age
            order by occurred_at limit @most for update skip locked)
        """;

    /// <summary>Deletes old events of the feed. The places and numbers of the others don't change.</summary>
    public Task<int> DeleteEventsAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteEvents, RawAge, most, cancellationToken);

    // Deleting a token also deletes the replacements that refer to it. They are older, so a token stays until all older ones of its
    // license are deleted.
    private const string DeleteReplacedTokens = """
        delete from license_tokens where token_id in (
            select r.token_id
            from license_token_replacements r
            join license_tokens t on t.token_id = r.token_id
            where r.overlap_until < now() - @age
              and not exists (select from license_token_replacements older
                              where older.subscription_id = r.subscription_id and older.replaced_at < r.replaced_at
                                and older.overlap_until >= now() - @age)
            order by r.replaced_at limit @most for update of t)
        """;

    /// <summary>Deletes tokens that were replaced by a rotation and are no longer accepted.</summary>
    public Task<int> DeleteReplacedTokensAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteReplacedTokens, RawAge, most, cancellationToken);

    private const string CoarsenDevices = """
        update license_devices set ip_address = usage_network(ip_address) where device_id in (
            select device_id from license_devices
            where last_seen_at < now() - @age and ip_address <> usage_network(ip_address)
            order by device_id limit @most for update skip locked)
        """;

    /// <summary>Replaces the last IP address of a device by its network.</summary>
    public Task<int> CoarsenDevicesAsync(int most, CancellationToken cancellationToken) =>
        RunAsync(CoarsenDevices, RawAge, most, cancellationToken);

    private Task<int> RunAsync(string sql, TimeSpan age, int most, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(sql, new { age, most }, cancellationToken: token)), cancellationToken);
}
