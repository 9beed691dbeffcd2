using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Devices;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LicenseFunctions.Validation;

/// <summary>Until when the devices of a refused license may close their positions.</summary>
public sealed class CloseOnlyStore(LicenseDatabase database, ILogger<CloseOnlyStore> log)
{
    private sealed record Row
    {
        public DateTime? FirstSeenAt { get; init; }
        public DateTime? BeganAt { get; init; }
        public DateTime? SuspendedAt { get; init; }
        public bool IsFraud { get; init; }
        public DateTime? LastRefusedAt { get; init; }
    }

    private static readonly TimeSpan NoteRefusalsEach = TimeSpan.FromDays(1);

    private const string Read = """
        select f.first_seen_at, f.began_at, f.suspended_at, f.is_fraud, p.last_refused_at
        from close_only_facts(@subscriptionId, @deviceKey, @since) f
        left join close_only_periods p on p.subscription_id = @subscriptionId and p.began_at = f.began_at
        """;

    /// <summary>
    /// Until when a refused device may close its positions. The license's first refusal that lets a device do so begins the period.
    /// </summary>
    /// <param name="code">The code of the refusal.</param>
    /// <param name="length">The length of a period.</param>
    /// <returns>Null if it may not.</returns>
    public async Task<DateTimeOffset?> UntilAsync(
        LicenseCode code, Guid subscriptionId, string deviceKey, TimeSpan length, DateTimeOffset now, CancellationToken cancellationToken)
    {
        DatabaseScope.Enter(DatabasePool.Checks);
        var since = (now - Entitlements.PeriodCountsFor).UtcDateTime;
        if (await ReadAsync(subscriptionId, deviceKey, since, cancellationToken) is not { } row)
            return null;

        var began = Time(row.BeganAt);
        var facts = new CloseOnlyFacts(Time(row.FirstSeenAt), began ?? now, Time(row.SuspendedAt), row.IsFraud);
        var until = Entitlements.CloseOnlyUntil(code, facts, length, now);
        if (began is { } start ? now - (Time(row.LastRefusedAt) ?? start) >= NoteRefusalsEach : until is not null)
        {
            try
            {
                await NoteAsync(subscriptionId, began ?? now, now, cancellationToken);
            }
            catch (PostgresException failure)
            {
                log.LogWarning(
                    failure, "The refusal of license {SubscriptionId} could not be stored; the next refused check tries again",
                    subscriptionId);
            }
        }

        return until;
    }

    private async Task<Row?> ReadAsync(Guid subscriptionId, string deviceKey, DateTime since, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(
            Read, new { subscriptionId, deviceKey, since }, cancellationToken: session.Token));
    }

    private const string Note = """
        insert into close_only_periods (subscription_id, began_at, last_refused_at) values (@subscriptionId, @began, @now)
        on conflict (subscription_id, began_at) do update set last_refused_at = excluded.last_refused_at
        """;

    private Task<int> NoteAsync(Guid subscriptionId, DateTimeOffset began, DateTimeOffset now, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(
            Note, new { subscriptionId, began = began.UtcDateTime, now = now.UtcDateTime }, cancellationToken: token)), cancellationToken);

    private static DateTimeOffset? Time(DateTime? time) => time is { } known ? new DateTimeOffset(known, TimeSpan.Zero) : null;
}
