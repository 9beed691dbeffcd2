create or replace function is_license_expiring_soon(subscription_id uuid, days int default 7) returns boolean language sql stable as $$
    select exists (
        select from v_current_license_tokens t
        where t.subscription_id = is_license_expiring_soon.subscription_id
          and t.is_active and t.expires_at > now() and t.expires_at <= now() + make_interval(days => days))
$$;

-- Licenses to renew now: from 7 days before their expiry until 3 days after it, the grace, in which a renewal is still tried.
-- A fee of 0 is renewed without a charge; no active price is no fee, and nothing suffices for it: such a license can't be renewed.
-- What the wallet has reserved is spoken for.
create or replace view v_renewal_candidates as
select
    s.subscription_id,
    s.subscriber_id,
    u.email,
    t.expires_at,
    floor(extract(epoch from t.expires_at - now()) / 86400)::int as days_until_expiry,
    p.monthly_fee_usd::numeric as renewal_fee,
    coalesce(w.balance_usd, 0) as wallet_balance,
    coalesce(coalesce(w.balance_usd - w.reserved_usd, 0) >= p.monthly_fee_usd, false) as has_sufficient_balance,
    m.payment_method_id as default_payment_method,
    coalesce(t.metadata ->> 'auto_renew' = 'true', false) as auto_renew_enabled
from subscriptions s
join v_current_license_tokens t on t.subscription_id = s.subscription_id
join users u on u.user_id = s.subscriber_id
left join master_pricing p on p.master_id = s.master_id and p.is_active
left join user_wallets w on w.user_id = s.subscriber_id
left join user_payment_methods m on m.user_id = s.subscriber_id and m.is_default and m.is_active
where t.is_active
  and s.is_active
  and s.state <> 'SUSPENDED_ADMIN'
  and t.expires_at > now() - interval '3 days'
  and t.expires_at <= now() + interval '7 days';
