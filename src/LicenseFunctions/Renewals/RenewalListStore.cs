using Dapper;
using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A renewal in the operators' list.</summary>
public sealed record ListedRenewal
{
    public Guid RenewalId { get; init; }
    public Guid SubscriptionId { get; init; }
    public Guid UserId { get; init; }
    public string Email { get; init; } = "";

    /// <summary>The name of the license's master.</summary>
    public string Master { get; init; } = "";

    /// <summary>due, charging, unknown, undecided, soft_declined and so on.</summary>
    public string Status { get; init; } = "";

    /// <summary>auto or manual.</summary>
    public string RenewalType { get; init; } = "";

    public decimal? AmountUsd { get; init; }

    /// <summary>The expiry that it renews.</summary>
    public DateTime PeriodStart { get; init; }

    public int Attempts { get; init; }

    /// <summary>The provider's code of the last attempt, or why the last one failed; null for none.</summary>
    public string? Reason { get; init; }

    public string? IntentId { get; init; }

    /// <summary>nothing, wallet, card or deferred; null if it isn't paid.</summary>
    public string? PaidWith { get; init; }

    /// <summary>When it is processed next; null if it is final.</summary>
    public DateTime? NextActionAt { get; init; }

    /// <summary>Whether auto-renewal is on, for the license and for the installation.</summary>
    public bool AutoRenew { get; init; }

    /// <summary>A charge of the license was reported and is not booked yet: until that is decided, nothing more is charged.</summary>
    public bool HasUnbookedCharge { get; init; }

    /// <summary>Another charge of the period was refunded: the next action only closes it.</summary>
    internal bool IsRefunded { get; init; }

    /// <summary>
    /// When it is renewed or charged next, as the preview of upcoming renewals says; null if <see cref="NextActionAt"/> only checks it.
    /// </summary>
    public DateTime? NextAttemptAt { get; init; }

    /// <summary>When it lapses if it isn't paid.</summary>
    public DateTime GivesUpAt { get; init; }

    public DateTime UpdatedAt { get; init; }

    /// <summary>
    /// Whether its status allows an operator to try it again, and it isn't only being closed after a refund. What can pay is checked when
    /// it is tried.
    /// </summary>
    public bool CanRetry => RenewalRequests.CanRetry(EnumWords.Parse<RenewalStatus>(Status), IsRefunded);
}

/// <summary>A booked payment in the operators' list.</summary>
public sealed record PaidRenewal
{
    /// <summary>The row of the history; the attempt's or the renewal's id.</summary>
    public Guid HistoryId { get; init; }

    /// <summary>Null for a row that the platform added.</summary>
    public Guid? RenewalId { get; init; }

    public Guid SubscriptionId { get; init; }
    public Guid? UserId { get; init; }
    public string? Email { get; init; }
    public DateTime PaidAt { get; init; }
    public decimal? AmountUsd { get; init; }
    public string? PaidWith { get; init; }
    public string? Provider { get; init; }

    /// <summary>The provider's ID of the charge.</summary>
    public string? TransactionId { get; init; }

    public DateTime? PaidUntil { get; init; }
    public decimal RefundedUsd { get; init; }
    public decimal ChargedBackUsd { get; init; }
    public bool IsDisputed { get; init; }
}

/// <param name="UserId">The customer; null for all.</param>
/// <param name="After">The last renewal of the previous page; null for the first page.</param>
public sealed record RenewalFilter(string[] Statuses, Guid? UserId, Guid? After);

/// <param name="From">Inclusive; null for all.</param>
/// <param name="To">Exclusive; null for all.</param>
/// <param name="After">The last row of the previous page; null for the first page.</param>
public sealed record PaidFilter(Guid? UserId, DateTime? From, DateTime? To, Guid? After);

