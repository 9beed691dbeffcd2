-- Licenses as the product's lists show them. status_filter is the status of v_license_health, which counts a license in its grace
-- as EXPIRED; status is GRACE for it.
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
    case
        when h.status = 'EXPIRED'
            and (select scored.status from license_health scored where scored.subscription_id = h.subscription_id) = 'GRACE' then 'GRACE'
        else h.status
    end as status,
    h.status as status_filter,
    h.health_score,
    h.days_until_expiry,
    h.expires_at,
    (select is_auto_renewed(c.metadata) from v_current_license_tokens c where c.subscription_id = h.subscription_id) as auto_renew,
    h.last_used_at,
    h.device_count,
    h.open_alerts,
    can_reinstate(h.subscription_id) as can_reinstate,
    is_suspended_by_anyone(h.subscription_id) as is_suspended
from v_license_health h;
