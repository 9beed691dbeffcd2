-- A license whose subscription is suspended is SUSPENDED, unless it is suspended for its expiry: then it is EXPIRED until the expiry
-- moves ahead. The guide's text identifies that case. A row of license_suspensions does not: the platform suspends with the same text
-- and without such a row.
-- C#: SuspensionTexts.Expired, LicenseVerdict.
create or replace function is_license_suspended(state subscription_state, paused_reason text) returns boolean
    language sql immutable parallel safe as $$
    select coalesce(state = 'SUSPENDED_ADMIN' and paused_reason is distinct from 'License expired', false)
$$;

-- Whether the platform suspended the license for its expiry: with its own texts, and without a row of license_suspensions. This is only
-- asked if no suspension is open. C#: LicenseVerdict.IsExpiryExtended.
create or replace function is_expired_by_platform(
    state subscription_state, paused_reason text, token_active boolean, revoked_reason text) returns boolean
    language sql immutable parallel safe as $$
    select coalesce(state = 'SUSPENDED_ADMIN' and paused_reason = 'License expired'
        and (token_active or revoked_reason = 'Expired - grace period ended'), false)
$$;

-- Whether people can lift a suspension for this cause. Only a renewal ends a suspension for an expiry. C#: SuspensionCause.IsLiftable.
create or replace function is_liftable(cause text) returns boolean language sql immutable parallel safe as $$
    select cause <> 'EXPIRY'
$$;

-- Whether an operator can reinstate the license. False for a license that the platform suspended without a row of license_suspensions.
create or replace function can_reinstate(subscription_id uuid) returns boolean language sql stable parallel safe as $$
    select exists (select from license_suspensions s where s.subscription_id = $1 and s.closed_at is null and is_liftable(s.cause))
$$;

-- Whether the license is suspended, by this backend or by the platform; null for an unknown license.
create or replace function is_suspended_by_anyone(subscription_id uuid) returns boolean language sql stable parallel safe as $$
    select is_license_suspended(s.state, s.paused_reason) or can_reinstate(s.subscription_id)
    from subscriptions s where s.subscription_id = $1
$$;
