-- Every license with its status and its stored score. Before the first scoring, the platform's simple score is used:
-- 40 for an active license, 20 for use in the last 24 hours, 20 for at most two devices, 20 for no open alert.
create or replace view v_license_health as
select
    facts.*,
    coalesce(stored.score, case when facts.status in ('ACTIVE', 'PENDING_RENEWAL') then 40 else 0 end
     + case when last_used_at > now() - interval '24 hours' then 20 else 0 end
     + case when device_count <= 2 then 20 else 0 end
     + case when open_alerts = 0 then 20 else 0 end)::int as health_score
from (
    select
        s.subscription_id,
        s.subscriber_id,
        p.email,
        t.is_active,
        t.expires_at,
        -- Computed without a grace, because the guide counts GRACE as EXPIRED.
        license_status(
            license_code(
                t.is_active is true, t.revoked_reason, t.expires_at, null, subscription_state_of(s.state),
                is_subscription_active(s.is_active), s.paused_reason, o.only_for_expiry, o.took_token, o.stands, interval '0'),
            t.expires_at) as status,
        floor(extract(epoch from t.expires_at - now()) / 86400)::int as days_until_expiry,
        recent_device_count(s.subscription_id) as device_count,
        u.last_used_at,
        round((extract(epoch from now() - u.last_used_at) / 3600)::numeric, 1) as hours_since_use,
        -- An appeal is no sign of suspicious use.
        (select count(*)::int from suspicious_activity_alerts a
         where a.subscription_id = s.subscription_id and is_alert_open(a.status) and a.activity_type <> 'APPEAL') as open_alerts
    from subscriptions s
    -- With the limit, the tokens of one license are found by index. A plain join would sort all tokens.
    join lateral (
        select c.token_id, c.is_active, c.revoked_reason, c.expires_at, c.last_used_at
        from v_current_license_tokens c where c.subscription_id = s.subscription_id limit 1
    ) t on true
    join users p on p.user_id = s.subscriber_id
    -- The usage that is not summed yet has not changed the token.
    cross join lateral (
        select greatest(t.last_used_at, past_time(recent_use_at(s.subscription_id))) as last_used_at
    ) u
    cross join lateral open_suspension_facts(s.subscription_id, t.token_id, null, subscription_state_of(s.state), s.paused_reason) o
) as facts
left join license_health stored using (subscription_id);
