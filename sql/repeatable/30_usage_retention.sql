-- Drops the partitions or chunks of license_usage_log that ended before now - keep, the oldest first, at most `most` per call, and returns
-- their names. The caller repeats it while it returns `most` rows. A partition that a reader locks for longer than the lock timeout is left
-- out, so that other queries don't wait behind it for long; a later call tries again. After three of them, the call ends.
create or replace function drop_expired_usage(keep interval default '90 days', most int default 4)
returns setof text language plpgsql set lock_timeout = '500ms' as $$
declare
    usage_log regclass := 'license_usage_log';
    cutoff timestamptz := now() - keep;
    is_hypertable boolean := usage_log_storage() = 'hypertable';
    expired record;
    dropped int := 0;
    locked int := 0;
begin
    if keep < interval '1 day' or most < 1 then
        raise exception 'Nothing sensible to keep: % and % at most', keep, most using errcode = 'invalid_parameter_value';
    end if;

    for expired in select name, starts_at, ends_at from usage_log_parts() where ends_at <= cutoff order by ends_at, name loop
        begin
            if is_hypertable then
                -- One chunk per call: drop_chunks drops either all chunks of the range or none.
                execute format('select %I.drop_chunks($1, older_than => $2, newer_than => $3)', timescaledb_schema())
                using usage_log, expired.ends_at, expired.starts_at;
            else
                execute format('drop table %s', expired.name);
            end if;
            dropped := dropped + 1;
            return next expired.name;
        exception when lock_not_available or deadlock_detected then
            locked := locked + 1;
        end;
        exit when dropped >= most or locked >= 3;
    end loop;
end
$$;
