-- The next renewal of each license, with the same columns as renewal_facts, even if its row does not exist yet.
create or replace view next_renewals as
select
    t.subscription_id, t.subscriber_id as user_id, (select u.email from users u where u.user_id = t.subscriber_id) as email,
    t.expires_at, t.is_active, t.auto_renew, t.is_renewable, t.price_usd, t.last_paid_usd, t.wallet_usd,
    t.payment_method_id, t.payment_provider, t.provider_customer_id, t.provider_payment_id, t.expiry_month, t.expiry_year,
    t.details_changed_at, r.status, r.amount_usd, coalesce(r.price_accepted, false) as price_accepted,
    -- The default card's last decline. A decline from before a change of the card's details does not count.
    (select a.code from renewal_attempts a
     where a.renewal_id = r.renewal_id and a.payment_method_id = t.payment_method_id
       and (t.details_changed_at is null or t.details_changed_at <= a.first_sent_at)
     order by a.number desc limit 1) as last_decline,
    t.renewal_block, coalesce(is_price_frozen(r.status, r.intent_id), false) as is_price_frozen,
    -- The platform moved the expiry back to the start of a paid period.
    exists (select from renewals p
            where p.subscription_id = t.subscription_id and p.period_start = t.expires_at and p.status = 'applied') as was_paid,
    (select f.last_four from user_payment_methods f where f.payment_method_id = t.payment_method_id) as last_four,
    t.is_disputed, coalesce(r.debts_usd, 0) as debts_usd, t.debt_usd,
    exists (select from unbooked_charges c where c.subscription_id = t.subscription_id) as has_unbooked_charge,
    r.next_action_at, r.gives_up_at, r.renewal_type, coalesce(r.is_refunded, false) as is_refunded
from renewal_terms t
left join renewals r on r.subscription_id = t.subscription_id and r.period_start = t.expires_at and r.status <> 'applied';
