-- What decides whether the devices of a refused license may close their positions; no row if there is no such license.
--   first_seen_at  when the device was admitted for the first time; if device_key is null, when the license's first device was. A device
--                  that loses its slot keeps its row
--   began_at       the beginning of the close-only period: its first refusal, if it was after the parameter since. An older period
--                  counts, too, if its latest refusal was after since and no check has passed after that refusal
--   suspended_at   when the license was suspended
--   is_fraud       a suspension for fraud is open
-- A single stable select, so that the planner inlines it.
create or replace function close_only_facts(subscription_id uuid, device_key text, since timestamptz)
returns table (first_seen_at timestamptz, began_at timestamptz, suspended_at timestamptz, is_fraud boolean) language sql stable as $$
    select (select min(d.first_seen_at) from license_devices d
            where d.subscription_id = s.subscription_id and ($2 is null or d.device_key = $2)),
           (select min(p.began_at) from close_only_periods p
            where p.subscription_id = s.subscription_id
              and (p.began_at > $3
                   or (p.last_refused_at > $3
                       and not exists (select from license_devices d
                                       where d.subscription_id = s.subscription_id and d.last_accepted_at > p.last_refused_at)))),
           coalesce(own.suspended_at, past_time(s.paused_at)), own.is_fraud is true
    from subscriptions s
    cross join lateral (
        select min(o.suspended_at) filter (where is_liftable(o.cause)) as suspended_at, bool_or(o.cause = 'FRAUD') as is_fraud
        from license_suspensions o
        where o.subscription_id = s.subscription_id and o.closed_at is null
    ) own
    where s.subscription_id = $1
$$;
