-- Moves license_usage_log from native partitions into a hypertable, in short steps that can be repeated after an interruption:
-- begin_usage_log_conversion once, copy_usage_day for each day that usage_days_to_copy names, apply_usage_changes until it returns 0, and
-- swap_usage_log. `licensectl convert-usage-log` runs them. Usage is stored as before in the meantime.

-- Runs with the rights of its owner, because the backend has none on usage_log_changes.
create or replace function remember_usage_change() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    -- begin_usage_log_conversion created the table in the schema of the log and its partitions.
    remember text := format('insert into %I.usage_log_changes (logged_at, log_id) values ($1, $2)', tg_table_schema);
begin
    if tg_op <> 'INSERT' then
        execute remember using old.logged_at, old.log_id;
    end if;
    if tg_op <> 'DELETE' then
        execute remember using new.logged_at, new.log_id;
    end if;
    return null;
end
$$;

-- Returns false if the usage log is a hypertable already.
create or replace function begin_usage_log_conversion() returns boolean language plpgsql set lock_timeout = '500ms' as $$
declare
    usage_log regclass := 'license_usage_log';
    foreign_view text;
begin
    if usage_log_storage() = 'hypertable' then
        return false;
    end if;
    if timescaledb_schema() is null then
        raise exception 'The extension timescaledb is not installed: run create extension timescaledb' using errcode = 'undefined_object';
    end if;

    -- Views follow the table when it is renamed. Those of this backend are replaced after the swap.
    select string_agg(distinct c.oid::regclass::text, ', ') into foreign_view
    from pg_depend d
    join pg_rewrite r on r.oid = d.objid
    join pg_class c on c.oid = r.ev_class
    where d.classid = 'pg_rewrite'::regclass and d.refobjid = usage_log
      and c.relname not in ('v_license_usage_24h', 'usage_sums', 'v_license_health');
    if foreign_view is not null then
        raise exception 'Drop these views, convert, and create them again: %', foreign_view using errcode = 'dependent_objects_still_exist';
    end if;

    if to_regclass('usage_log_next') is null then
        execute format('create table usage_log_next (like %s including defaults including constraints including generated)', usage_log);
        execute format(
            'select %I.create_hypertable(''usage_log_next'', ''logged_at'', chunk_time_interval => interval ''7 days'', '
            'create_default_indexes => false)', timescaledb_schema());
        alter table usage_log_next add constraint usage_log_next_pkey primary key (logged_at, log_id);
        create index usage_log_next_subscription_id on usage_log_next (subscription_id, logged_at desc);
        create index usage_log_next_token_hash on usage_log_next (token_hash, logged_at desc);
        create index usage_log_next_ip_address on usage_log_next (ip_address, logged_at desc);
        create table usage_log_copied_days (day date primary key);
        create table usage_log_changes (change_id bigint generated always as identity primary key, logged_at timestamptz, log_id uuid);
        -- Waits for open inserts: the trigger does not record their rows, so these must be visible to the copy.
        create trigger remember_usage_change after insert or update or delete on license_usage_log
            for each row execute function remember_usage_change();
    end if;
    return true;
end
$$;

-- Days (UTC) that aren't copied, the newest last.
create or replace function usage_days_to_copy() returns setof date language plpgsql stable as $$
begin
    return query
        select d::date
        from (select min(logged_at) as first, max(logged_at) as last from license_usage_log) as span
        cross join lateral generate_series(
            date_trunc('day', span.first at time zone 'UTC'), date_trunc('day', span.last at time zone 'UTC'), interval '1 day') as d
        where d::date not in (select day from usage_log_copied_days)
        order by 1;
end
$$;

-- Copies one day and returns the number of rows.
create or replace function copy_usage_day(day date) returns bigint language plpgsql as $$
declare
    first timestamptz := day::timestamp at time zone 'UTC';
    copied bigint;
    columns text := (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = 'usage_log_next'::regclass and attnum > 0 and not attisdropped and attgenerated = '');
