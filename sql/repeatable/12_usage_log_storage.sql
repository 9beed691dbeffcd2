-- The schema of TimescaleDB's functions, which the administrator chooses; null without the extension.
create or replace function timescaledb_schema() returns name language sql stable as $$
    select extnamespace::regnamespace::name from pg_extension where extname = 'timescaledb'
$$;

-- What an operator should know about the storage of license_usage_log; null if nothing.
create or replace function usage_log_warning() returns text language sql stable as $$
    select case
        when usage_log_storage() = 'partitions'
            then 'The usage log is stored in native partitions, because TimescaleDB was installed later. To use it, run: '
                 || 'licensectl convert-usage-log'
        -- Tested: with 2.19, reads and the deletion of old chunks deadlock; with 2.24 and later, they never did.
        when string_to_array(substring(extversion from '^\d+\.\d+'), '.')::int[] < array[2, 24]
            then 'TimescaleDB ' || extversion || ' is older than 2.24: reads of usage and the deletion of old usage may deadlock. '
                 || 'Update the extension.'
    end
    from pg_extension where extname = 'timescaledb'
$$;

-- The partitions or chunks of license_usage_log. A time is null if a partition has none, as a default partition.
create or replace function usage_log_parts() returns table (name text, starts_at timestamptz, ends_at timestamptz)
language plpgsql stable as $$
declare
    usage_log regclass := 'license_usage_log';
begin
    if usage_log_storage() = 'hypertable' then
        return query
            select format('%I.%I', chunk_schema, chunk_name), range_start, range_end from timescaledb_information.chunks
            where format('%I.%I', hypertable_schema, hypertable_name)::regclass = usage_log;
        return;
    end if;

    return query
        select child.oid::regclass::text, bound.times[1]::timestamptz, bound.times[2]::timestamptz
        from pg_inherits
        join pg_class child on child.oid = inhrelid
        cross join lateral (
            select regexp_match(pg_get_expr(child.relpartbound, child.oid), $re$FROM \('([^']+)'\) TO \('([^']+)'\)$re$)) as bound (times)
        where inhparent = usage_log;
end
$$;

-- Creates the missing weekly partitions (Monday to Monday, UTC) of a span, both ends inclusive, and returns their number.
-- A partition is created separately and then attached, because that doesn't block inserts.
-- For a hypertable it creates the missing chunks, at most 10 per call: a chunk blocks other inserts into new chunks until its transaction
-- ends, so it must not be created by a long one.
create or replace function ensure_usage_partitions(from_at timestamptz, to_at timestamptz) returns int language plpgsql as $$
declare
    usage_log regclass := 'license_usage_log';
    usage_schema name := (select relnamespace::regnamespace from pg_class where oid = usage_log);
    week timestamp := date_trunc('week', from_at at time zone 'UTC');
    partition text;
    at timestamptz := from_at;
    chunk_end timestamptz;
    made int := 0;
begin
    -- A wrong clock must not fill the catalog.
    if to_at > from_at + interval '1 year' then
        raise exception 'More than a year of partitions asked for: % to %', from_at, to_at using errcode = 'invalid_parameter_value';
    end if;

    if usage_log_storage() = 'hypertable' then
        while at <= to_at and made < 10 loop
            select max(range_end) into chunk_end from timescaledb_information.chunks
            where format('%I.%I', hypertable_schema, hypertable_name)::regclass = usage_log and range_start <= at and range_end > at;
            if chunk_end is null then
                -- The Apache edition has no function that creates a chunk. Nobody sees the row: it is deleted in the same transaction.
                insert into license_usage_log (log_id, logged_at, token_hash, subscription_id)
                values ('00000000-0000-0000-0000-000000000000', at, '', '00000000-0000-0000-0000-000000000000');
                delete from license_usage_log where logged_at = at and log_id = '00000000-0000-0000-0000-000000000000';
                made := made + 1;
            else
                at := chunk_end;
            end if;
        end loop;
        return made;
    end if;

    while week <= to_at at time zone 'UTC' loop
        partition := format('%I.%I', usage_schema, 'license_usage_log_w' || to_char(week, 'YYYYMMDD'));
        if to_regclass(partition) is null then
            -- One session at a time. A session that waited here checks again, because another one may have created the partition.
            lock table license_usage_log in share update exclusive mode;
            if to_regclass(partition) is null then
                execute format('create table %s (like %s including defaults including constraints)', partition, usage_log);
                execute format('alter table %s attach partition %s for values from (%L) to (%L)', usage_log, partition,
                               week at time zone 'UTC', (week + interval '7 days') at time zone 'UTC');
                made := made + 1;
            end if;
        end if;
        week := week + interval '7 days';
    end loop;
    return made;
end
$$;
