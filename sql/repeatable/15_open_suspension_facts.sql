-- What the open suspensions of a license mean for one of its tokens and for one device. It returns one row, whose columns are all
-- null if no suspension is open. The caller passes the subscription's state and paused_reason, which it has read already.
--   only_for_expiry   their only cause is EXPIRY (is_liftable)
--   reason            the text of the latest one, those for other causes than EXPIRY first
--   took_token        the token is inactive because of one of them
--   stands            the subscription is SUSPENDED_ADMIN for one of their reasons: nobody else has suspended it
--   caused_by_device  the device caused one of them
-- A single stable select, so that the planner inlines it. License checks depend on that.
create or replace function open_suspension_facts(
    subscription_id uuid, token_id uuid, device_key text, state subscription_state, paused_reason text)
returns table (only_for_expiry boolean, reason text, took_token boolean, stands boolean, caused_by_device boolean)
language sql stable as $$
    select bool_and(not is_liftable(o.cause)),
           (array_agg(o.reason order by not is_liftable(o.cause), o.suspended_at desc))[1],
           bool_or($2 = any (o.token_ids)),
           bool_or(o.reason = $5 and $4 = 'SUSPENDED_ADMIN'),
           bool_or(o.device_key = $3)
    from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
$$;

-- The state that the last reinstatement restores: that before the oldest open suspension. Null if none is open.
create or replace function state_before_suspension(subscription_id uuid) returns subscription_state language sql stable as $$
    select o.previous_state from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
    order by o.suspended_at, o.suspension_id limit 1
$$;

-- Whether the platform had suspended the license, for another cause than its expiry, before the oldest open suspension.
create or replace function was_suspended_before_suspension(subscription_id uuid) returns boolean language sql stable as $$
    select is_license_suspended(o.previous_state, o.previous_paused_reason) from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
    order by o.suspended_at, o.suspension_id limit 1
$$;

-- The code of a license check, regardless of devices, and with VALID in place of a missing reason. SUSPENDED takes precedence over
-- REVOKED, as in LicenseCode (C#). LicenseRulesTests compares it with LicenseVerdict. Pass the columns of open_suspension_facts.
create or replace function license_code(
    token_active boolean, revoked_reason text, expires_at timestamptz, grace_until timestamptz, state subscription_state,
    subscription_active boolean, paused_reason text, only_for_expiry boolean, took_token boolean, stands boolean, grace interval)
returns text language sql stable parallel safe as $$
    select case
        when case when only_for_expiry is null then is_license_suspended(state, paused_reason)
                  else not only_for_expiry or (stands is not true and state = 'SUSPENDED_ADMIN') end then 'SUSPENDED'
        when not token_active and took_token is not true
            -- An automatic suspension of the first version, which wrote no row in license_suspensions. C#: SuspensionTexts.
            and not (state = 'SUSPENDED_ADMIN'
                and coalesce(revoked_reason = 'Expired - grace period ended' or starts_with(revoked_reason, 'Auto-suspended: '), false))
            then 'REVOKED'
        -- Suspended by the platform for the expiry. This ends when the expiry moves ahead.
        when (only_for_expiry is null and state = 'SUSPENDED_ADMIN'
                and (now() >= expires_at or (not token_active and revoked_reason is distinct from 'Expired - grace period ended')))
            or now() >= greatest(expires_at + grace, case when expires_at is not null then grace_until end) then 'EXPIRED'
        when not subscription_active then 'INACTIVE'
        when state in ('LOCKED_NO_FUNDS', 'PAUSED_TOXIC') then state::text
        when now() >= expires_at then 'GRACE'
        else 'VALID'
    end
$$;

-- The status of a license with this code. C#: LicenseStatuses.Of.
create or replace function license_status(code text, expires_at timestamptz) returns text language sql stable parallel safe as $$
    select case
        when code in ('REVOKED', 'EXPIRED', 'GRACE') then code
        when code <> 'VALID' then 'SUSPENDED'
        when expires_at < now() + interval '7 days' then 'PENDING_RENEWAL'
        else 'ACTIVE'
    end
$$;
