using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Licenses;

namespace LicenseFunctions.Usage;

/// <summary>Sums of usage over a time span.</summary>
public sealed record UsageTotals
{
    public long Sessions { get; init; }
    public long SessionSec { get; init; }
    public long SignalsReceived { get; init; }
    public long SignalsExecuted { get; init; }
    public long SignalsRejected { get; init; }

    /// <summary>Mean latency in milliseconds, weighted by the signals of each session; null if none was measured.</summary>
    public decimal? AvgLatencyMs { get; init; }

    public int Devices { get; init; }

    /// <summary>Number of networks (IPv4 /24, IPv6 /48).</summary>
    public int Places { get; init; }
}

/// <summary>One hour or day of a license; zeros if there was no usage.</summary>
public sealed record UsageBucket
{
    /// <summary>Start of the hour or day, UTC.</summary>
    public DateTime At { get; init; }

    public long SignalsReceived { get; init; }
    public long SignalsExecuted { get; init; }
    public long SignalsRejected { get; init; }
    public decimal? AvgLatencyMs { get; init; }
    public long Sessions { get; init; }
    public long SessionSec { get; init; }
    public int Devices { get; init; }
    public int Places { get; init; }
}

/// <summary>Usage of a license from one network.</summary>
public sealed record UsageNetwork
{
    public string Network { get; init; } = "";

    /// <summary>Null if unknown.</summary>
    public string? CountryCode { get; init; }

    public long Sessions { get; init; }
    public long SignalsReceived { get; init; }

    /// <summary>Start of the last hour with usage.</summary>
    public DateTime LastHourAt { get; init; }
}

/// <summary>Sums of one license, country or master.</summary>
public sealed record UsageGroup
{
    /// <summary>Id of the license or master, or the country code (ZZ: unknown).</summary>
    public string Key { get; init; } = "";

    public int Licenses { get; init; }
    public long Sessions { get; init; }
    public long SignalsReceived { get; init; }
    public long SignalsExecuted { get; init; }
    public long SignalsRejected { get; init; }

    /// <summary>Rejected signals divided by received signals, 0 to 1; null if none was received.</summary>
    public decimal? RejectRate { get; init; }

    public decimal? AvgLatencyMs { get; init; }

    /// <summary>Mail address of the license's subscriber or of the master; null for other groups.</summary>
    public string? Name { get; init; }
}

/// <summary>Reads usage_sums. Spans include their start and exclude their end.</summary>
public sealed class UsageRollupStore(LicenseDatabase database)
{
    private const string Totals = """
        select coalesce(sum(sessions), 0)::bigint as sessions, coalesce(sum(session_sec), 0)::bigint as session_sec,
               coalesce(sum(signals_received), 0)::bigint as signals_received,
               coalesce(sum(signals_executed), 0)::bigint as signals_executed,
               coalesce(sum(signals_rejected), 0)::bigint as signals_rejected,
               round(sum(latency_weighted) / nullif(sum(latency_signals), 0), 1) as avg_latency_ms,
               count(distinct (ea_instance_id, mt5_account_number))::int as devices, count(distinct network)::int as places
        from usage_sums
        where subscription_id = @subscriptionId and hour_at >= @from and hour_at < @to
        """;

    /// <param name="subscriberId">The subscriber that calls; null for an operator.</param>
    /// <returns>Null if the license doesn't exist or has another subscriber.</returns>
    public async Task<UsageTotals?> TotalsAsync(
        Guid subscriptionId, Guid? subscriberId, DateTime from, DateTime to, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return await LicenseVisibility.IsVisibleAsync(connection, subscriptionId, subscriberId, cancellationToken)
            ? await connection.QuerySingleAsync<UsageTotals>(
                new CommandDefinition(Totals, new { subscriptionId, from, to }, cancellationToken: cancellationToken))
            : null;
    }

