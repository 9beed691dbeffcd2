-- The platform's first version has views and functions under the contract's names, with columns and parameters of its own,
-- which `create or replace` refuses to turn into ours; an overload of its own would make the guide's call ambiguous. They make
-- room. Whatever else depends on one of them stops the installation by its name.
insert into schema_migrations (name) values ('0014_first_version_definitions');

set local lock_timeout = '10s';

do $do$
declare
    first_version text;
begin
    -- Ours are here already.
    if to_regproc('store_license_usage') is not null then
        return;
    end if;

    select string_agg(oid::regclass::text, ', ') into first_version
    from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'v'
      and relname in ('v_license_health', 'v_license_usage_24h', 'v_renewal_candidates');
    if first_version is not null then
        raise notice 'dropping the first version''s views %: whatever was granted on them has to be granted again', first_version;
        execute 'drop view ' || first_version;
    end if;

    select string_agg(oid::regprocedure::text, ', ') into first_version
    from pg_proc
    where pronamespace = current_schema()::regnamespace and prokind = 'f'
      and proname in ('get_device_count', 'is_license_expiring_soon', 'record_license_usage', 'create_suspicious_activity_alert');
    if first_version is not null then
        raise notice 'dropping the first version''s functions %', first_version;
        execute 'drop function ' || first_version;
    end if;
end
$do$;
