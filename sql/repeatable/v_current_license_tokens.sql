-- A licence's one current token: never a rotated-away row; of several, the active and then the newest one.
create or replace view v_current_license_tokens as
select distinct on (t.subscription_id)
    t.subscription_id, t.token_id, t.token_hash, t.is_active, t.expires_at, t.created_at,
    t.last_used_at, t.ip_address, t.ea_instance_id, t.revoked_at, t.revoked_reason, t.metadata
from license_tokens t
where not exists (select from license_token_replacements r where r.token_id = t.token_id)
order by t.subscription_id, (t.is_active is true) desc, t.created_at desc nulls last, t.token_id;
