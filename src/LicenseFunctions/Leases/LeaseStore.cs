using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing.Leases;

namespace LicenseFunctions.Leases;

/// <summary>A lease that ended early.</summary>
/// <param name="Number">Its place in the list, from 1, with gaps.</param>
/// <param name="Jti">The ID of the lease.</param>
public sealed record Revocation(long Number, Guid Jti, Guid SubscriptionId, DateTime RevokedAt, DateTime ExpiresAt);

/// <summary>A license that is no longer valid for as long as its leases.</summary>
public sealed record InvalidatedLicense
{
    public required Guid SubscriptionId { get; init; }

    /// <summary>Leases that expire later end; null: all.</summary>
    public DateTime? Until { get; init; }
}

/// <summary>Leases until they expire.</summary>
public sealed class LeaseStore(LicenseDatabase database)
{
    private sealed record FactsRow(DateTime FirstSeenAt, short DaysSeen, bool IsSuspected);

    private const string Facts = """
        select d.first_seen_at, d.days_seen,
               exists (select from suspicious_activity_alerts a
                       where a.subscription_id = d.subscription_id and is_alert_open(a.status) and is_about_use(a.activity_type))
                   as is_suspected
        from license_devices d
        where d.device_id = @deviceId and d.removed_at is null
        """;

    /// <returns>Null if the device is no longer registered.</returns>
    public async Task<LeaseFacts?> FactsAsync(Guid deviceId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<FactsRow>(
            new CommandDefinition(Facts, new { deviceId }, cancellationToken: session.Token)) is { } row
            ? new LeaseFacts(new DateTimeOffset(row.FirstSeenAt, TimeSpan.Zero), row.DaysSeen, row.IsSuspected)
            : null;
    }

    private const string Add = """
        with device as (
            update license_devices set lease_id = @LeaseId, lease_issued_at = @issuedAt, lease_expires_at = @expiresAt
            where device_id = @deviceId and removed_at is null and lease_id is not distinct from @replaced
              -- A suspension after the check's read ended only the leases that existed then.
              and not exists (select from license_suspensions o
                              where o.subscription_id = license_devices.subscription_id and o.closed_at is null)
            returning subscription_id, device_id
        )
        insert into license_leases (lease_id, subscription_id, device_id, issued_at, expires_at)
        select @LeaseId, subscription_id, device_id, @issuedAt, @expiresAt from device
        """;

    /// <param name="replaced">The device's lease until now; null if it has none.</param>
    /// <returns>Whether it was stored: not if the device was removed, or got another lease in the meantime.</returns>
    public async Task<bool> AddAsync(Lease lease, Guid deviceId, Guid? replaced, CancellationToken cancellationToken) =>
        await database.InStatementAsync((connection, token) => connection.ExecuteAsync(new CommandDefinition(Add, new
        {
            lease.LeaseId,
            deviceId,
            replaced,
            issuedAt = lease.IssuedAt.UtcDateTime,
            expiresAt = lease.ExpiresAt.UtcDateTime,
        }, cancellationToken: token)), cancellationToken) == 1;

    private const string Current = """
        select lease_id, lease_issued_at, lease_expires_at from license_devices where device_id = @deviceId and lease_id is not null
        """;

    /// <returns>The device's lease; null if it has none.</returns>
    public async Task<Lease?> CurrentAsync(Guid deviceId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<(Guid LeaseId, DateTime IssuedAt, DateTime ExpiresAt)?>(
            new CommandDefinition(Current, new { deviceId }, cancellationToken: session.Token)) is { } row
            ? new Lease(row.LeaseId, new DateTimeOffset(row.IssuedAt, TimeSpan.Zero), new DateTimeOffset(row.ExpiresAt, TimeSpan.Zero))
            : null;
    }

    // The lateral joins read only the licenses that have leases.
    private const string Invalidated = """
        select l.subscription_id, nullif(c.until, '-infinity') as until
        from (select subscription_id, max(expires_at) as expires_at
              from license_leases where ended_at is null and expires_at > now() group by subscription_id) l
        left join lateral (
            select case when license_code(
                                 t.is_active is true, t.revoked_reason, t.expires_at, state.grace_until, subscription_state_of(s.state),
                                 is_subscription_active(s.is_active), s.paused_reason, o.only_for_expiry, o.took_token, o.stands, @grace)
                             in ('VALID', 'GRACE')
                        then coalesce(
                            greatest(t.expires_at + @grace, case when t.expires_at is not null then state.grace_until end), 'infinity')
                        else '-infinity' end as until
            from subscriptions s
            join lateral (select * from v_current_license_tokens v where v.subscription_id = s.subscription_id) t on true
            left join license_states state on state.subscription_id = s.subscription_id
            left join lateral open_suspension_facts(s.subscription_id, t.token_id, null, s.state, s.paused_reason) o on true
            where s.subscription_id = l.subscription_id
        ) c on true
        where c.until is null or l.expires_at > c.until
        """;

    /// <summary>Licenses whose leases are valid longer than the license: the platform has ended it, or moved its expiry back.</summary>
    /// <param name="grace">How long an expired license stays valid.</param>
    public async Task<IReadOnlyList<InvalidatedLicense>> InvalidatedAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<InvalidatedLicense>(
            new CommandDefinition(Invalidated, new { grace }, cancellationToken: session.Token))).AsList();
    }

    private const string End = "select end_license_leases(@SubscriptionId, null, coalesce(@Until, '-infinity'::timestamptz))";

    /// <returns>How many leases were ended.</returns>
    public Task<int> EndAsync(InvalidatedLicense license, CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteScalarAsync<int>(
            new CommandDefinition(End, license, cancellationToken: token)), cancellationToken);

    private const string DeleteExpired = """
        delete from license_leases
        where lease_id in (select lease_id from license_leases where expires_at < now() limit 10000)
        """;

    /// <summary>Deletes up to 10,000 expired leases.</summary>
    public Task<int> DeleteExpiredAsync(CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(DeleteExpired, cancellationToken: token)), cancellationToken);

    // Numbers are assigned by one transaction at a time. A reader that has seen a number has seen all lower ones.
    private const string Number = """
        update license_leases set revocation_number = nextval('lease_revocation_numbers')
        where ended_at is not null and revocation_number is null and (select pg_try_advisory_xact_lock(hashtext('lease_revocations')))
        """;

    /// <summary>Gives leases that ended early their places in the list.</summary>
    public Task<int> NumberAsync(CancellationToken cancellationToken) =>
        database.InStatementAsync((connection, token) => connection.ExecuteAsync(
            new CommandDefinition(Number, cancellationToken: token)), cancellationToken);

    private const string List = """
        select revocation_number as number, lease_id as jti, subscription_id, ended_at as revoked_at, expires_at
        from license_leases
        where revocation_number > @after and expires_at > now()
        order by revocation_number
        limit @most
        """;

    /// <summary>Leases that ended early and have not expired, in the order of their numbers.</summary>
    /// <param name="after">Exclusive.</param>
    public async Task<IReadOnlyList<Revocation>> RevocationsAsync(long after, int most, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<Revocation>(
            new CommandDefinition(List, new { after, most }, cancellationToken: session.Token))).AsList();
    }
}
