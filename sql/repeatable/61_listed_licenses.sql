-- "create or replace" can't remove a column of a view. The view is dropped in the transaction that creates it again, so that lists never
-- fail.
do $$
begin
    if exists (select from information_schema.columns
               where table_schema = current_schema() and table_name = 'listed_licenses' and column_name = 'status_filter') then
        drop view listed_licenses;
    end if;
end $$;

-- Licenses as the product's lists show them. The code of a check and the status depend on the grace, which is a setting:
-- listed_license_code computes them.
-- Sub-selects instead of joins: with more tables in one join, the planner computes all licenses even if one page is requested.
create or replace view listed_licenses as
select
    h.subscription_id,
    h.subscriber_id,
    h.email,
    -- The platform has no name of a master. The part of the address before the @ is shown instead; the rest stays private.
    (select split_part(m.email, '@', 1)
     from subscriptions s join users m on m.user_id = s.master_id
     where s.subscription_id = h.subscription_id) as master,
    h.health_score,
    h.days_until_expiry,
    h.expires_at,
    (select is_auto_renewed(c.metadata) from v_current_license_tokens c where c.subscription_id = h.subscription_id) as auto_renew,
    h.last_used_at,
    -- Devices that have a slot. v_license_health counts devices in the log of 30 days, which has 17,000 rows for two devices that work
    -- day and night.
    (select count(*)::int from license_devices d where d.subscription_id = h.subscription_id and d.removed_at is null) as device_count,
    h.open_alerts,
    can_reinstate(h.subscription_id) as can_reinstate,
    is_suspended_by_anyone(h.subscription_id) as is_suspended
from v_license_health h;

-- The code of a check for a license's current token, regardless of devices.
create or replace function listed_license_code(subscription_id uuid, grace interval) returns text language sql stable as $$
    select license_code(
        t.is_active is true, t.revoked_reason, t.expires_at, l.grace_until, subscription_state_of(s.state),
        is_subscription_active(s.is_active), s.paused_reason, o.only_for_expiry, o.took_token, o.stands, $2)
    from subscriptions s
    cross join lateral (select * from v_current_license_tokens c where c.subscription_id = s.subscription_id limit 1) t
    cross join lateral open_suspension_facts(s.subscription_id, t.token_id, null, subscription_state_of(s.state), s.paused_reason) o
    left join license_states l on l.subscription_id = s.subscription_id
    where s.subscription_id = $1
$$;

-- The end of a license's grace, exclusive. While the outcome of a renewal is open, it may be later than the setting says.
create or replace function grace_end(subscription_id uuid, expires_at timestamptz, grace interval) returns timestamptz
language sql stable as $$
    select greatest($2 + $3, (select l.grace_until from license_states l where l.subscription_id = $1))
$$;
