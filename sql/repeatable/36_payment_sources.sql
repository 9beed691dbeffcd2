-- What a renewal costs and what can pay it. Each is a plain filter or expression, so that the planner inlines it.

-- The active price of each master; at most one per master.
create or replace view active_prices as
select p.master_id, p.monthly_fee_usd
from master_pricing p
where p.is_active;

-- The payment method that renewals charge; at most one per user.
create or replace view default_cards as
select
    m.user_id, m.payment_method_id, m.payment_provider, m.provider_customer_id, m.provider_payment_id, m.expiry_month, m.expiry_year,
    m.details_changed_at
from user_payment_methods m
where m.is_default and m.is_active;

-- What a wallet can pay; 0 for a user without a wallet. Reserved balance doesn't count.
create or replace function available_usd(balance_usd numeric, reserved_usd numeric) returns numeric
    language sql immutable parallel safe as $$
    select coalesce(balance_usd - reserved_usd, 0)
$$;
