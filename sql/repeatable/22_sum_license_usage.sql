-- Locks the row for the rest of the transaction. Returns false if another session has locked it.
create or replace function lock_token_if_free(token_id uuid) returns boolean language plpgsql as $$
begin
    perform from license_tokens t where t.token_id = $1 for no key update skip locked;
    return found;
end
$$;
create or replace function lock_device_if_free(device_id uuid) returns boolean language plpgsql as $$
begin
    perform from license_devices d where d.device_id = $1 for no key update skip locked;
    return found;
end
$$;

-- Writes a token's time of last use, unless a later one is known or another session has locked the token.
create or replace function note_token_use(token_hash varchar, used_at timestamptz, address inet) returns void language plpgsql as $$
begin
    update license_tokens t set last_used_at = used_at, ip_address = coalesce(address, t.ip_address)
    where t.token_hash = note_token_use.token_hash and (t.last_used_at is null or t.last_used_at < used_at)
      and lock_token_if_free(t.token_id);
end
$$;

-- Writes what depends on stored usage: hourly sums, times of last use, and the arrivals for the detector. Takes the oldest batches of
-- unsummed_usage that no other session has locked, up to about most_records, and returns the number of their records; 0 if there are
-- none. Last-seen times only move forward, so the order of the batches doesn't matter. Records that were deleted meanwhile add nothing.
--
-- With skip_locked, tokens and devices that another session has locked keep their time of last use; a later batch writes it. Without
-- it, which costs less, the statement fails after one second if such a lock remains. With one_by_one, each time of last use
-- is written separately: it is left out, with a warning, if its change fails, for example in a trigger of the platform. Locked rows are
-- skipped.
--
-- Two concurrent calls lock rows in the same order, so that they wait and don't deadlock: each kind of row is sorted by its key.
-- To keep this order, each update reads its rows sorted and finds each row by an index: the joins and scans that would change the order
-- are disabled, and so is the bitmap scan, which costs more for one row.
--
-- Each call is planned anew, in 3 ms. A plan from before the first records would read the whole log for each of the later ones.
create or replace function sum_license_usage(most_records int, skip_locked boolean, one_by_one boolean) returns int language plpgsql
set plan_cache_mode = force_custom_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off set enable_seqscan = off as $$
declare
    taken int;
    subscriptions uuid[];
    times timestamptz[];
    hashes text[];
    addresses inet[];
    eas text[];
    accounts bigint[];
    used record;
