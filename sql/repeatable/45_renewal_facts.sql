-- A renewal with everything that a decision about it reads.
create or replace view renewal_facts as
select
    r.renewal_id, r.subscription_id, r.user_id, r.period_start, r.renewal_type, r.status, r.amount_usd, r.price_accepted, r.intent_id,
    r.soft_declines, r.lookups, r.unknown_since, r.gives_up_at, r.next_action_at, r.paid_with, r.paid_from, r.paid_until, r.fence,
    a.attempt_id, a.number as attempt_number, a.provider as attempt_provider, a.payment_method_id as attempt_payment_method_id, a.request,
    a.first_sent_at, a.opens_intent, a.status as attempt_status, a.code as attempt_code, a.transaction_id,
    t.expires_at,
    coalesce(t.metadata ->> 'auto_renew' = 'true', false) as auto_renew,
    -- Active, or suspended for its expiry alone: nobody pays for a license that an operator or the detector holds.
    s.is_active
        and (t.is_active or held.for_expiry)
        and not held.otherwise
        and (s.state <> 'SUSPENDED_ADMIN' or held.for_expiry) as is_renewable,
    p.monthly_fee_usd as price_usd,
    (select l.amount_usd from renewals l
     where l.subscription_id = r.subscription_id and l.status = 'applied' order by l.period_start desc limit 1) as last_paid_usd,
    coalesce(w.balance_usd - w.reserved_usd, 0) as wallet_usd,
    m.payment_method_id, m.payment_provider, m.provider_customer_id, m.provider_payment_id, m.expiry_month, m.expiry_year,
    m.details_changed_at
from renewals r
join subscriptions s on s.subscription_id = r.subscription_id
join lateral (select * from v_current_license_tokens c where c.subscription_id = r.subscription_id limit 1) t on true
cross join lateral (
    select coalesce(bool_or(h.cause = 'EXPIRY'), false) as for_expiry, coalesce(bool_or(h.cause <> 'EXPIRY'), false) as otherwise
    from license_suspensions h where h.subscription_id = r.subscription_id and h.closed_at is null) held
left join lateral (select * from renewal_attempts l where l.renewal_id = r.renewal_id order by l.number desc limit 1) a on true
left join master_pricing p on p.master_id = s.master_id and p.is_active
left join user_wallets w on w.user_id = r.user_id
left join user_payment_methods m on m.user_id = r.user_id and m.is_default and m.is_active;
