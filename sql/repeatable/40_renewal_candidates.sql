create or replace function is_license_expiring_soon(subscription_id uuid, days int default 7) returns boolean language sql stable as $$
    select exists (
        select from v_current_license_tokens t
        where t.subscription_id = is_license_expiring_soon.subscription_id
          and t.is_active and t.expires_at > now() and t.expires_at <= now() + make_interval(days => days))
$$;

-- Licenses to renew now: from 7 days before their expiry until 3 days after it, the end of the grace.
-- A fee of 0 is renewed without a charge. Without an active price the fee is null and no balance is sufficient: such a license can't
-- be renewed. Only active licenses are listed, so no suspension is looked up. Licenses that the platform paused or locked are not
-- listed, whatever RENEW_PAUSED_LICENSES says.
create or replace view v_renewal_candidates as
select
    s.subscription_id,
    s.subscriber_id,
    u.email,
    t.expires_at,
    floor(extract(epoch from t.expires_at - now()) / 86400)::int as days_until_expiry,
    p.monthly_fee_usd::numeric as renewal_fee,
    coalesce(amount_of(w.balance_usd), 0) as wallet_balance,
    coalesce(available_usd(w.balance_usd, w.reserved_usd) >= p.monthly_fee_usd, false) as has_sufficient_balance,
    m.payment_method_id as default_payment_method,
    is_auto_renewed(t.metadata) as auto_renew_enabled
from subscriptions s
join v_current_license_tokens t on t.subscription_id = s.subscription_id
join users u on u.user_id = s.subscriber_id
left join active_prices p on p.master_id = s.master_id
left join user_wallets w on w.user_id = s.subscriber_id
left join default_cards m on m.user_id = s.subscriber_id
where t.is_active
  and renewal_block(
      u.is_active, (select m.is_active from users m where m.user_id = s.master_id), s.is_active, s.state, t.is_active,
      suspended_for_expiry => false, suspended_otherwise => false) is null
  and t.expires_at > now() - interval '3 days'
  and t.expires_at <= now() + interval '7 days';
