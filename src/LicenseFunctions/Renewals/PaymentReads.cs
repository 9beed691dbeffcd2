using Dapper;
using LicenseFunctions.Infrastructure.Database;

namespace LicenseFunctions.Renewals;

/// <summary>A payment that a person must decide about, or has decided about.</summary>
public sealed record ListedPaymentCase
{
    public Guid CaseId { get; init; }
    public string Reason { get; init; } = "";

    /// <summary>The provider's ID of what it is about.</summary>
    public string Subject { get; init; } = "";

    public Guid? RenewalId { get; init; }
    public Guid? SubscriptionId { get; init; }
    public Guid? UserId { get; init; }
    public string? TransactionId { get; init; }
    public long? AmountMinor { get; init; }
    public string? Currency { get; init; }
    public string Detail { get; init; } = "";
    public DateTime OpenedAt { get; init; }

    /// <summary>Null while it is open: credited, dismissed, or applied or refunded without a decision.</summary>
    public string? Decision { get; init; }

    public DateTime? DecidedAt { get; init; }
    public Guid? DecidedBy { get; init; }
    public string? DecidedWhy { get; init; }
}

/// <summary>A refund or a dispute with its renewal.</summary>
public sealed record ListedReversal
{
    public Guid ReversalId { get; init; }
    public string Kind { get; init; } = "";
    public string ProviderId { get; init; } = "";
    public string State { get; init; } = "";
    public long AmountMinor { get; init; }
    public string Currency { get; init; } = "";
    public string? Reason { get; init; }
    public string? ChargeId { get; init; }
    public string? IntentId { get; init; }
    public DateTime ChangedAt { get; init; }
    public DateTime FirstSeenAt { get; init; }
    public DateTime? EvidenceDueAt { get; init; }
    public Guid? RenewalId { get; init; }
    public Guid? SubscriptionId { get; init; }

    /// <summary>Null while the renewal isn't paid, so that it has no effect.</summary>
    public DateTime? AppliedAt { get; init; }
}

/// <summary>Reads refunds, disputes and payment cases for operators.</summary>
public sealed class PaymentReads(LicenseDatabase database)
{
    private const string Cases = """
        select case_id, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail, opened_at,
               decision, decided_at, decided_by, decided_why
        from payment_cases
        order by decided_at is not null, coalesce(decided_at, now()) desc, opened_at
        limit @limit
        """;

    /// <summary>Open cases, the oldest first, then decided ones.</summary>
    public async Task<IReadOnlyList<ListedPaymentCase>> CasesAsync(int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedPaymentCase>(
            new CommandDefinition(Cases, new { limit }, cancellationToken: session.Token))).AsList();
    }

    private const string Reversals = """
        select reversal_id, kind, provider_id, state, amount_minor, currency, reason, charge_id, intent_id, changed_at, first_seen_at,
               evidence_due_at, renewal_id, subscription_id, applied_at
        from payment_reversals
        where @kind::text is null or kind = @kind
        order by state <> 'open', case when state = 'open' then evidence_due_at end, changed_at desc
        limit @limit
        """;

    /// <summary>Open disputes by their deadline, then the latest changes.</summary>
    /// <param name="kind">refund, refund_total or dispute; null for all.</param>
    public async Task<IReadOnlyList<ListedReversal>> ReversalsAsync(string? kind, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedReversal>(
            new CommandDefinition(Reversals, new { kind, limit }, cancellationToken: session.Token))).AsList();
    }

    private const string Evidence = """
        select p.provider_id, p.reason, p.amount_minor, p.currency, p.evidence_due_at, r.subscription_id, r.renewal_type, r.price_accepted,
               r.paid_from, r.paid_until, s.created_at as subscribed_at,
               (select min(a.first_sent_at) from renewal_attempts a
                where a.renewal_id = r.renewal_id and a.status = 'succeeded') as charged_at,
               (select count(*)::int from renewals o where o.subscription_id = r.subscription_id and o.status = 'applied') as payments,
               use.days, use.hours, use.signals,
               (select coalesce(json_agg(d.text order by d.first_seen_at), '[]')::text from (
                    select first_seen_at, format('account %s, EA %s, %s to %s', mt5_account_number, ea_instance_id, first_seen_at::date,
                                                 last_seen_at::date) as text
                    from license_devices where subscription_id = r.subscription_id limit 20) d) as devices,
               (select coalesce(json_agg(m.text order by m.sent_at), '[]')::text from (
                    select sent_at, format('%s: %s', sent_at::date, payload ->> 'template') as text
                    from outbox
                    where kind = 'email' and sent_at is not null and payload -> 'model' ->> 'subscription_id' = r.subscription_id::text
                      and created_at >= r.paid_from - interval '30 days'
                    order by sent_at limit 30) m) as mails
        from payment_reversals p
        join renewals r on r.renewal_id = p.renewal_id
        join subscriptions s on s.subscription_id = r.subscription_id
        cross join lateral (
            select count(distinct (u.hour_at at time zone 'UTC')::date)::int as days,
                   coalesce(sum(u.session_sec), 0)::bigint / 3600 as hours, coalesce(sum(u.signals_executed), 0)::bigint as signals
            from usage_rollups u
            where u.subscription_id = r.subscription_id and u.hour_at >= r.paid_from and u.hour_at < now()) use
        where p.reversal_id = @reversalId and p.kind = 'dispute'
        """;

    /// <returns>Null if there is no such dispute, or if its charge is not known.</returns>
    public async Task<DisputeFacts?> EvidenceAsync(Guid reversalId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<DisputeFacts>(
            new CommandDefinition(Evidence, new { reversalId }, cancellationToken: session.Token));
    }
}
