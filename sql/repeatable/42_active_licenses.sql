-- Active licenses. Readers select a range of expires_at: the index over active tokens finds the rows, and each is compared with its
-- license's current token. The reverse order would sort all tokens of all licenses.
create or replace view active_licenses as
select
    t.subscription_id, t.expires_at, s.subscriber_id, s.master_id,
    -- The timer opens its renewals: auto_renew is on, and the subscription is active.
    is_subscription_active(s.is_active) and is_auto_renewed(t.metadata) as auto_renews,
    -- The renewal of the period after this expiry exists. One that can be opened again doesn't count: a canceled one, and one that lapsed
    -- while the license was suspended.
    exists (select from renewals r
            where r.subscription_id = t.subscription_id and r.period_start = t.expires_at and r.status <> 'canceled'
              and not (r.status = 'lapsed' and r.lapsed_blocked)) as is_renewal_opened
from license_tokens t
join lateral (select c.token_id from v_current_license_tokens c where c.subscription_id = t.subscription_id limit 1) current_token
    on current_token.token_id = t.token_id
-- A left join, so that a reader who needs no column of the subscription doesn't read it.
left join subscriptions s on s.subscription_id = t.subscription_id
where t.is_active;