    // The series is generated in UTC, because the session's time zone may have daylight saving time.
    private const string Buckets = """
        with r as materialized ( -- once, and not for each bucket
            select * from usage_sums where subscription_id = @subscriptionId and hour_at >= @from and hour_at < @to
        )
        select bucket at time zone 'UTC' as at,
               coalesce(sum(signals_received), 0)::bigint as signals_received,
               coalesce(sum(signals_executed), 0)::bigint as signals_executed,
               coalesce(sum(signals_rejected), 0)::bigint as signals_rejected,
               round(sum(latency_weighted) / nullif(sum(latency_signals), 0), 1) as avg_latency_ms,
               coalesce(sum(sessions), 0)::bigint as sessions, coalesce(sum(session_sec), 0)::bigint as session_sec,
               count(distinct (ea_instance_id, mt5_account_number)) filter (where r.hour_at is not null)::int as devices,
               count(distinct network)::int as places
        from generate_series(@from at time zone 'UTC', @to at time zone 'UTC' - @step, @step) as bucket
        left join r
            on r.hour_at >= bucket at time zone 'UTC' and r.hour_at < (bucket + @step) at time zone 'UTC'
        group by bucket
        order by bucket
        """;

    public async Task<IReadOnlyList<UsageBucket>> BucketsAsync(
        Guid subscriptionId, DateTime from, DateTime to, TimeSpan step, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<UsageBucket>(
            new CommandDefinition(Buckets, new { subscriptionId, from, to, step }, cancellationToken: cancellationToken))];
    }

    private const string Networks = """
        select nullif(network, '0.0.0.0/0')::text as network, nullif(country_code, 'ZZ') as country_code,
               sum(sessions)::bigint as sessions, sum(signals_received)::bigint as signals_received, max(hour_at) as last_hour_at
        from usage_sums
        where subscription_id = @subscriptionId and hour_at >= @from and hour_at < @to
        group by 1, 2
        order by sessions desc, network
        limit 100
        """;

    public async Task<IReadOnlyList<UsageNetwork>> NetworksAsync(
        Guid subscriptionId, DateTime from, DateTime to, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<UsageNetwork>(
            new CommandDefinition(Networks, new { subscriptionId, from, to }, cancellationToken: cancellationToken))];
    }

    private const string Groups = """
        with sums as (
            select case @by when 'license' then r.subscription_id::text when 'country' then r.country_code
                            when 'master' then s.master_id::text else '' end as key,
                   count(distinct r.subscription_id)::int as licenses, sum(sessions)::bigint as sessions,
                   sum(signals_received)::bigint as signals_received, sum(signals_executed)::bigint as signals_executed,
                   sum(signals_rejected)::bigint as signals_rejected,
                   sum(latency_weighted) as latency_weighted, sum(latency_signals) as latency_signals
            from usage_sums r
            left join subscriptions s on @by = 'master' and s.subscription_id = r.subscription_id
            where hour_at >= @from and hour_at < @to
            group by 1
        )
        select coalesce(key, '') as key, licenses, sessions, signals_received, signals_executed, signals_rejected,
               least(round(signals_rejected::numeric / nullif(signals_received, 0), 4), 1) as reject_rate,
               round(latency_weighted / nullif(latency_signals, 0), 1) as avg_latency_ms,
               case @by when 'license' then (select u.email from subscriptions o join users u on u.user_id = o.subscriber_id
                                             where o.subscription_id = key::uuid)
                        when 'master' then (select u.email from users u where u.user_id = key::uuid) end as name
        from sums
        order by signals_received desc, key
        limit @limit
        """;

    /// <param name="by">license, country or master; all: one row with the totals.</param>
    /// <param name="limit">Null for all groups.</param>
    /// <returns>In memory, because a stream to a slow client would keep its connection busy.</returns>
    public async Task<IReadOnlyList<UsageGroup>> GroupsAsync(
        string by, DateTime from, DateTime to, int? limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return [.. await connection.QueryAsync<UsageGroup>(
            new CommandDefinition(Groups, new { by, from, to, limit }, cancellationToken: cancellationToken))];
    }
}