/// <summary>Renewals and payments of all licenses, for operators.</summary>
public sealed class RenewalListStore(LicenseDatabase database, RenewalPolicy policy)
{
    // The page is selected first, so that the other columns are read for its rows only. It is selected from the latest of each status,
    // because the index begins with the status.
    private const string List = """
        with last as (
            select updated_at, renewal_id from renewals where renewal_id = @After
        ), page as materialized (
            select renewal_id, updated_at
            from (
                select r.renewal_id, r.updated_at
                from subscriptions s
                join renewals r on r.subscription_id = s.subscription_id
                where s.subscriber_id = @UserId and r.status = any(@Statuses)
                  and (@After::uuid is null or (r.updated_at, r.renewal_id) < (select updated_at, renewal_id from last))
                union all
                select r.renewal_id, r.updated_at
                from unnest(@Statuses) as w (status)
                cross join lateral (
                    select renewal_id, updated_at
                    from renewals
                    where status = w.status
                      and (@After::uuid is null or (updated_at, renewal_id) < (select updated_at, renewal_id from last))
                    order by updated_at desc, renewal_id desc
                    limit @limit) r
                where @UserId::uuid is null) r
            order by updated_at desc, renewal_id desc
            limit @limit
        )
        select r.renewal_id, r.subscription_id, r.user_id, u.email, split_part(m.email, '@', 1) as master, r.status, r.renewal_type,
               r.amount_usd, shown_time(r.period_start) as period_start,
               (select count(*)::int from renewal_attempts a where a.renewal_id = r.renewal_id) as attempts,
               coalesce((select l.code from latest_attempt(r.renewal_id) l),
                        (select h.failure_reason from license_renewal_history h
                         where h.subscription_id = r.subscription_id and h.renewal_id = r.renewal_id limit 1)) as reason,
               r.intent_id, r.paid_with, r.next_action_at, r.is_refunded, r.gives_up_at, r.updated_at,
               coalesce((select is_auto_renewed(t.metadata) from v_current_license_tokens t
                         where t.subscription_id = r.subscription_id limit 1), false) and @AutoRenewal as auto_renew,
               exists (select from unbooked_charges c where c.subscription_id = r.subscription_id) as has_unbooked_charge
        from page p
        join renewals r on r.renewal_id = p.renewal_id
        join users u on u.user_id = r.user_id
        join subscriptions s on s.subscription_id = r.subscription_id
        join users m on m.user_id = s.master_id
        order by p.updated_at desc, p.renewal_id desc
        """;

    /// <summary>The latest change first.</summary>
    public async Task<IReadOnlyList<ListedRenewal>> ListAsync(RenewalFilter filter, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedRenewal>(new CommandDefinition(
            List, new { filter.Statuses, filter.UserId, filter.After, limit, policy.AutoRenewal },
            cancellationToken: session.Token))).AsList();
    }

    // Renewals that are not final are few; the index has their statuses.
    private const string Counts = """
        select status, count(*)::int as count from renewals
        where status in ('due', 'charging', 'unknown', 'undecided', 'soft_declined', 'hard_declined', 'needs_authentication',
                         'awaiting_consent', 'payment_needed', 'not_renewable', 'succeeded')
        group by status
        """;

    /// <summary>The number of renewals that are not final, by status.</summary>
    public async Task<IReadOnlyDictionary<string, int>> CountsAsync(CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<(string Status, int Count)>(
            new CommandDefinition(Counts, cancellationToken: session.Token))).ToDictionary(row => row.Status, row => row.Count);
    }

    private const string Paid = """
        select h.renewal_id as history_id, r.renewal_id, h.subscription_id, u.user_id, u.email, shown_time(h.attempted_at) as paid_at,
               amount_of(h.amount_usd) as amount_usd, r.paid_with, h.payment_provider as provider,
               h.payment_transaction_id as transaction_id, coalesce(r.paid_until, past_time(h.new_expiry)) as paid_until,
               round(coalesce(e.refunded_minor, 0) / 100.0, 2) as refunded_usd,
               round(coalesce(e.charged_back_minor, 0) / 100.0, 2) as charged_back_usd,
               exists (select from payment_reversals d
                       where d.renewal_id = r.renewal_id and d.kind = 'dispute' and d.state = 'open') as is_disputed
        from license_renewal_history h
        join subscriptions s on s.subscription_id = h.subscription_id
        join users u on u.user_id = s.subscriber_id
        left join renewal_attempts a on a.attempt_id = h.renewal_id -- the row of an attempt has the attempt's id
        left join renewals r on r.renewal_id = coalesce(a.renewal_id, h.renewal_id)
        left join reversal_effects e on e.renewal_id = r.renewal_id
        where h.status = 'success' and h.amount_usd > 0
          and (@UserId::uuid is null
               or h.subscription_id = any(array(select subscription_id from subscriptions where subscriber_id = @UserId)))
          and (@From::timestamptz is null or h.attempted_at >= @From)
          and (@To::timestamptz is null or h.attempted_at < @To)
          and (@After::uuid is null
               or (h.attempted_at, h.renewal_id) < (select l.attempted_at, l.renewal_id from license_renewal_history l
                                                    where l.renewal_id = @After))
        order by h.attempted_at desc, h.renewal_id desc
        limit @limit
        """;

    /// <summary>The latest payment first, without free renewals.</summary>
    public async Task<IReadOnlyList<PaidRenewal>> PaidAsync(PaidFilter filter, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<PaidRenewal>(new CommandDefinition(
            Paid, new { filter.UserId, filter.From, filter.To, filter.After, limit }, cancellationToken: session.Token))).AsList();
    }
}
