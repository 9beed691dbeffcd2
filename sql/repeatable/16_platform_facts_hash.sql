-- Identifies the platform's facts on which the code of a check depends. The time, settings and suspensions are not included. Pass the
-- columns of the subscription and of its row in v_current_license_tokens.
create or replace function platform_facts_hash(
    state text, subscription_active boolean, paused_reason text, token_id uuid, token_active boolean, revoked_reason text,
    expires_at timestamptz)
returns bigint language sql immutable parallel safe as $$
    select hash_record_extended(row($1, $2, $3, $4, $5, $6, $7), 0)
$$;