begin
    insert into usage_log_copied_days (day) values (copy_usage_day.day);
    execute format('insert into usage_log_next (%1$s) select %1$s from license_usage_log where logged_at >= $1 and logged_at < $2 '
                   'on conflict do nothing', columns)
    using first, first + interval '1 day';
    get diagnostics copied = row_count;
    return copied;
end
$$;

-- Applies at most that many changes that were made since the beginning, and returns their number.
create or replace function apply_usage_changes(most int default 10000) returns int language plpgsql as $$
declare
    applied int;
    columns text := (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = 'usage_log_next'::regclass and attnum > 0 and not attisdropped and attgenerated = '');
begin
    create temp table if not exists applied_usage_changes (logged_at timestamptz, log_id uuid) on commit drop;
    with taken as (
        delete from usage_log_changes where change_id in (select change_id from usage_log_changes order by change_id limit most)
        returning logged_at, log_id)
    insert into applied_usage_changes select logged_at, log_id from taken;
    get diagnostics applied = row_count;
    delete from usage_log_next n using applied_usage_changes c where n.logged_at = c.logged_at and n.log_id = c.log_id;
    execute format(
        'insert into usage_log_next (%1$s) select %1$s from license_usage_log where (logged_at, log_id) in '
        '(select logged_at, log_id from applied_usage_changes) on conflict do nothing', columns);
    truncate applied_usage_changes;
    return applied;
end
$$;

-- Grants on license_usage_log what others may do with it and its columns, PUBLIC included, on another table with the same columns.
create or replace function copy_usage_log_grants(target regclass) returns void language plpgsql as $$
declare
    statement text;
begin
    for statement in
        select format('grant %s%s on %s to %s%s', acl.privilege_type, ' (' || quote_ident(granted.attname) || ')', target,
                      case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end,
                      case when acl.is_grantable then ' with grant option' end)
        from pg_class as log
        cross join lateral (
            select log.relacl as privileges, null as attname
            union all
            select a.attacl, a.attname from pg_attribute a where a.attrelid = log.oid and a.attnum > 0 and not a.attisdropped
        ) as granted
        cross join lateral aclexplode(granted.privileges) as acl
        where log.oid = 'license_usage_log'::regclass and acl.grantee <> log.relowner
    loop
        execute statement;
    end loop;
end
$$;

-- Replaces the table. The caller installs the views again in the same transaction, then drops usage_log_partitions by
-- drop_converted_usage_log.
create or replace function swap_usage_log() returns void language plpgsql set lock_timeout = '500ms' as $$
declare
    renamed record;
begin
    if exists (select from usage_days_to_copy() as day where day < (now() at time zone 'UTC')::date - 1) then
        raise exception 'Days are not copied yet' using errcode = 'object_not_in_prerequisite_state';
    end if;
    lock table license_usage_log in access exclusive mode;
    perform copy_usage_day(day) from usage_days_to_copy() as day;
    while apply_usage_changes() > 0 loop null; end loop;

    perform copy_usage_log_grants('usage_log_next');
    execute format(
        'alter table usage_log_next owner to %s', (select relowner::regrole from pg_class where oid = 'license_usage_log'::regclass));

    drop trigger remember_usage_change on license_usage_log;
    for renamed in select indexrelid::regclass as name, relname from pg_index join pg_class on pg_class.oid = indexrelid
                   where indrelid = 'license_usage_log'::regclass loop
        execute format('alter index %s rename to %I', renamed.name, 'partitions_' || renamed.relname);
    end loop;
    alter table license_usage_log rename to usage_log_partitions;
    alter table usage_log_next rename to license_usage_log;
    for renamed in select indexrelid::regclass as name, relname from pg_index join pg_class on pg_class.oid = indexrelid
                   where indrelid = 'license_usage_log'::regclass loop
        execute format('alter index %s rename to %I', renamed.name, replace(renamed.relname, 'usage_log_next', 'license_usage_log'));
    end loop;
    drop table usage_log_changes, usage_log_copied_days;
end
$$;

-- Drops what the conversion has left. Fails if something of the platform depends on it.
create or replace function drop_converted_usage_log() returns void language plpgsql set lock_timeout = '500ms' as $$
begin
    drop table if exists usage_log_partitions;
end
$$;
