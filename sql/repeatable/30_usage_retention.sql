-- Drops the weeks of license_usage_log that ended before now - keep, the oldest first, at most `most` per call, and returns
-- their names. The caller repeats it while it returns `most` rows. If a reader locks a partition for longer than the lock
-- timeout, the function stops early, so that other queries don't wait behind it; the next call continues.
create or replace function drop_expired_usage(keep interval default '90 days', most int default 4)
returns setof text language plpgsql set lock_timeout = '2s' as $$
declare
    usage_log regclass := 'license_usage_log';
    cutoff timestamptz := now() - keep;
    last_end timestamptz;
    old_partition text;
begin
    if keep < interval '1 day' or most < 1 then
        raise exception 'Nothing sensible to keep: % and % at most', keep, most using errcode = 'invalid_parameter_value';
    end if;

    if usage_log_storage() = 'hypertable' then
        last_end := (
            select max(range_end)
            from (select range_end from timescaledb_information.chunks
                  where format('%I.%I', hypertable_schema, hypertable_name)::regclass = usage_log and range_end <= cutoff
                  order by range_end limit most) as oldest);
        if last_end is not null then
            return query select chunk::text from drop_chunks(usage_log, older_than => last_end) as chunk;
        end if;
        return;
    end if;

    for old_partition in
        select child.oid::regclass::text
        from pg_inherits
        join pg_class child on child.oid = inhrelid
        cross join lateral (
            select (regexp_match(pg_get_expr(child.relpartbound, child.oid), $re$TO \('([^']+)'\)$re$))[1]::timestamptz as ends_at) as bound
        where inhparent = usage_log and bound.ends_at <= cutoff
        order by bound.ends_at
        limit most
    loop
        begin
            execute format('drop table %s', old_partition);
        exception when lock_not_available then
            return;
        end;
        return next old_partition;
    end loop;
end
$$;
