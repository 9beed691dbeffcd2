using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>Since when the devices of a refused license may only close their positions.</summary>
public sealed class CloseOnlyStore(LicenseDatabase database, ILogger<CloseOnlyStore> log)
{
    private sealed record Row
    {
        public DateTime? FirstSeenAt { get; init; }
        public DateTime? BeganAt { get; init; }
        public DateTime? SuspendedAt { get; init; }
        public bool IsFraud { get; init; }
    }

    // A device keeps its row when it loses its slot.
    private const string Read = """
        select d.first_seen_at,
               (select min(p.began_at) from close_only_periods p
                where p.subscription_id = s.subscription_id and p.began_at > @since) as began_at,
               coalesce(own.suspended_at, past_time(s.paused_at)) as suspended_at, own.is_fraud is true as is_fraud
        from subscriptions s
        left join license_devices d on d.subscription_id = s.subscription_id and d.device_key = @deviceKey
        cross join lateral (
            select min(o.suspended_at) filter (where is_liftable(o.cause)) as suspended_at, bool_or(o.cause = 'FRAUD') as is_fraud
            from license_suspensions o
            where o.subscription_id = s.subscription_id and o.closed_at is null
        ) own
        where s.subscription_id = @subscriptionId
        """;

    /// <summary>Reads the facts, and begins the period with the first refusal of a device that had a slot.</summary>
    /// <returns>Null if the license was deleted.</returns>
    public async Task<CloseOnlyFacts?> RefusedAsync(
        Guid subscriptionId, string deviceKey, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var since = (now - Entitlements.PeriodCountsFor).UtcDateTime;
        if (await ReadAsync(subscriptionId, deviceKey, since, cancellationToken) is not { } row)
            return null;
        if (row is { BeganAt: null, FirstSeenAt: not null })
        {
            try
            {
                await BeginAsync(subscriptionId, now, cancellationToken);
            }
            catch (PostgresException failure)
            {
                log.LogWarning(failure, "The next refused check begins the time in which this license's devices may close positions");
            }
        }

        return new CloseOnlyFacts(Time(row.FirstSeenAt), Time(row.BeganAt) ?? now, Time(row.SuspendedAt), row.IsFraud);
    }

    private async Task<Row?> ReadAsync(Guid subscriptionId, string deviceKey, DateTime since, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(
            Read, new { subscriptionId, deviceKey, since }, cancellationToken: session.Token));
    }

    private const string Begin = """
        insert into close_only_periods (subscription_id, began_at) values (@subscriptionId, @now) on conflict do nothing
        """;

    private Task<int> BeginAsync(Guid subscriptionId, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            Begin, new { subscriptionId, now = now.UtcDateTime }, cancellationToken: token)), cancellationToken);

    private static DateTimeOffset? Time(DateTime? time) => time is { } known ? new DateTimeOffset(known, TimeSpan.Zero) : null;
}
