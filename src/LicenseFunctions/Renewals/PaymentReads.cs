using System.Text.Json.Nodes;
using Dapper;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Mail;
using LicenseFunctions.Licenses;
using Licensing;
using Licensing.Renewals;

namespace LicenseFunctions.Renewals;

/// <summary>A payment that an operator must decide about, or has decided about.</summary>
public sealed record ListedPaymentCase
{
    public Guid CaseId { get; init; }
    public string Reason { get; init; } = "";

    /// <summary>The provider's ID of what it is about.</summary>
    public string Subject { get; init; } = "";

    public Guid? RenewalId { get; init; }
    public Guid? SubscriptionId { get; init; }
    public Guid? UserId { get; init; }

    /// <summary>The address of the license's customer; null if the license is not known.</summary>
    public string? Email { get; init; }

    public string? TransactionId { get; init; }
    public long? AmountMinor { get; init; }
    public string? Currency { get; init; }
    public string Detail { get; init; } = "";
    public DateTime OpenedAt { get; init; }

    /// <summary>
    /// Null while the case is open; credited or dismissed by an operator; applied, refunded or answered if the case closed by itself.
    /// </summary>
    public string? Decision { get; init; }

    public DateTime? DecidedAt { get; init; }
    public Guid? DecidedBy { get; init; }

    /// <summary>The operator's mail address; null if the case closed by itself, or if it is not known.</summary>
    public string? DecidedByEmail { get; init; }

    public string? DecidedWhy { get; init; }

    /// <summary>
    /// Whether an open case is about a charge that may be credited to the wallet. Crediting is refused if the charge is refunded, disputed
    /// or booked meanwhile.
    /// </summary>
    public bool CanCredit => Decision is null && ToCase().CanBeCredited;

    internal PaymentCase ToCase() => new(
        EnumWords.Parse<PaymentCaseReason>(Reason), Subject, RenewalId, SubscriptionId, UserId, TransactionId, AmountMinor, Currency,
        Detail);
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

    /// <summary>The address of the license's customer; null if the license is not known.</summary>
    public string? Email { get; init; }

    /// <summary>Null while the renewal isn't paid, so that it has no effect.</summary>
    public DateTime? AppliedAt { get; init; }

    /// <summary>The state of the evidence that was sent with this backend: requested, sent or refused; null for none.</summary>
    public string? EvidenceState { get; init; }
}

/// <summary>A refund that an operator requested.</summary>
public sealed record ListedRefund
{
    public Guid RefundId { get; init; }
    public Guid RenewalId { get; init; }
    public Guid SubscriptionId { get; init; }

    /// <summary>The customer's address.</summary>
    public string Email { get; init; } = "";

    public decimal AmountUsd { get; init; }

    /// <summary>card or wallet.</summary>
    public string To { get; init; } = "";

    /// <summary>keep, shorten or end.</summary>
    public string Period { get; init; } = "";

    public string Reason { get; init; } = "";

    /// <summary>
    /// requested: no certain answer yet; pending: made, the bank has not confirmed it; succeeded; refused: nothing was refunded; failed:
    /// the money came back.
    /// </summary>
    public string State { get; init; } = "";

    /// <summary>The provider's code of a refusal, a failure or an uncertain answer; null for none.</summary>
    public string? Code { get; init; }

    public string? Detail { get; init; }

    /// <summary>The provider's ID of the refund; null until it is known.</summary>
    public string? ProviderId { get; init; }

    public DateTime RequestedAt { get; init; }
    public Guid? RequestedBy { get; init; }
    public DateTime? DecidedAt { get; init; }
}

/// <summary>A payment of a license.</summary>
public sealed record ListedPayment
{
    public Guid RenewalId { get; init; }
    public decimal AmountUsd { get; init; }

    /// <summary>card or wallet.</summary>
    public string PaidWith { get; init; } = "";

