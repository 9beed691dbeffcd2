using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A row of the guide's renewal history.</summary>
public sealed record RenewalHistoryRow
{
    public Guid RenewalId { get; init; }
    public DateTime AttemptedAt { get; init; }
    public string RenewalType { get; init; } = "";
    public decimal? AmountUsd { get; init; }
    public DateTime? PreviousExpiry { get; init; }
    public DateTime? NewExpiry { get; init; }
    public string? PaymentProvider { get; init; }
    public string? PaymentTransactionId { get; init; }
    public string Status { get; init; } = "";
    public string? FailureReason { get; init; }
}

/// <summary>A license with what its next renewal depends on.</summary>
/// <param name="IsActive">Its token works; false where it is suspended, for its expiry too.</param>
public sealed record UpcomingRenewal(Guid SubscriptionId, Guid UserId, string Email, DateTimeOffset ExpiresAt, bool IsActive, RenewalLicense License,
    decimal? PriceUsd, decimal? LastPaidUsd, decimal WalletUsd, SavedCard? Card, string? LastDecline, string? Status);

/// <summary>A charge whose outcome nobody knows yet.</summary>
public sealed record UnknownCharge
{
    public Guid RenewalId { get; init; }
    public Guid SubscriptionId { get; init; }
    public Guid UserId { get; init; }
    public string Status { get; init; } = "";
    public decimal? AmountUsd { get; init; }
    public DateTime PeriodStart { get; init; }
    public string? IntentId { get; init; }
    public string? Provider { get; init; }
    public DateTime? FirstSentAt { get; init; }
    public DateTime? UnknownSince { get; init; }
    public DateTime? NextLookupAt { get; init; }
    public string? Reason { get; init; }
}

/// <summary>Attempts that failed for one reason.</summary>
public sealed record RenewalFailure
{
    /// <summary>As the attempt's row has it; "" where it has none.</summary>
    public string Reason { get; init; } = "";

    public int Attempts { get; init; }
    public int Licenses { get; init; }

    /// <summary>Licenses of those that have been paid since.</summary>
    public int PaidSince { get; init; }

    public DateTime LastAt { get; init; }
}

/// <param name="IntentId">The provider's id of the payment.</param>
/// <param name="PaymentId">The provider's id of the card.</param>
public sealed record WaitingPayment(string Provider, string IntentId, string PaymentId);

/// <summary>What is shown of renewals, and the switch of auto-renewal.</summary>
public sealed class RenewalReads(LicenseDatabase database)
{
    private const string History = """
        select h.renewal_id, h.attempted_at, h.renewal_type, h.amount_usd, h.previous_expiry, h.new_expiry, h.payment_provider,
               h.payment_transaction_id, h.status, h.failure_reason
        from license_renewal_history h
        where h.subscription_id = @subscriptionId
        order by h.attempted_at desc, h.renewal_id
        limit @limit
        """;

