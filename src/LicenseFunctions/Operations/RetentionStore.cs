using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Npgsql;

namespace LicenseFunctions.Operations;

/// <summary>What has had its time. Each method does a bounded piece and is called again while there is more.</summary>
public sealed class RetentionStore(LicenseDatabase database)
{
    private const string DropUsage = "select drop_expired_usage(make_interval(days => @days), @most)";

    /// <summary>Drops the oldest weeks of raw usage; no row is deleted singly.</summary>
    public async Task<IReadOnlyList<string>> DropUsageAsync(int days, int most, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(DropUsage, new { days, most }, cancellationToken: cancellationToken))];
    }

    private const string MakeUsageAhead = "select ensure_usage_partitions(now(), now() + interval '8 weeks')";

    /// <returns>How many weeks were made.</returns>
    public Task<int> MakeUsageAheadAsync(CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<int>(
            new CommandDefinition(MakeUsageAhead, cancellationToken: token)), cancellationToken);

    private const string DeleteQuarantined = """
        delete from usage_quarantine where quarantine_id in (
            select quarantine_id from usage_quarantine where quarantined_at < now() - make_interval(days => @days)
            order by quarantined_at limit @most for update skip locked)
        """;

    public Task<int> DeleteQuarantinedAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteQuarantined, days, most, cancellationToken);

    private const string EmptyOutbox = """
        update outbox set payload = '{}' where outbox_id in (
            select outbox_id from outbox
            where created_at < now() - make_interval(days => @days) and (sent_at is not null or dead_at is not null) and payload <> '{}'
            order by created_at limit @most for update skip locked)
        """;

    /// <summary>Empties what was sent or given up; the row and its key stay, so that nothing is sent twice.</summary>
    public Task<int> EmptyOutboxAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyOutbox, days, most, cancellationToken);

    private const string EmptyPaymentEvents = """
        update payment_events set body = null where (provider, event_id) in (
            select provider, event_id from payment_events
            where received_at < now() - make_interval(days => @days) and body is not null
            order by received_at limit @most for update skip locked)
        """;

    /// <summary>Empties the inbox; the events' ids stay, so that none has its effect twice.</summary>
    public Task<int> EmptyPaymentEventsAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(EmptyPaymentEvents, days, most, cancellationToken);

    private const string DeleteRenewalRequests = """
        delete from renewal_requests where (caller_id, idempotency_key) in (
            select caller_id, idempotency_key from renewal_requests where requested_at < now() - make_interval(days => @days)
            order by requested_at limit @most for update skip locked)
        """;

    /// <summary>Idempotency-Keys that nobody repeats any more; without them a repeat still finds the renewal as it is.</summary>
    public Task<int> DeleteRenewalRequestsAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteRenewalRequests, days, most, cancellationToken);

    private const string DeleteArrivals = """
        delete from usage_arrivals where arrival_id in (
            select arrival_id from usage_arrivals where arrived_at < now() - make_interval(days => @days)
            order by arrival_id limit @most for update skip locked)
        """;

    /// <summary>Arrivals whose rows are gone, should nobody have claimed them.</summary>
    public Task<int> DeleteArrivalsAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteArrivals, days, most, cancellationToken);

    private const string DeleteDeviceNetworks = """
        delete from license_device_networks where (device_id, network) in (
            select device_id, network from license_device_networks where last_seen_at < now() - make_interval(days => @days)
            limit @most for update skip locked)
        """;

    public Task<int> DeleteDeviceNetworksAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(DeleteDeviceNetworks, days, most, cancellationToken);

    private const string CoarsenDevices = """
        update license_devices set ip_address = usage_network(ip_address) where device_id in (
            select device_id from license_devices
            where last_seen_at < now() - make_interval(days => @days) and ip_address <> usage_network(ip_address)
            order by device_id limit @most for update skip locked)
        """;

    /// <summary>Leaves the network of an address that a device was last seen at.</summary>
    public Task<int> CoarsenDevicesAsync(int days, int most, CancellationToken cancellationToken) =>
        RunAsync(CoarsenDevices, days, most, cancellationToken);

    private Task<int> RunAsync(string sql, int days, int most, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(sql, new { days, most }, cancellationToken: token)), cancellationToken);
}