    /// <summary>The brand of the card that was charged, paypal for an account there; null if it is not known.</summary>
    public string? CardBrand { get; init; }

    public string? CardLastFour { get; init; }

    /// <summary>The provider's ID of the charge, or of its intent; null for a payment from the wallet.</summary>
    public string? ChargeId { get; init; }

    public DateTime? PaidAt { get; init; }
    public DateTime PaidFrom { get; init; }
    public DateTime PaidUntil { get; init; }

    /// <summary>Refunded so far.</summary>
    public decimal RefundedUsd { get; init; }

    /// <summary>Lost in disputes.</summary>
    public decimal ChargedBackUsd { get; init; }

    /// <summary>Requested refunds without an answer.</summary>
    public decimal RequestedUsd { get; init; }

    public bool IsDisputed { get; init; }
}

/// <summary>Reads refunds, disputes and payment cases for operators.</summary>
public sealed class PaymentReads(LicenseDatabase database)
{
    private const string Cases = """
        select case_id, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail, opened_at,
               decision, decided_at, decided_by, decided_why,
               (select u.email from users u where u.user_id = c.decided_by) as decided_by_email,
               (select u.email from subscriptions s join users u on u.user_id = s.subscriber_id
                where s.subscription_id = c.subscription_id) as email
        from payment_cases c
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
        select p.reversal_id, p.kind, p.provider_id, p.state, p.amount_minor, p.currency, p.reason, p.charge_id, p.intent_id, p.changed_at,
               p.first_seen_at, p.evidence_due_at, p.renewal_id, p.subscription_id, p.applied_at, e.state as evidence_state,
               (select u.email from subscriptions s join users u on u.user_id = s.subscriber_id
                where s.subscription_id = p.subscription_id) as email
        from payment_reversals p
        left join dispute_evidence e on e.reversal_id = p.reversal_id
        where @kind::text is null or p.kind = @kind
        order by p.state <> 'open', case when p.state = 'open' then p.evidence_due_at end, p.changed_at desc
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

    private const string Refunds = """
        select f.refund_id, f.renewal_id, f.subscription_id, round(f.amount_minor / 100.0, 2) as amount_usd,
               case f.provider when 'wallet' then 'wallet' else 'card' end as "to", f.period, f.reason,
               coalesce(p.state, f.state) as state, coalesce(f.code, case when p.state = 'failed' then p.reason end) as code, f.detail,
               f.provider_id, f.requested_at, f.requested_by, f.decided_at,
               (select u.email from subscriptions s join users u on u.user_id = s.subscriber_id
                where s.subscription_id = f.subscription_id) as email
        from refunds f
        left join payment_reversals p on p.provider = f.provider and p.kind = 'refund' and p.provider_id = f.provider_id
        where (@refundId::uuid is null or f.refund_id = @refundId)
          and (@subscriptionId::uuid is null or f.subscription_id = @subscriptionId)
        order by f.state <> 'requested', f.requested_at desc
        limit @limit
        """;

    /// <summary>Refunds that operators requested: those without an answer, then the latest.</summary>
    /// <param name="subscriptionId">The license; null for all.</param>
    public async Task<IReadOnlyList<ListedRefund>> RefundsAsync(
        Guid? subscriptionId, int limit, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return (await session.Connection.QueryAsync<ListedRefund>(new CommandDefinition(
            Refunds, new { refundId = (Guid?)null, subscriptionId, limit }, cancellationToken: session.Token))).AsList();
    }

    public async Task<ListedRefund?> RefundAsync(Guid refundId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.QuerySingleOrDefaultAsync<ListedRefund>(new CommandDefinition(
            Refunds, new { refundId, subscriptionId = (Guid?)null, limit = 1 }, cancellationToken: session.Token));
    }

    private const string MailLicenses = "select mail_licenses(@model::jsonb)::text";

    /// <summary>The names that a mail with this model shows; null if it is about no license.</summary>
    public async Task<JsonNode?> MailLicensesAsync(JsonObject model, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await session.Connection.ExecuteScalarAsync<string?>(new CommandDefinition(
            MailLicenses, new { model = model.ToJsonString() }, cancellationToken: session.Token)) is { } licenses
            ? JsonNode.Parse(licenses)
            : null;
    }

    /// <returns>Null if the customer has not chosen one.</returns>
    public async Task<string?> MailLanguageAsync(Guid userId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        return await CustomerLanguages.FindAsync(session.Connection, userId, session.Token);
    }

    private const string Payments = """
        select r.renewal_id, r.amount_usd + r.debts_usd as amount_usd, r.paid_with, r.paid_from, r.paid_until,
               (select min(h.attempted_at) from license_renewal_history h
                where h.subscription_id = r.subscription_id and h.status = 'success'
                  and (h.renewal_id = r.renewal_id or h.renewal_id in (
                      select a.attempt_id from renewal_attempts a where a.renewal_id = r.renewal_id))) as paid_at,
               case r.paid_with when 'card' then coalesce(paying.transaction_id, r.intent_id) end as charge_id,
               case c.payment_provider when 'paypal' then 'paypal' else c.brand end as card_brand, c.last_four as card_last_four,
               round(coalesce(e.refunded_minor, 0) / 100.0, 2) as refunded_usd,
               round(coalesce(e.charged_back_minor, 0) / 100.0, 2) as charged_back_usd,
               (select round(coalesce(sum(f.amount_minor), 0) / 100.0, 2) from refunds f
                where f.renewal_id = r.renewal_id and f.state = 'requested') as requested_usd,
               exists (select from payment_reversals d
                       where d.renewal_id = r.renewal_id and d.kind = 'dispute' and d.state = 'open') as is_disputed
        from renewals r
        left join reversal_effects e on e.renewal_id = r.renewal_id
        left join lateral (
            select a.transaction_id, a.payment_method_id from renewal_attempts a
            where a.renewal_id = r.renewal_id and a.status = 'succeeded'
            order by a.number desc limit 1) paying on true
        left join user_payment_methods c on c.payment_method_id = paying.payment_method_id and r.paid_with = 'card'
        where r.subscription_id = @subscriptionId and r.status = 'applied' and r.paid_with in ('wallet', 'card') and r.amount_usd > 0
        order by paid_at desc nulls last, r.period_start desc, r.repeat_number desc
        limit @limit
        """;

    /// <summary>The payments of a license, the latest first, and their refunds; null for an unknown license.</summary>
    public async Task<PaymentList?> OfLicenseAsync(Guid subscriptionId, int limit, CancellationToken cancellationToken)
    {
        if (!await LicenseVisibility.IsVisibleAsync(database, subscriptionId, subscriberId: null, cancellationToken)) return null;
        var refunds = await RefundsAsync(subscriptionId, limit, cancellationToken);
        await using var session = await database.OpenAsync(cancellationToken);
        var payments = await session.Connection.QueryAsync<ListedPayment>(
            new CommandDefinition(Payments, new { subscriptionId, limit }, cancellationToken: session.Token));
        return new PaymentList(payments.AsList(), refunds);
    }

    private const string Evidence = """
        select p.state as dispute_state, v.state, v.text as sent_text, v.code, v.detail, v.decided_at, v.requested_at,
               coalesce(p.evidence_due_at <= clock_timestamp(), false) as is_late,
               p.provider_id, p.reason, p.amount_minor, p.currency, p.evidence_due_at, r.subscription_id, r.renewal_type, r.price_accepted,
               agreed.occurred_at as agreed_at, agreed.amount_usd as agreed_usd,
               r.paid_from, r.paid_until, s.created_at as subscribed_at,
               (select min(a.first_sent_at) from renewal_attempts a
                where a.renewal_id = r.renewal_id and a.status = 'succeeded') as charged_at,
               (select count(*)::int from license_renewal_history h
                where h.subscription_id = r.subscription_id and h.status = 'success' and h.amount_usd > 0
                  and not exists (select from renewals o where o.renewal_id = h.renewal_id)
                  and not exists (select from renewal_attempts a where a.attempt_id = h.renewal_id))
               + (select count(*)::int from renewals o
                where o.subscription_id = r.subscription_id and o.status = 'applied' and o.paid_with in ('card', 'wallet')
                  and not exists (select from reversal_effects e
                                  where e.renewal_id = o.renewal_id
                                    and e.refunded_minor + e.charged_back_minor >= round((o.amount_usd + o.debts_usd) * 100))) as payments,
               use.days, use.hours, use.signals, use.days_before, use.hours_before, use.signals_before,
               (select coalesce(json_agg(json_build_object('text', d.text) order by d.first_seen_at), '[]')::text from (
                    select first_seen_at, format('account %s, EA %s, %s to %s', mt5_account_number, ea_instance_id, first_seen_at::date,
                                                 last_seen_at::date) as text
                    from license_devices where subscription_id = r.subscription_id limit 20) d) as devices,
               (select coalesce(json_agg(json_build_object('text', m.sent_at::date || ': ', 'mail', m.name) order by m.sent_at),
                                '[]')::text from (
                    -- A mail is emptied a month after it was sent; its key stays.
                    select sent_at, coalesce(payload ->> 'template', split_part(dedup_key, ':', 1)) as name
                    from outbox
                    where kind = 'email' and sent_at is not null
                      and (payload -> 'model' ->> 'subscription_id' = r.subscription_id::text
                           or dedup_key like '%' || r.subscription_id || '%' or dedup_key like '%' || r.renewal_id || '%')
                      and created_at >= r.paid_from - interval '30 days'
                    order by sent_at limit 30) m) as mails
        from payment_reversals p
        join renewals r on r.renewal_id = p.renewal_id
        join subscriptions s on s.subscription_id = r.subscription_id
        left join dispute_evidence v on v.reversal_id = p.reversal_id
        left join lateral (
            select g.occurred_at, (g.after ->> 'amount_usd')::numeric as amount_usd from audit_log g
            where g.subscription_id = r.subscription_id and g.action = 'renewal.price_accepted' and g.subject = r.renewal_id::text
            order by g.occurred_at desc limit 1) agreed on true
        cross join lateral (
            select count(distinct u.day) filter (where u.is_within)::int as days,
                   coalesce(sum(u.session_sec) filter (where u.is_within), 0)::bigint / 3600 as hours,
                   coalesce(sum(u.signals_executed) filter (where u.is_within), 0)::bigint as signals,
                   count(distinct u.day) filter (where not u.is_within)::int as days_before,
                   coalesce(sum(u.session_sec) filter (where not u.is_within), 0)::bigint / 3600 as hours_before,
                   coalesce(sum(u.signals_executed) filter (where not u.is_within), 0)::bigint as signals_before
            from (select (l.hour_at at time zone 'UTC')::date as day, l.hour_at >= r.paid_from as is_within, l.session_sec,
                         l.signals_executed
                  from usage_sums l
                  where l.subscription_id = r.subscription_id and l.hour_at >= r.paid_from - interval '30 days'
                    and l.hour_at < now()) u) use
        where p.reversal_id = @reversalId and p.kind = 'dispute'
        """;

    /// <returns>Null if there is no such dispute, or if its charge is not known.</returns>
    public async Task<DisputeEvidenceReply?> EvidenceAsync(Guid reversalId, CancellationToken cancellationToken)
    {
        await using var session = await database.OpenAsync(cancellationToken);
        var facts = await session.Connection.QuerySingleOrDefaultAsync<DisputeFacts>(
            new CommandDefinition(Evidence, new { reversalId }, cancellationToken: session.Token));
        return facts is null ? null : DisputeEvidence.Of(facts);
    }
}