    public async Task<IReadOnlyList<RenewalHistoryRow>> HistoryAsync(Guid subscriptionId, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<RenewalHistoryRow>(
            new CommandDefinition(History, new { subscriptionId, limit }, cancellationToken: cancellationToken))).AsList();
    }

    public async Task<bool> IsVisibleAsync(Guid subscriptionId, Guid? ownerId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await LicenseOwners.IsVisibleAsync(connection, subscriptionId, ownerId, cancellationToken);
    }

    // Of the licenses that "asked" names: it stands first, so that nothing is read to any other.
    private const string Licenses = """
        select s.subscription_id, s.subscriber_id as user_id, u.email, t.expires_at,
               coalesce(t.metadata ->> 'auto_renew' = 'true', false) as auto_renew,
               t.is_active,
               s.is_active
                   and (t.is_active or held.for_expiry)
                   and not held.otherwise
                   and (s.state <> 'SUSPENDED_ADMIN' or held.for_expiry) as is_renewable,
               coalesce(r.amount_usd, p.monthly_fee_usd) as price_usd,
               -- A raised price that the customer agreed to is asked about no more.
               (select l.amount_usd from renewals l
                where l.subscription_id = s.subscription_id and l.status = 'applied' and r.price_accepted is not true
                order by l.period_start desc limit 1) as last_paid_usd,
               coalesce(w.balance_usd - w.reserved_usd, 0) as wallet_usd,
               m.payment_method_id, m.payment_provider, m.provider_customer_id, m.provider_payment_id, m.expiry_month, m.expiry_year,
               m.details_changed_at,
               (select a.code from renewal_attempts a
                where a.renewal_id = r.renewal_id and a.payment_method_id = m.payment_method_id
                  and (m.details_changed_at is null or m.details_changed_at <= a.first_sent_at)
                order by a.number desc limit 1) as last_decline,
               r.status
        from asked
        join subscriptions s on s.subscription_id = asked.subscription_id
        join lateral (select * from v_current_license_tokens where subscription_id = s.subscription_id limit 1) t on true
        join users u on u.user_id = s.subscriber_id
        cross join lateral (
            select coalesce(bool_or(h.cause = 'EXPIRY'), false) as for_expiry, coalesce(bool_or(h.cause <> 'EXPIRY'), false) as otherwise
            from license_suspensions h where h.subscription_id = t.subscription_id and h.closed_at is null) held
        left join renewals r on r.subscription_id = t.subscription_id and r.period_start = t.expires_at
        left join master_pricing p on p.master_id = s.master_id and p.is_active
        left join user_wallets w on w.user_id = s.subscriber_id
        left join user_payment_methods m on m.user_id = s.subscriber_id and m.is_default and m.is_active
        """;

    // By the index over active tokens' expiries.
    private const string Upcoming = """
        with asked as (
            select a.subscription_id
            from license_tokens a
            join lateral (select token_id from v_current_license_tokens where subscription_id = a.subscription_id limit 1) current_one
                on current_one.token_id = a.token_id
            where a.is_active and a.expires_at >= @from and a.expires_at < @until
              and (a.expires_at, a.subscription_id) > (@afterExpiry, @afterSubscription)
            order by a.expires_at, a.subscription_id
            limit @limit
        )

        """ + Licenses + """

        order by t.expires_at, t.subscription_id
        """;

    /// <summary>Active licenses by expiry, a page after the given place.</summary>
    /// <param name="after">The last row of the page before; null for the first.</param>
    public async Task<IReadOnlyList<UpcomingRenewal>> UpcomingAsync(
        DateTimeOffset from, DateTimeOffset until, UpcomingRenewal? after, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var rows = await connection.QueryAsync<UpcomingRow>(new CommandDefinition(Upcoming, new
        {
            from = from.UtcDateTime,
            until = until.UtcDateTime,
            afterExpiry = (after?.ExpiresAt ?? DateTimeOffset.UnixEpoch).UtcDateTime,
            afterSubscription = after?.SubscriptionId ?? Guid.Empty,
            limit,
        }, cancellationToken: cancellationToken));
        return [.. rows.Select(row => row.ToUpcoming())];
    }

    private const string NextOfOne = """
        with asked as (select @subscriptionId::uuid as subscription_id)

        """ + Licenses + """

        where t.expires_at is not null
        """;

    /// <summary>The same of one license, active or not; null where it never expires.</summary>
    public async Task<UpcomingRenewal?> NextAsync(Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<UpcomingRow>(
            new CommandDefinition(NextOfOne, new { subscriptionId }, cancellationToken: cancellationToken));
        return row?.ToUpcoming();
    }

    private const string Failures = """
        select coalesce(f.failure_reason, '') as reason, count(*)::int as attempts, count(distinct f.subscription_id)::int as licenses,
               count(distinct f.subscription_id) filter (where exists (
                   select from license_renewal_history p
                   where p.subscription_id = f.subscription_id and p.status = 'success' and p.attempted_at > f.attempted_at))::int as paid_since,
               max(f.attempted_at) as last_at
        from license_renewal_history f
        where f.status = 'failed' and f.attempted_at >= @since
        group by 1
        order by attempts desc, reason
        limit 50
        """;

    /// <summary>What failed, by reason, the most frequent first.</summary>
    public async Task<IReadOnlyList<RenewalFailure>> FailuresAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<RenewalFailure>(
            new CommandDefinition(Failures, new { since = since.UtcDateTime }, cancellationToken: cancellationToken))).AsList();
    }

    private const string Unknown = """
        select r.renewal_id, r.subscription_id, r.user_id, r.status, r.amount_usd, r.period_start, r.intent_id, a.provider, a.first_sent_at,
               r.unknown_since, r.next_action_at as next_lookup_at, h.failure_reason as reason
        from renewals r
        join lateral (select * from renewal_attempts l where l.renewal_id = r.renewal_id order by l.number desc limit 1) a on true
        left join license_renewal_history h on h.renewal_id = a.attempt_id
        where r.status in ('unknown', 'undecided')
        order by r.status desc, r.unknown_since
        limit @limit
        """;

    /// <summary>Those that a person has to decide come first, the oldest first.</summary>
    public async Task<IReadOnlyList<UnknownCharge>> UnknownAsync(int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return (await connection.QueryAsync<UnknownCharge>(new CommandDefinition(Unknown, new { limit }, cancellationToken: cancellationToken))).AsList();
    }

    private const string SetAutoRenewal = """
        update license_tokens t
        set metadata = coalesce(t.metadata, '{}') || jsonb_build_object('auto_renew', @enabled)
        from v_current_license_tokens c
        join subscriptions s on s.subscription_id = c.subscription_id
        where c.subscription_id = @subscriptionId and (@ownerId::uuid is null or s.subscriber_id = @ownerId) and t.token_id = c.token_id
        returning c.expires_at
        """;

    /// <returns>The license's expiry in a list of one; empty where there is no such license, or not for this owner.</returns>
    public Task<IReadOnlyList<DateTime?>> SetAutoRenewalAsync(
        Guid subscriptionId, Guid? ownerId, bool enabled, Actor by, CancellationToken cancellationToken) =>
        database.InTransactionAsync<IReadOnlyList<DateTime?>>(async (connection, token) =>
        {
            await SuspensionStore.LockAsync(connection, subscriptionId, token);
            var switched = (await connection.QueryAsync<DateTime?>(
                new CommandDefinition(SetAutoRenewal, new { subscriptionId, ownerId, enabled }, cancellationToken: token))).AsList();
            if (switched.Count == 1)
            {
                await AuditLog.AddAsync(connection, new AuditRow(
                    by, "license.auto_renew_switched", subscriptionId, After: RowJson.Of(new { AutoRenew = enabled })), token);
            }

            return switched;
        }, cancellationToken);

    /// <summary>Mails of which each is sent once for its key.</summary>
    public Task MailAsync(
        IEnumerable<(string DedupKey, string Template, Guid UserId, object Model)> mails, CancellationToken cancellationToken) =>
        database.InTransactionAsync(async (connection, token) =>
        {
            foreach (var (key, template, user, model) in mails) await EmailOutbox.AddAsync(connection, key, template, user, model, token);
        }, cancellationToken);

    private sealed record UpcomingRow : PayingRow
    {
        public string Email { get; init; } = "";
        public bool IsActive { get; init; }
        public string? LastDecline { get; init; }
        public string? Status { get; init; }

        public UpcomingRenewal ToUpcoming() => new(
            SubscriptionId, UserId, Email, ExpiresAt!.Value, IsActive, License, PriceUsd, LastPaidUsd, WalletUsd, Card, LastDecline, Status);
    }

    private const string ToConfirm = """
        select a.provider, r.intent_id, m.provider_payment_id as payment_id
        from renewals r
        join renewal_attempts a on a.renewal_id = r.renewal_id and a.status = 'needs_authentication'
        join user_payment_methods m on m.payment_method_id = a.payment_method_id
        where r.subscription_id = @subscriptionId and r.user_id = @userId and r.status = 'needs_authentication' and r.intent_id is not null
        order by r.period_start desc, a.number desc
        limit 1
        """;

    /// <summary>The owner's payment for that license which the bank wants to be confirmed; null where none does.</summary>
    public async Task<WaitingPayment?> FindToConfirmAsync(Guid userId, Guid subscriptionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<WaitingPayment>(
            new CommandDefinition(ToConfirm, new { userId, subscriptionId }, cancellationToken: cancellationToken));
    }
}
