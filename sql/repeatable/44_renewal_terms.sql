-- What the next renewal of a license depends on: the license, its price, and its means of payment. One row per license. Its readers
-- join at most two more tables: with more than eight tables, the planner no longer chooses the order (join_collapse_limit).
create or replace view renewal_terms as
select
    s.subscription_id, s.subscriber_id, t.expires_at, t.is_active,
    is_auto_renewed(t.metadata) as auto_renew,
    is_license_renewable(s.is_active, e.state, t.is_active,
        suspended_for_expiry => e.is_suspended_for_expiry, suspended_otherwise => o.only_for_expiry is false) as is_renewable,
    -- The master's active price. RenewalPrice (C#) says when a renewal costs its frozen price instead.
    p.monthly_fee_usd as price_usd,
    -- Before the first renewal, a price above that at subscribing needs the customer's consent.
    coalesce(
        -- "offset 0": without statistics, PostgreSQL would read all paid periods (paid_periods_never_overlap) for one license's.
        (select l.amount_usd
         from (select status, amount_usd, paid_from, paid_until, period_start, repeat_number
               from renewals where subscription_id = s.subscription_id offset 0) l
         where l.status = 'applied'
         -- A period is empty if the platform moved the expiry before its start: what was paid since is later.
         order by l.paid_until > l.paid_from desc, l.paid_from desc, l.period_start desc, l.repeat_number desc limit 1),
        price_at_subscribing(s.master_id, s.created_at)) as last_paid_usd,
    available_usd(w.balance_usd, w.reserved_usd) as wallet_usd,
    m.payment_method_id, m.payment_provider, m.provider_customer_id, m.provider_payment_id, m.expiry_month, m.expiry_year,
    m.details_changed_at,
    renewal_block(
        (select u.is_active from users u where u.user_id = s.subscriber_id),
        (select u.is_active from users u where u.user_id = s.master_id),
        s.is_active,
        e.state,
        t.is_active,
        suspended_for_expiry => e.is_suspended_for_expiry, suspended_otherwise => o.only_for_expiry is false) as renewal_block,
    exists (select from payment_reversals d
            where d.subscription_id = s.subscription_id and d.kind = 'dispute' and d.state = 'open')
        -- A refund or dispute was reported while the license had no token, and is not applied yet: it may stop auto-renewal.
        or exists (select from payment_reversals d
                   join renewals r on r.renewal_id = d.renewal_id
                   where d.subscription_id = s.subscription_id and d.applied_state is distinct from d.state and d.currency = 'usd'
                     and d.provider <> 'wallet' and r.status = 'applied' and r.paid_with = 'card') as is_disputed,
    -- Without a token, the license can't be extended; its renewals are still listed.
    t.subscription_id is null as is_gone,
    -- The open amounts of deferred renewals: they are taken with the next charge.
    (select coalesce(sum(d.amount_usd), 0) from renewals d
     where d.subscription_id = s.subscription_id and d.paid_with = 'deferred' and d.settled_by is null) as debt_usd
from subscriptions s
left join lateral (select * from v_current_license_tokens c where c.subscription_id = s.subscription_id limit 1) t on true
cross join lateral open_suspension_facts(s.subscription_id, null, null, s.state, s.paused_reason) o
-- A payment ends a suspension for expiry. If the subscription still has the text of that suspension, it gets its earlier state back, in
-- which it may not be served. The platform may suspend the subscription before and during that suspension.
cross join lateral (
    select case when o.only_for_expiry and o.stands then state_before_suspension(s.subscription_id) else s.state end as state,
           case when o.only_for_expiry is null
                then is_expired_by_platform(s.state, s.paused_reason, t.is_active, t.revoked_reason)
                when o.stands then o.only_for_expiry and not was_suspended_before_suspension(s.subscription_id)
                else o.only_for_expiry and subscription_state_of(s.state) <> 'SUSPENDED_ADMIN' end as is_suspended_for_expiry) e
left join active_prices p on p.master_id = s.master_id
left join user_wallets w on w.user_id = s.subscriber_id
left join default_cards m on m.user_id = s.subscriber_id;
