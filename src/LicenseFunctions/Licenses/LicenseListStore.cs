using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Devices;
using Licensing.Health;
using Licensing.Renewals;

namespace LicenseFunctions.Licenses;

/// <summary>A license as lists show it.</summary>
public sealed record ListedLicense
{
    public Guid SubscriptionId { get; init; }

    /// <summary>The part of the master's address before the @: the platform has no other name.</summary>
    public string Master { get; init; } = "";

    /// <summary>The subscriber's address, for operators; null for the subscriber.</summary>
    public string? OwnerEmail { get; init; }

    /// <summary>The subscriber, for operators; null for the subscriber.</summary>
    public Guid? OwnerId { get; init; }

    /// <summary>ACTIVE, PENDING_RENEWAL, GRACE, EXPIRED, SUSPENDED or REVOKED.</summary>
    public string Status { get; init; } = "";

    /// <summary>The code of a check, regardless of devices: for example, LOCKED_NO_FUNDS for a license that is SUSPENDED.</summary>
    public string Code { get; init; } = "";

    /// <summary>FULL, CLOSE_ONLY or NONE: what the license's oldest device may do.</summary>
    public string Entitlement { get; init; } = "";

    /// <summary>
    /// Until when that device may manage and close its positions, if it may only do that. If no check was refused yet, the period begins
    /// with the next one, and CSV has no end of it.
    /// </summary>
    public DateTime? CloseOnlyUntil { get; init; }

    /// <summary>When that period began; null if no check was refused yet.</summary>
    public DateTime? CloseOnlySince { get; init; }

    public int HealthScore { get; init; }

    /// <summary>GOOD, FAIR or POOR.</summary>
    public string HealthGrade => EnumWords.UpperOf(HealthGrades.Of(HealthScore));

    /// <summary>By the calendar (UTC), as in the mails: 0 is today, -1 yesterday; null for a license that never expires.</summary>
    public int? DaysUntilExpiry { get; init; }

    public DateTime? ExpiresAt { get; init; }

    /// <summary>The end of the grace, exclusive; null for a license that is not in its grace.</summary>
    public DateTime? GraceUntil { get; init; }

    public bool AutoRenew { get; init; }

    public DateTime? LastUsedAt { get; init; }

    public int DeviceCount { get; init; }

    public int OpenAlerts { get; init; }

    /// <summary>
    /// Whether the license is suspended, by this backend or by the platform. It may be true although <see cref="Status"/> is not SUSPENDED,
    /// if the platform's columns were changed after the suspension.
    /// </summary>
    public bool IsSuspended { get; init; }

    /// <summary>Whether an operator can lift an open suspension. False for an expiry and for a suspension by the platform.</summary>
    public bool CanReinstate { get; init; }
}

/// <param name="SubscriberId">The subscriber of the licenses; null for all subscribers.</param>
/// <param name="Search">
/// A part of the subscriber's address, or the start of a license's id, in lower case; null for all. For a user's whole address, only the
/// licenses of this user.
/// </param>
/// <param name="Status">One of the statuses without GRACE, which counts as EXPIRED; null for all.</param>
/// <param name="After">The last license of the previous page; null for the first page.</param>
/// <param name="Customer">For operators, the customer of the licenses; null for all customers.</param>
public sealed record LicenseFilter(
    Guid? SubscriberId, string? Search = null, string? Status = null, Guid? After = null, Guid? Customer = null);

/// <summary>Licenses for lists, in the order of the subscribers' addresses.</summary>
public sealed class LicenseListStore(LicenseDatabase database, ListSettings settings)
{
    // After the id of another subscriber's license, the page is empty, as after an unknown id.
    // The view counts devices and alerts of each requested license, so the page is selected first, unless the request filters by status.
    private const string List = """
        with page as materialized (
            select s.subscription_id, u.email
            from subscriptions s
            join users u on u.user_id = s.subscriber_id
            where is_license_visible(s.subscriber_id, @SubscriberId)
              and (@Customer::uuid is null or s.subscriber_id = @Customer)
              -- The first condition needs no row of subscriptions, so the rows of other users are not read.
              and (@Search::text is null or strpos(u.email, @Search) > 0
                   or u.user_id in (select i.subscriber_id from subscriptions i where i.subscription_id between @idFrom and @idTo))
              and (@Search::text is null or strpos(u.email, @Search) > 0 or s.subscription_id between @idFrom and @idTo)
              and (@After::uuid is null
                   or (u.email, s.subscription_id) > (select a.email, b.subscription_id
                                                      from subscriptions b join users a on a.user_id = b.subscriber_id
                                                      where b.subscription_id = @After
                                                        and is_license_visible(b.subscriber_id, @SubscriberId)))
              and exists (select from license_tokens k where k.subscription_id = s.subscription_id)
            order by u.email, s.subscription_id
            limit case when @Status::text is null then @limit end
        )
        select l.subscription_id, l.master, case when @SubscriberId::uuid is null then l.email end as owner_email,
               case when @SubscriberId::uuid is null then l.subscriber_id end as owner_id,
               license_status(c.code, l.expires_at) as status, c.code, l.health_score, l.expires_at, l.auto_renew,
               l.last_used_at, l.device_count, l.open_alerts, l.can_reinstate, l.is_suspended,
               case when c.code = 'GRACE' then grace_end(l.subscription_id, l.expires_at, @grace) end as grace_until,
               now() as now, o.first_seen_at, o.began_at, o.suspended_at, o.is_fraud
        from page p
        join listed_licenses l on l.subscription_id = p.subscription_id
        cross join lateral (select listed_license_code(p.subscription_id, @grace) as code offset 0) c
        left join lateral close_only_facts(p.subscription_id, null, now() - @periodCountsFor) o on c.code not in ('VALID', 'GRACE')
        where @Status::text is null
           or (case when c.code = 'GRACE' then 'EXPIRED' else license_status(c.code, l.expires_at) end) = @Status
        order by p.email, p.subscription_id
        limit @limit
        """;