begin
    -- Excludes an erasure of a person: a sum that has read the person's records could write them after they were erased.
    perform pg_advisory_xact_lock_shared(hashtext('sum_license_usage'));
    if not skip_locked then
        set local lock_timeout = '1s';
    end if;

    with waiting as (
        select batch_id, cardinality(log_ids) as records from unsummed_usage order by batch_id limit 10000 for update skip locked
    ), chosen as (
        select batch_id from (select batch_id, sum(records) over (order by batch_id) - records as before from waiting) as w
        where before < most_records
    ), claimed as (
        delete from unsummed_usage where batch_id in (select batch_id from chosen)
        returning subscription_ids, logged_ats, log_ids
    ), stored as materialized (
        select l.subscription_id, l.logged_at, l.token_hash, l.ip_address, l.ea_instance_id, l.mt5_account_number, l.country_code,
               l.signals_received, l.signals_executed, l.signals_rejected, l.avg_latency_ms, l.session_duration_sec
        from claimed c
        cross join unnest(c.subscription_ids, c.logged_ats, c.log_ids) as key (subscription_id, logged_at, log_id)
        join license_usage_log l
            on l.subscription_id = key.subscription_id and l.logged_at = key.logged_at and l.log_id = key.log_id
    ), used_tokens as (
        update license_tokens t set last_used_at = newest.logged_at, ip_address = coalesce(newest.ip_address, t.ip_address)
        from (select distinct on (token_hash collate "C") token_hash, logged_at, ip_address
              from stored order by token_hash collate "C", logged_at desc) as newest
        where not one_by_one and t.token_hash = newest.token_hash and (t.last_used_at is null or t.last_used_at < newest.logged_at)
          and (not skip_locked or lock_token_if_free(t.token_id))
    ), seen_devices as (
        update license_devices d set last_seen_at = newest.logged_at
        from (select distinct on (subscription_id, mt5_account_number, ea_instance_id collate "C")
                     subscription_id, mt5_account_number, ea_instance_id, ip_address, logged_at
              from stored order by subscription_id, mt5_account_number, ea_instance_id collate "C", logged_at desc) as newest
        where not one_by_one and d.subscription_id = newest.subscription_id
          and d.mt5_account_number = newest.mt5_account_number and d.ea_instance_id = newest.ea_instance_id
          -- Under DEVICE_IDENTITY=ip_ea_account the same EA and account at another address is another device.
          and (d.device_key = newest.mt5_account_number || '|' || newest.ea_instance_id or d.ip_address = newest.ip_address)
          and d.removed_at is null and d.last_seen_at < newest.logged_at
          and (not skip_locked or lock_device_if_free(d.device_id))
    ), rolled_up as (
        insert into usage_rollups as r (
            subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code, sessions, session_sec,
            signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals)
        select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'),
               coalesce(ea_instance_id, ''), coalesce(mt5_account_number, 0),
               usage_network(ip_address), coalesce(country_code, 'ZZ'), count(*), coalesce(sum(session_duration_sec), 0),
               sum(signals_received), sum(signals_executed), sum(signals_rejected),
               coalesce(sum(avg_latency_ms::bigint * signals_received), 0),
               coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)
        from stored
        group by 1, 2, 3, 4, 5, 6
        order by 1, 2, 3, 4, 5, 6
        on conflict (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code) do update set
            sessions = r.sessions + excluded.sessions, session_sec = r.session_sec + excluded.session_sec,
            signals_received = r.signals_received + excluded.signals_received,
            signals_executed = r.signals_executed + excluded.signals_executed,
            signals_rejected = r.signals_rejected + excluded.signals_rejected,
            latency_weighted = r.latency_weighted + excluded.latency_weighted,
            latency_signals = r.latency_signals + excluded.latency_signals
    ), arrived as (
        -- At most 1,000 licenses per row, so that a scan can take a part of them.
        insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
        select array_agg(subscription_id), array_agg(earliest_at), array_agg(latest_at)
        from (select subscription_id, min(logged_at) as earliest_at, max(logged_at) as latest_at,
                     (row_number() over (order by subscription_id) - 1) / 1000 as part
              from stored group by subscription_id) as licenses
        group by part
    )
    select (select coalesce(sum(cardinality(log_ids)), 0) from claimed), array_agg(subscription_id), array_agg(logged_at),
           array_agg(token_hash), array_agg(ip_address), array_agg(ea_instance_id), array_agg(mt5_account_number)
    into taken, subscriptions, times, hashes, addresses, eas, accounts
    from stored where one_by_one;
    if not one_by_one then
        return taken;
    end if;

    for used in
        select distinct on (token_hash collate "C") token_hash, logged_at, ip_address
        from unnest(hashes, times, addresses) as u (token_hash, logged_at, ip_address)
        order by token_hash collate "C", logged_at desc
    loop
        begin
            perform note_token_use(used.token_hash, used.logged_at, used.ip_address);
        exception when others then
            raise warning 'The time of last use of a token is not written: %', sqlerrm;
        end;
    end loop;
    for used in
        select distinct on (subscription_id, account, ea collate "C") subscription_id, account, ea, ip_address, logged_at
        from unnest(subscriptions, accounts, eas, addresses, times) as u (subscription_id, account, ea, ip_address, logged_at)
        order by subscription_id, account, ea collate "C", logged_at desc
    loop
        begin
            update license_devices d set last_seen_at = used.logged_at
            where d.subscription_id = used.subscription_id and d.mt5_account_number = used.account and d.ea_instance_id = used.ea
              and (d.device_key = used.account || '|' || used.ea or d.ip_address = used.ip_address)
              and d.removed_at is null and d.last_seen_at < used.logged_at and lock_device_if_free(d.device_id);
        exception when others then
            raise warning 'The time of last use of a device is not written: %', sqlerrm;
        end;
    end loop;
    return taken;
end
$$;

-- The sums of usage_rollups, with the usage that is not summed yet. A condition on subscription_id is applied to both parts.
create or replace view usage_sums as
select subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code, sessions, session_sec,
       signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals
from usage_rollups
union all
select l.subscription_id, date_bin('1 hour', l.logged_at, '2000-01-01 00:00Z'), coalesce(l.ea_instance_id, ''),
       coalesce(l.mt5_account_number, 0), usage_network(l.ip_address), coalesce(l.country_code, 'ZZ'), 1,
       coalesce(l.session_duration_sec, 0), l.signals_received, l.signals_executed, l.signals_rejected,
       coalesce(l.avg_latency_ms::bigint * l.signals_received, 0),
       case when l.avg_latency_ms is null then 0 else l.signals_received end
from unsummed_usage u, unnest(u.subscription_ids, u.logged_ats, u.log_ids) as key (subscription_id, logged_at, log_id), license_usage_log l
where l.subscription_id = key.subscription_id and l.logged_at = key.logged_at and l.log_id = key.log_id;
