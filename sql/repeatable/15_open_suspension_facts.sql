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
