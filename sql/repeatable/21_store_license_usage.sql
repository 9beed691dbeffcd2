-- Stores a batch of usage records (parallel arrays, one element per record). Returns the number of new records, and the indexes (from 1)
-- of records whose token belongs to no license or another one. Duplicates, in the table or in the batch, change nothing.
--
-- sum_license_usage later writes what depends on the new rows, for many batches together. Until then, unsummed_usage has their keys. A
-- record and its key commit together.
--
-- Two concurrent batches insert their rows in the same order, so that they wait and don't deadlock.
--
-- Only instances of an earlier version send skip_locked: while a new version is deployed, and after it is rolled back. They have no timer
-- that sums, so each of their calls sums the oldest waiting batches, with about as many records as it stored.
drop function if exists store_license_usage( -- the one without skip_locked
    uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[], double precision[], int[], int[],
    int[], int[], int[]);
create or replace function store_license_usage(
    record_ids uuid[], logged_ats timestamptz[], token_hashes text[], subscription_ids uuid[], ip_addresses inet[],
    ea_instance_ids text[], mt5_account_numbers bigint[], country_codes text[], cities text[],
    latitudes double precision[], longitudes double precision[],
    signals_received int[], signals_executed int[], signals_rejected int[], avg_latencies_ms int[], session_durations_sec int[],
    skip_locked boolean default null, opened int[] default null, closed int[] default null,
    out accepted int, out unknown_tokens int[], out foreign_tokens int[]
) language plpgsql as $$
#variable_conflict use_variable
declare
    new_subscriptions uuid[];
    new_times timestamptz[];
    new_ids uuid[];
    new_tokens text[];
    unknown int[];
    foreigners int[];
    deleted int;
begin
    with stored as (
        insert into license_usage_log (
            log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code, city,
            latitude, longitude, signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec,
            opened, closed)
        select *
        from unnest(record_ids, logged_ats, token_hashes, subscription_ids, ip_addresses, ea_instance_ids, mt5_account_numbers,
                    country_codes, cities, latitudes, longitudes, signals_received, signals_executed, signals_rejected,
                    avg_latencies_ms, session_durations_sec, opened, closed) as r (log_id, logged_at)
        order by logged_at, log_id
        -- Without a target, because the key of a distributed log contains subscription_id, too.
        on conflict do nothing
        returning subscription_id, logged_at, log_id, token_hash
    )
    select array_agg(subscription_id), array_agg(logged_at), array_agg(log_id), array_agg(token_hash)
    into new_subscriptions, new_times, new_ids, new_tokens
    from stored;
    accepted := coalesce(cardinality(new_ids), 0);
    unknown_tokens := '{}';
    foreign_tokens := '{}';
    if accepted = 0 then
        return;
    end if;

    -- After the insert, only the tokens of new rows must be looked up. Most batches have no bad token, and some have only duplicates.
    if accepted > (select count(*) from unnest(new_tokens, new_subscriptions) as r (token_hash, subscription_id)
                   join license_tokens t on t.token_hash = r.token_hash and t.subscription_id = r.subscription_id) then
        select coalesce(array_agg(place) filter (where t.token_id is null), '{}'),
               coalesce(array_agg(place) filter (where t.subscription_id <> r.subscription_id), '{}')
        into unknown, foreigners
        from unnest(new_tokens, new_subscriptions) with ordinality as r (token_hash, subscription_id, place)
        left join license_tokens t on t.token_hash = r.token_hash;

        delete from license_usage_log l
        using unnest(unknown || foreigners) as bad (place)
        where l.subscription_id = new_subscriptions[place] and l.logged_at = new_times[place] and l.log_id = new_ids[place];
        get diagnostics deleted = row_count;
        accepted := accepted - deleted;

        -- A record that is twice in the batch has two indexes.
        select coalesce(array_agg(r.place) filter (where (r.logged_at, r.log_id) in (
                   select new_times[bad.place], new_ids[bad.place] from unnest(unknown) as bad (place))), '{}'),
               coalesce(array_agg(r.place) filter (where (r.logged_at, r.log_id) in (
                   select new_times[bad.place], new_ids[bad.place] from unnest(foreigners) as bad (place))), '{}')
        into unknown_tokens, foreign_tokens
        from unnest(logged_ats, record_ids) with ordinality as r (logged_at, log_id, place);

        select array_agg(r.subscription_id), array_agg(r.logged_at), array_agg(r.log_id)
        into new_subscriptions, new_times, new_ids
        from unnest(new_subscriptions, new_times, new_ids) with ordinality as r (subscription_id, logged_at, log_id, place)
        where r.place not in (select unnest(unknown || foreigners));
        if accepted = 0 then
            return;
        end if;
    end if;
    insert into unsummed_usage (subscription_ids, logged_ats, log_ids) values (new_subscriptions, new_times, new_ids);
    if skip_locked is not null then
        perform sum_license_usage(accepted, true, false);
    end if;
end
$$;

-- Replaces the function without opened and closed. In the new one, these parameters have defaults.
select replace_function(
    'store_license_usage(uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[],
                         double precision[], int[], int[], int[], int[], int[], boolean)',
    'store_license_usage(uuid[], timestamptz[], text[], uuid[], inet[], text[], bigint[], text[], text[], double precision[],
                         double precision[], int[], int[], int[], int[], int[], boolean, int[], int[])');
