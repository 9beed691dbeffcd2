using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Operations;

/// <summary>Deletes expired data. Each method handles one batch; the caller repeats it as long as the batches are full.</summary>
public sealed class RetentionStore(LicenseDatabase database)
{
    private const string DropUsage = "select drop_expired_usage(@age, @most)";

    /// <summary>Drops the partitions of the oldest weeks of raw usage.</summary>
    public async Task<IReadOnlyList<string>> DropUsageAsync(TimeSpan age, int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<string>(
            new CommandDefinition(DropUsage, new { age, most }, cancellationToken: cancellationToken))];
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

    public Task<int> DeleteQuarantinedAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteQuarantined, age, most, cancellationToken);

    private const string EmptyOutbox = """
        update outbox set payload = '{}' where outbox_id in (
            select outbox_id from outbox
            where created_at < now() - @age and (sent_at is not null or dead_at is not null) and payload <> '{}'
            order by created_at limit @most for update skip locked)
        """;

    /// <summary>Empties rows that were sent or given up. The rows and their keys stay, so that nothing is sent twice.</summary>
    public Task<int> EmptyOutboxAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyOutbox, age, most, cancellationToken);

    private const string EmptyPaymentEvents = """
        update payment_events set body = null where (provider, event_id) in (
            select provider, event_id from payment_events
            where received_at < now() - @age and body is not null
            order by received_at limit @most for update skip locked)
        """;

    /// <summary>Empties payment events. Their IDs stay, so that no event is applied twice.</summary>
    public Task<int> EmptyPaymentEventsAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyPaymentEvents, age, most, cancellationToken);

    private const string DeleteRenewalRequests = """
        delete from renewal_requests where (caller_id, idempotency_key) in (
            select caller_id, idempotency_key from renewal_requests where requested_at < now() - @age
            order by requested_at limit @most for update skip locked)
        """;

    /// <summary>Deletes old Idempotency-Keys. A later request with the same key is handled as a new request.</summary>
    public Task<int> DeleteRenewalRequestsAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteRenewalRequests, age, most, cancellationToken);

    private const string DeleteSkippedRows = """
        delete from skipped_rows where (source, row_id) in (
            select source, row_id from skipped_rows where last_seen_at < now() - @age
            limit @most for update skip locked)
        """;

    public Task<int> DeleteSkippedRowsAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteSkippedRows, age, most, cancellationToken);

    private const string DeleteArrivals = """
        delete from usage_arrivals where arrival_id in (
            select arrival_id from usage_arrivals where arrived_at < now() - @age
            order by arrival_id limit @most for update skip locked)
        """;

    /// <summary>Deletes arrivals whose usage no longer exists and that no scan has claimed.</summary>
    public Task<int> DeleteArrivalsAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteArrivals, age, most, cancellationToken);

    private const string DeleteDeviceNetworks = """
        delete from license_device_networks where (device_id, network) in (
            select device_id, network from license_device_networks where last_seen_at < now() - @age
            limit @most for update skip locked)
        """;

    public Task<int> DeleteDeviceNetworksAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteDeviceNetworks, age, most, cancellationToken);

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
    public Task<int> DeleteReplacedTokensAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteReplacedTokens, age, most, cancellationToken);

    private const string CoarsenDevices = """
        update license_devices set ip_address = usage_network(ip_address) where device_id in (
            select device_id from license_devices
            where last_seen_at < now() - @age and ip_address <> usage_network(ip_address)
            order by device_id limit @most for update skip locked)
        """;

    /// <summary>Replaces the last IP address of a device by its network.</summary>
    public Task<int> CoarsenDevicesAsync(TimeSpan age, int most, CancellationToken cancellationToken) =>
        RunAsync(CoarsenDevices, age, most, cancellationToken);

    private Task<int> RunAsync(string sql, TimeSpan age, int most, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(sql, new { age, most }, cancellationToken: token)), cancellationToken);
}
