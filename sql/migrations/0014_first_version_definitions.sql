-- The platform's first version has views and functions with the contract's names, but with other columns and parameters.
-- `create or replace` can't change these, and an additional overload would make the guide's calls ambiguous. They are
-- dropped. If another object depends on one of them, the installation fails with its name.
insert into schema_migrations (name) values ('0014_first_version_definitions');

set local lock_timeout = '10s';

do $do$
declare
    first_version text;
begin
    -- The definitions of this backend are already installed.
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
