-- A license is a subscription with one current token. It is the active one of the tokens that rotation has not replaced; if
-- none is active, the newest of them.
create or replace view v_current_license_tokens as
select distinct on (subscription_id)
    token_id, subscription_id, token_hash, ea_instance_id, past_time(last_used_at) as last_used_at, ip_address,
    is_active, expiry_of(expires_at) as expires_at, past_time(created_at) as created_at, past_time(revoked_at) as revoked_at,
    revoked_reason, metadata
from license_tokens t
where not exists (select from license_token_replacements r where r.token_id = t.token_id)
order by subscription_id, is_active is true desc, t.created_at desc, token_id;
