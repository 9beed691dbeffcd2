-- The latest attempt of a renewal; no row before the first. A single stable select, so that the planner inlines it.
create or replace function latest_attempt(renewal_id uuid) returns setof renewal_attempts language sql stable as $$
    select * from renewal_attempts a where a.renewal_id = $1 order by a.number desc limit 1
$$;

-- A renewal with all values on which a decision about it depends.
create or replace view renewal_facts as
select
    r.renewal_id, r.subscription_id, r.user_id, r.period_start, r.renewal_type, r.status, r.amount_usd, r.price_accepted, r.intent_id,
    r.soft_declines, r.lookups, r.unknown_since, r.gives_up_at, r.next_action_at, r.paid_with, r.paid_from, r.paid_until, r.fence,
    a.attempt_id, a.number as attempt_number, a.provider as attempt_provider, a.payment_method_id as attempt_payment_method_id, a.request,
    a.first_sent_at, a.opens_intent, a.status as attempt_status, a.code as attempt_code, a.transaction_id,
    t.expires_at, t.auto_renew, t.is_renewable, t.price_usd, t.last_paid_usd, t.wallet_usd,
    t.payment_method_id, t.payment_provider, t.provider_customer_id, t.provider_payment_id, t.expiry_month, t.expiry_year,
    t.details_changed_at, t.renewal_block, r.lapsed_blocked,
    -- While another renewal of the license waits for the provider or the bank, nothing else is charged. If the platform has moved the
    -- expiry, the intent of the other renewal is canceled first.
    exists (select from renewals o
            where o.subscription_id = r.subscription_id and o.renewal_id <> r.renewal_id
              and (is_awaiting_provider(o.status)
                   or (has_intent_left(o.status, o.intent_id) and o.period_start is distinct from t.expires_at)))
        as is_another_awaited,
    (select f.last_four from user_payment_methods f where f.payment_method_id = t.payment_method_id) as last_four,
    t.is_disputed, t.is_gone, r.debts_usd, t.debt_usd,
    array(select h.first_sent_at from renewal_attempts h where h.renewal_id = r.renewal_id order by h.number) as attempts_at
from renewals r
join renewal_terms t on t.subscription_id = r.subscription_id
left join lateral latest_attempt(r.renewal_id) a on true;
