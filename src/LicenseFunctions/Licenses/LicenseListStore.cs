using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Licenses;

/// <summary>A license as lists show it.</summary>
public sealed record ListedLicense
{
    public Guid SubscriptionId { get; init; }

    /// <summary>The master's name: the platform has none but his address, of which the part behind the @ stays private.</summary>
    public string Master { get; init; } = "";

    /// <summary>For operators; null for the owner, who knows it.</summary>
    public string? OwnerEmail { get; init; }

    /// <summary>The view's word, which has none for the grace; the health's judgement has.</summary>
    public string Status { get; init; } = "";

    public int HealthScore { get; init; }

    /// <summary>Whole days, rounded down: 0 is today; null for a license that never expires.</summary>
    public int? DaysUntilExpiry { get; init; }

    public DateTime? ExpiresAt { get; init; }

    public bool AutoRenew { get; init; }

    public DateTime? LastUsedAt { get; init; }

    public int DeviceCount { get; init; }

    public int OpenAlerts { get; init; }
}

/// <param name="OwnerId">Null for everybody's.</param>
/// <param name="Search">A part of the owner's address, or the beginning of a license's id, lower case; null for all.</param>
/// <param name="After">The last license of the page before.</param>
public sealed record LicenseFilter(Guid? OwnerId, string? Search = null, string? Status = null, Guid? After = null);

/// <summary>Licenses for lists, by the customer's address.</summary>
public sealed class LicenseListStore(LicenseDatabase database)
{
    // The view counts devices and alerts of each license that it is asked for: the page is found first wherever no status is asked for.
    private const string List = """
        with page as materialized (
            select s.subscription_id, split_part(m.email, '@', 1) as master, u.email
            from subscriptions s
            join users u on u.user_id = s.subscriber_id
            join users m on m.user_id = s.master_id
            where (@OwnerId::uuid is null or s.subscriber_id = @OwnerId)
              and (@Search::text is null or strpos(u.email, @Search) > 0 or starts_with(s.subscription_id::text, @Search))
              and (@After::uuid is null or (u.email, s.subscription_id) >
                   (select a.email, b.subscription_id from subscriptions b join users a on a.user_id = b.subscriber_id where b.subscription_id = @After))
              and exists (select from license_tokens k where k.subscription_id = s.subscription_id)
            order by u.email, s.subscription_id
            limit case when @Status::text is null then @limit end
        )
        select p.subscription_id, p.master, case when @OwnerId::uuid is null then p.email end as owner_email,
               case when h.status = 'EXPIRED' and judged.status = 'GRACE' then 'GRACE' else h.status end as status, h.health_score,
               h.days_until_expiry, h.expires_at, coalesce(t.metadata ->> 'auto_renew' = 'true', false) as auto_renew, h.last_used_at,
               h.device_count, h.open_alerts
        from page p
        join v_license_health h on h.subscription_id = p.subscription_id
        left join license_health judged on judged.subscription_id = p.subscription_id
        join lateral (select metadata from v_current_license_tokens c where c.subscription_id = p.subscription_id limit 1) t on true
        where @Status::text is null or h.status = @Status
        order by p.email, p.subscription_id
        limit @limit
        """;

    public async Task<IReadOnlyList<ListedLicense>> ListAsync(LicenseFilter filter, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<ListedLicense>(new CommandDefinition(
            List, new { filter.OwnerId, filter.Search, filter.Status, filter.After, limit }, cancellationToken: cancellationToken))).AsList();
    }

    private const string Find = """
        select s.subscription_id, split_part(m.email, '@', 1) as master, case when @ownerId::uuid is null then h.email end as owner_email,
               case when h.status = 'EXPIRED' and judged.status = 'GRACE' then 'GRACE' else h.status end as status,
               h.health_score, h.days_until_expiry, h.expires_at, coalesce(t.metadata ->> 'auto_renew' = 'true', false) as auto_renew,
               h.last_used_at, h.device_count, h.open_alerts
        from subscriptions s
        join users m on m.user_id = s.master_id
        join v_license_health h on h.subscription_id = s.subscription_id
        left join license_health judged on judged.subscription_id = s.subscription_id
        join v_current_license_tokens t on t.subscription_id = s.subscription_id
        where s.subscription_id = @subscriptionId and (@ownerId::uuid is null or s.subscriber_id = @ownerId)
        """;

    public async Task<ListedLicense?> FindAsync(Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<ListedLicense>(
            new CommandDefinition(Find, new { subscriptionId, ownerId }, cancellationToken: cancellationToken));
    }
}
