-- What a renewal costs and what can pay it. Each is a plain filter or expression, so that the planner inlines it.

-- The active price of each master; at most one per master.
create or replace view active_prices as
select p.master_id, p.monthly_fee_usd
from master_pricing p
where p.is_active and p.monthly_fee_usd between 0 and 1e12; -- not NaN

-- The price when a subscriber subscribed; where that was not recorded, the earliest price after it. Null if no price was recorded.
create or replace function price_at_subscribing(master_id uuid, subscribed_at timestamptz) returns numeric language sql stable as $$
    select coalesce(
        (select c.monthly_fee_usd from master_price_changes c
         where c.master_id = $1 and c.changed_at <= $2 order by c.changed_at desc limit 1),
        (select c.monthly_fee_usd from master_price_changes c where c.master_id = $1 order by c.changed_at limit 1))
$$;

-- The payment method that renewals charge; at most one per user.
create or replace view default_cards as
select
    m.user_id, m.payment_method_id, m.payment_provider, m.provider_customer_id, m.provider_payment_id,
    case when m.expiry_month between 1 and 12 then m.expiry_month end as expiry_month,
    case when m.expiry_year between 2000 and 8999 then m.expiry_year end as expiry_year,
    past_time(m.details_changed_at) as details_changed_at
from user_payment_methods m
where m.is_default and m.is_active;

-- What a wallet can pay; 0 for a user without a wallet. Reserved balance doesn't count.
create or replace function available_usd(balance_usd numeric, reserved_usd numeric) returns numeric
    language sql immutable parallel safe as $$
    select coalesce(amount_of(balance_usd - reserved_usd), 0)
$$;