    // A part of an address is searched for in the index of all addresses. For a whole one, the index has only one entry to read.
    private const string UserWithAddress = "select user_id from users where email = @Search";

    public async Task<IReadOnlyList<ListedLicense>> ListAsync(LicenseFilter filter, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        if (filter.Search is { } text && text.Contains('@', StringComparison.Ordinal)
            && await connection.ExecuteScalarAsync<Guid?>(
                new CommandDefinition(UserWithAddress, new { filter.Search }, cancellationToken: cancellationToken)) is { } user
            && (filter.Customer ?? user) == user)
        {
            filter = filter with { Search = null, Customer = user };
        }

        var (idFrom, idTo) = IdsThatBeginWith(filter.Search);
        return (await connection.QueryAsync<ListedLicense, CloseOnlyRow, ListedLicense>(new CommandDefinition(List, new
        {
            filter.SubscriberId,
            filter.Search,
            filter.Status,
            filter.After,
            filter.Customer,
            idFrom,
            idTo,
            limit,
            settings.Grace,
            Entitlements.PeriodCountsFor,
        }, cancellationToken: cancellationToken), WithEntitlement, splitOn: "now")).AsList();
    }

    /// <returns>The first and the last possible id that begin with the text; null if no id can begin with it.</returns>
    private static (Guid? From, Guid? To) IdsThatBeginWith(string? text)
    {
        static Guid? Filled(string text, string rest) =>
            text.Length is > 0 and <= 36 && Guid.TryParseExact(text + rest[text.Length..], "D", out var id) ? id : null;
        return text is null ? (null, null)
            : (Filled(text, "00000000-0000-0000-0000-000000000000"), Filled(text, "ffffffff-ffff-ffff-ffff-ffffffffffff"));
    }

    private const string Find = """
        select l.subscription_id, l.master, case when @subscriberId::uuid is null then l.email end as owner_email,
               case when @subscriberId::uuid is null then l.subscriber_id end as owner_id,
               license_status(c.code, l.expires_at) as status, c.code, l.health_score, l.expires_at, l.auto_renew,
               l.last_used_at, l.device_count, l.open_alerts, l.can_reinstate, l.is_suspended,
               case when c.code = 'GRACE' then grace_end(l.subscription_id, l.expires_at, @grace) end as grace_until,
               now() as now, o.first_seen_at, o.began_at, o.suspended_at, o.is_fraud
        from listed_licenses l
        cross join lateral (select listed_license_code(@subscriptionId, @grace) as code offset 0) c
        left join lateral close_only_facts(@subscriptionId, null, now() - @periodCountsFor) o on c.code not in ('VALID', 'GRACE')
        where l.subscription_id = @subscriptionId and is_license_visible(l.subscriber_id, @subscriberId)
        """;

    public async Task<ListedLicense?> FindAsync(Guid subscriptionId, Guid? subscriberId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        (var connection, cancellationToken) = session;
        return (await connection.QueryAsync<ListedLicense, CloseOnlyRow, ListedLicense>(new CommandDefinition(
            Find, new { subscriptionId, subscriberId, settings.Grace, Entitlements.PeriodCountsFor },
            cancellationToken: cancellationToken), WithEntitlement, splitOn: "now")).SingleOrDefault();
    }

    /// <summary>The columns of close_only_facts, after the time: Dapper makes no object if its first column is null.</summary>
    private sealed record CloseOnlyRow
    {
        public DateTime Now { get; init; }
        public DateTime? FirstSeenAt { get; init; }
        public DateTime? BeganAt { get; init; }
        public DateTime? SuspendedAt { get; init; }
        public bool? IsFraud { get; init; }
    }

    private ListedLicense WithEntitlement(ListedLicense license, CloseOnlyRow row)
    {
        var code = EnumWords.Parse<LicenseCode>(license.Code);
        var now = new DateTimeOffset(row.Now, TimeSpan.Zero);
        var facts = new CloseOnlyFacts(row.FirstSeenAt, row.BeganAt ?? now, row.SuspendedAt, row.IsFraud is true);
        var until = Entitlements.CloseOnlyUntil(code, facts, settings.CloseOnly, now);
        return license with
        {
            DaysUntilExpiry = license.ExpiresAt is { } expiry ? RenewalWarnings.DaysLeft(new(expiry, TimeSpan.Zero), now) : null,
            Entitlement = EnumWords.UpperOf(Entitlements.Of(code is LicenseCode.Valid or LicenseCode.Grace, until)),
            CloseOnlyUntil = until?.UtcDateTime,
            CloseOnlySince = until is null ? null : row.BeganAt,
        };
    }
}
