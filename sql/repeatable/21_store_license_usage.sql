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

-- Stores a batch of usage records (parallel arrays, one element per record) and updates everything that depends on the new
-- rows. Returns the number of new records, and the indexes (from 1) of records whose token belongs to no license or another one.
--
-- A duplicate, in the table or in the batch, changes nothing: all updates are computed from the RETURNING of the insert.
-- Last-seen times only move forward, so the order of arrival doesn't matter.
--
-- With skip_locked, tokens and devices that another session has locked keep their time of last use; a later batch writes it. Without
-- it, which costs less, the statement fails after one second if such a lock remains. Locks of other batches end sooner.
--
-- Two concurrent batches lock rows in the same order, so that they wait and don't deadlock: usage rows, tokens, devices,
-- sums, each sorted by its key. To keep this order, each update reads its rows sorted and finds each row by an index: the
-- joins and scans that would change the order are disabled, and so is the bitmap scan, which costs more for one row. One
-- generic plan is used for batches of every size.
drop function if exists store_license_usage( -- the one without skip_locked
    uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[], double precision[], int[], int[],
    int[], int[], int[]);
create or replace function store_license_usage(
    record_ids uuid[], logged_ats timestamptz[], token_hashes text[], subscription_ids uuid[], ip_addresses inet[],
    ea_instance_ids text[], mt5_account_numbers bigint[], country_codes text[], cities text[],
    latitudes double precision[], longitudes double precision[],
    signals_received int[], signals_executed int[], signals_rejected int[], avg_latencies_ms int[], session_durations_sec int[],
    skip_locked boolean default true, opened int[] default null, closed int[] default null,
    out accepted int, out unknown_tokens int[], out foreign_tokens int[]
) language plpgsql
set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
    refused int[];
begin
    -- Each pair is checked once, because a license usually has many records in a batch. The indexes are joined later:
    -- otherwise every record would be compared with every pair, even if none is bad.
    with bad as materialized (
        select pair.token_hash, pair.subscription_id, t.subscription_id as owner
        from (select distinct token_hash, subscription_id
              from unnest(token_hashes, subscription_ids) as sent (token_hash, subscription_id)) as pair
        left join license_tokens t on t.token_hash = pair.token_hash
        where t.subscription_id is distinct from pair.subscription_id)
    select coalesce(array_agg(place) filter (where owner is null), '{}'), coalesce(array_agg(place) filter (where owner is not null), '{}')
    into unknown_tokens, foreign_tokens
    from bad
    join unnest(token_hashes, subscription_ids) with ordinality as sent (token_hash, subscription_id, place)
        using (token_hash, subscription_id);
    refused := unknown_tokens || foreign_tokens;
    if not skip_locked then
        set local lock_timeout = '1s';
    end if;

    with stored as (
        insert into license_usage_log (
            log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code, city,
            latitude, longitude, signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec,
            opened, closed)
        select log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code, city,
               latitude, longitude, received, executed, rejected, latency, duration, opened, closed
        from unnest(record_ids, logged_ats, token_hashes, subscription_ids, ip_addresses, ea_instance_ids, mt5_account_numbers,
                    country_codes, cities, latitudes, longitudes,
                    store_license_usage.signals_received, store_license_usage.signals_executed, store_license_usage.signals_rejected,
                    avg_latencies_ms, session_durations_sec, store_license_usage.opened, store_license_usage.closed) with ordinality
             as r (log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number,
                   country_code, city, latitude, longitude, received, executed, rejected, latency, duration, opened, closed, place)
        where place <> all (refused)
        order by logged_at, log_id
        on conflict (logged_at, log_id) do nothing
        returning logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code,
                  license_usage_log.signals_received, license_usage_log.signals_executed, license_usage_log.signals_rejected,
                  avg_latency_ms, session_duration_sec
    ), used_tokens as (
        update license_tokens t set last_used_at = newest.logged_at, ip_address = coalesce(newest.ip_address, t.ip_address)
        from (select distinct on (token_hash collate "C") token_hash, logged_at, ip_address
              from stored order by token_hash collate "C", logged_at desc) as newest
        where t.token_hash = newest.token_hash and (t.last_used_at is null or t.last_used_at < newest.logged_at)
          and (not skip_locked or lock_token_if_free(t.token_id))
    ), seen_devices as (
        update license_devices d set last_seen_at = newest.logged_at
        from (select distinct on (subscription_id, mt5_account_number, ea_instance_id collate "C")
                     subscription_id, mt5_account_number, ea_instance_id, ip_address, logged_at
              from stored order by subscription_id, mt5_account_number, ea_instance_id collate "C", logged_at desc) as newest
        where d.subscription_id = newest.subscription_id
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
        insert into usage_arrivals (subscription_ids, earliest_at, latest_at)
        select array_agg(subscription_id), array_agg(earliest_at), array_agg(latest_at)
        from (select subscription_id, min(logged_at) as earliest_at, max(logged_at) as latest_at
              from stored group by subscription_id) as licenses
        having count(*) > 0
    )
    select count(*) into accepted from stored;
end
$$;

-- Replaces the function without opened and closed. In the new one, these parameters have defaults.
select replace_function(
    'store_license_usage(uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[],
                         double precision[], int[], int[], int[], int[], int[], boolean)',
    'store_license_usage(uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[],
                         double precision[], int[], int[], int[], int[], int[], boolean, int[], int[])');
