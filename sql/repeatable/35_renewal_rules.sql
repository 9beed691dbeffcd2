-- Facts about renewals that several statements read. RenewalRulesTests compares them with their C# counterparts.

-- The request was sent, and its outcome is not known yet. C#: RenewalStatus.IsChargeUnknown.
create or replace function is_charge_unknown(status text) returns boolean language sql immutable parallel safe as $$
    select status in ('unknown', 'undecided')
$$;

-- The charge moved money, or may still do so: the license keeps its grace, and nothing else is charged. C#: RenewalStatus.IsChargeOpen.
create or replace function is_charge_open(status text) returns boolean language sql immutable parallel safe as $$
    select is_charge_unknown(status) or status in ('charging', 'succeeded')
$$;

-- The renewal waits for the provider or the customer's bank. The reconciler looks it up. C#: RenewalStatus.IsAwaitingProvider.
create or replace function is_awaiting_provider(status text) returns boolean language sql immutable parallel safe as $$
    select is_charge_open(status) or status = 'needs_authentication'
$$;

-- The renewal may continue when the customer's cards change. C#: RenewalStatus.IsWaitingForCard.
create or replace function is_waiting_for_card(status text) returns boolean language sql immutable parallel safe as $$
    select status in ('payment_needed', 'soft_declined', 'hard_declined', 'needs_authentication')
$$;

-- The renewal needs no more work. C#: RenewalStatus.IsFinal.
create or replace function is_renewal_final(status text) returns boolean language sql immutable parallel safe as $$
    select status in ('applied', 'canceled', 'lapsed')
$$;

-- No charge is open, but the intent is not canceled, so it could still be charged. C#: Renewal.HasIntentLeft.
create or replace function has_intent_left(status text, intent_id text) returns boolean language sql immutable parallel safe as $$
    select intent_id is not null and not is_charge_open(status) and not is_renewal_final(status)
$$;

-- An intent was made, or may have been, with the renewal's amount. C#: Renewal.IsPriceFrozen.
create or replace function is_price_frozen(status text, intent_id text) returns boolean language sql immutable parallel safe as $$
    select intent_id is not null or is_charge_open(status)
$$;

-- When an unpaid period lapses: at the end of the grace. A period that is opened late gets at least one day.
-- C#: RenewalPolicy.GivesUpAt with LateWindow.
create or replace function renewal_gives_up_at(period_start timestamptz, grace interval, opened_at timestamptz) returns timestamptz
    language sql stable parallel safe as $$
    select greatest(period_start + grace, opened_at + interval '24 hours')
$$;

-- auto_renew in the metadata of a license's current token.
create or replace function is_auto_renewed(metadata jsonb) returns boolean language sql immutable parallel safe as $$
    select coalesce(metadata ->> 'auto_renew' = 'true', false)
$$;

-- A license is renewable while it is active, or suspended for its expiry alone. Nobody pays for a license that an operator or the
-- detector suspended.
create or replace function is_license_renewable(
    subscription_active boolean, state subscription_state, token_active boolean, suspended_for_expiry boolean, suspended_otherwise boolean)
    returns boolean language sql immutable parallel safe as $$
    select is_subscription_active(subscription_active)
        and (token_active is true or suspended_for_expiry)
        and not suspended_otherwise
        and (subscription_state_of(state) <> 'SUSPENDED_ADMIN' or suspended_for_expiry)
$$;

-- Why the license is not renewed; null if it is. Nobody is charged for a license that isn't served. C#: RenewalBlock.
create or replace function renewal_block(
    subscriber_active boolean, master_active boolean, subscription_active boolean, state subscription_state, token_active boolean,
    suspended_for_expiry boolean, suspended_otherwise boolean)
    returns text language sql immutable parallel safe as $$
    select case
        when subscriber_active is false then 'account_closed'
        when master_active is false then 'master_closed'
        when not is_subscription_active(subscription_active) then 'subscription_inactive'
        when not is_license_renewable(subscription_active, state, token_active, suspended_for_expiry, suspended_otherwise)
            then 'license_suspended'
        when state = 'PAUSED_TOXIC' then 'paused_toxic'
        when state = 'LOCKED_NO_FUNDS' then 'locked_no_funds'
    end
$$;

-- A suspension lasted over the end of the grace, so the renewal is opened after the reinstatement, however late it is.
create or replace function was_grace_suspended(subscription_id uuid, expires_at timestamptz, grace interval) returns boolean
    language sql stable as $$
    select exists (select from renewals r
                   where r.subscription_id = $1 and r.period_start = $2 and r.status = 'lapsed' and r.lapsed_blocked)
        or exists (select from license_suspensions s
                   where s.subscription_id = $1 and is_liftable(s.cause)
                     and s.suspended_at < $2 + grace and s.closed_at >= $2 + grace)
$$;
