-- Values of the platform that readers replace (platform_values), so that an operator can correct them.
create or replace view unusable_values as
select 'price' as source, p.pricing_id as row_id, concat('monthly_fee_usd of the active price is ', p.monthly_fee_usd) as reason
from master_pricing p
where p.is_active and not p.monthly_fee_usd between 0 and 1e12
union all
select 'wallet', w.wallet_id, concat('balance_usd is ', w.balance_usd, ', reserved_usd is ', w.reserved_usd)
from user_wallets w
where not (w.balance_usd between -1e12 and 1e12 and w.reserved_usd between -1e12 and 1e12)
union all
select 'card', m.payment_method_id, concat('the expiry is month ', m.expiry_month, ' of ', m.expiry_year)
from user_payment_methods m
where m.is_active and not (coalesce(m.expiry_month, 1) between 1 and 12 and m.expiry_year between 2000 and 8999)
union all
select 'token', t.token_id, concat('expires_at is ', t.expires_at)
from license_tokens t
where t.is_active and (t.expires_at < '1970-01-01 00:00:00+00'
    or (t.expires_at >= '9000-01-01 00:00:00+00' and t.expires_at < 'infinity'));
