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

    private const string Read = """
        select first_seen_at, began_at, suspended_at, is_fraud from close_only_facts(@subscriptionId, @deviceKey, @since)
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
