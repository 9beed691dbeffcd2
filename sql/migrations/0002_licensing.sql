-- The tables of the license contract. The platform's first version may have created some of them: these keep their rows
-- and get the missing columns, constraints and indexes. If a row violates a constraint, the installation fails with the
-- name of the constraint. Only license_usage_log may have a structure that can't be kept; it is converted.
insert into schema_migrations (name) values ('0002_licensing');

-- A running platform must not wait for this migration: it fails instead, and can be run again.
set local lock_timeout = '10s';

alter table license_tokens add column if not exists metadata jsonb;

create table if not exists user_payment_methods (
    payment_method_id uuid primary key default uuid_generate_v4()
);
alter table user_payment_methods
    add column if not exists user_id             uuid not null,
    add column if not exists payment_provider    varchar(50) not null,
    add column if not exists provider_customer_id varchar(255),
    add column if not exists provider_payment_id varchar(255) not null,
    add column if not exists payment_type        varchar(50),
    add column if not exists last_four           varchar(4),
    add column if not exists brand               varchar(50),
    add column if not exists expiry_month        int,
    add column if not exists expiry_year         int,
    add column if not exists is_default          boolean not null default false,
    add column if not exists is_active           boolean not null default true,
    add column if not exists billing_address     jsonb,
    add column if not exists created_at          timestamptz not null default now(),
    add column if not exists updated_at          timestamptz not null default now(),
    add column if not exists last_used_at        timestamptz;
create unique index if not exists one_default_payment_method_per_user on user_payment_methods (user_id) where is_default;
create or replace trigger user_payment_methods_updated_at before update on user_payment_methods
    for each row execute function update_updated_at_column();

create table if not exists master_pricing (
    pricing_id uuid primary key default uuid_generate_v4()
);
alter table master_pricing
    add column if not exists master_id             uuid not null,
    add column if not exists performance_fee_pct   numeric(5,2) not null default 20,
    add column if not exists monthly_fee_usd       numeric(10,2) not null default 0,
    add column if not exists min_subscription_days int not null default 30,
    add column if not exists trial_days            int not null default 0,
    add column if not exists max_subscribers       int,
    add column if not exists min_deposit_usd       numeric(18,8),
    add column if not exists is_active             boolean not null default true,
    add column if not exists created_at            timestamptz not null default now(),
    add column if not exists updated_at            timestamptz not null default now();
create or replace trigger master_pricing_updated_at before update on master_pricing
    for each row execute function update_updated_at_column();

create table if not exists license_renewal_history (
    renewal_id uuid primary key default uuid_generate_v4()
);
alter table license_renewal_history
    add column if not exists attempted_at           timestamptz not null default now(),
    add column if not exists subscription_id        uuid not null,
    add column if not exists user_id                uuid,
    add column if not exists renewal_type           varchar(20) not null,
    add column if not exists amount_usd             numeric(10,2) not null,
    add column if not exists previous_expiry        timestamptz,
    add column if not exists new_expiry             timestamptz,
    add column if not exists payment_method_id      uuid,
    add column if not exists payment_provider       varchar(50),
    add column if not exists payment_transaction_id varchar(255),
    add column if not exists status                 varchar(20) not null,
    add column if not exists failure_reason         text,
    add column if not exists metadata               jsonb;
create index if not exists license_renewal_history_subscription_id on license_renewal_history (subscription_id, attempted_at desc);

create table if not exists suspicious_activity_alerts (
    alert_id uuid primary key default uuid_generate_v4()
);
alter table suspicious_activity_alerts
    add column if not exists detected_at       timestamptz not null default now(),
    add column if not exists subscription_id   uuid,
    add column if not exists user_id           uuid,
    add column if not exists token_hash        varchar(255),
    add column if not exists activity_type     varchar(50) not null,
    add column if not exists severity          varchar(20) not null,
    add column if not exists description       text,
    add column if not exists evidence          jsonb,
    add column if not exists status            varchar(20) not null default 'OPEN',
    add column if not exists resolved_at       timestamptz,
    add column if not exists resolved_by       uuid,
    add column if not exists resolution_notes  text,
    add column if not exists auto_action_taken varchar(50) not null default 'NONE';
create index if not exists suspicious_activity_alerts_subscription_id on suspicious_activity_alerts (subscription_id, detected_at desc);
create index if not exists suspicious_activity_alerts_status on suspicious_activity_alerts (status, detected_at desc);

-- How license_usage_log is stored: 'hypertable', 'partitions' (native, one per week), or null for neither.
create or replace function usage_log_storage() returns text language plpgsql stable as $$
declare
    usage_log regclass := to_regclass('license_usage_log');
begin
    -- Two steps: a statement that names timescaledb_information is not even planned where there is none.
    if exists (select from pg_extension where extname = 'timescaledb') then
        if exists (select from timescaledb_information.hypertables
                   where format('%I.%I', hypertable_schema, hypertable_name)::regclass = usage_log) then
            return 'hypertable';
        end if;
    end if;
    return (select 'partitions' from pg_class where oid = usage_log and relkind = 'p');
end
$$;

-- Creates the missing weekly partitions (Monday to Monday, UTC) of a span, both ends inclusive, and returns their number.
-- A partition is created separately and then attached, because that doesn't block inserts. Does nothing for a hypertable.
create or replace function ensure_usage_partitions(from_at timestamptz, to_at timestamptz) returns int language plpgsql as $$
declare
    usage_log regclass := 'license_usage_log';
    usage_schema name := (select relnamespace::regnamespace from pg_class where oid = usage_log);
    week timestamp := date_trunc('week', from_at at time zone 'UTC');
    partition text;
    made int := 0;
begin
    if (select relkind from pg_class where oid = usage_log) <> 'p' then
        return 0;
    end if;
    -- A wrong clock must not fill the catalog.
    if to_at > from_at + interval '1 year' then
        raise exception 'More than a year of partitions asked for: % to %', from_at, to_at using errcode = 'invalid_parameter_value';
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

-- license_usage_log is created, kept, or renamed in order to be converted below.
do $$
declare
    usage_log regclass := to_regclass('license_usage_log');
    kind "char" := (select relkind from pg_class where oid = usage_log);
    old_index record;
begin
    -- Only if the library is preloaded: otherwise the attempt ends the session.
    if not exists (select from pg_extension where extname = 'timescaledb')
       and exists (select from pg_available_extensions where name = 'timescaledb')
       and exists (select from pg_settings where name = 'timescaledb.max_background_workers') then
        begin
            create extension timescaledb;
        exception when others then
            raise notice 'timescaledb can''t be created (%): native partitions serve', sqlerrm;
        end;
    end if;

    if usage_log is not null and usage_log_storage() is null then
        if kind <> 'r' then
            raise exception 'license_usage_log is not a table (pg_class.relkind %): rename it, then install again', kind;
        end if;
        for old_index in select indexrelid::regclass as name from pg_index where indrelid = usage_log loop
            execute format('alter index %s rename to %I', old_index.name,
                           'first_version_' || (select relname from pg_class where oid = old_index.name));
        end loop;
        alter table license_usage_log rename to first_version_license_usage_log;
        usage_log := null;
    end if;

    if usage_log is null then
        if exists (select from pg_extension where extname = 'timescaledb') then
            create table license_usage_log (
                log_id    uuid not null default uuid_generate_v4(),
                logged_at timestamptz not null default now(),
                primary key (logged_at, log_id)
            );
            execute format(
                'select %I.create_hypertable(''license_usage_log'', ''logged_at'', chunk_time_interval => interval ''7 days'', '
                'create_default_indexes => false)',
                (select extnamespace::regnamespace from pg_extension where extname = 'timescaledb'));
        else
            create table license_usage_log (
                log_id    uuid not null default uuid_generate_v4(),
                logged_at timestamptz not null default now(),
                primary key (logged_at, log_id)
            ) partition by range (logged_at);
        end if;
    elsif kind = 'p' and pg_get_partkeydef(usage_log) <> 'RANGE (logged_at)' then
        raise exception 'license_usage_log is partitioned by %, not by RANGE (logged_at): rename it, then install again',
            pg_get_partkeydef(usage_log);
    end if;
end
$$;

-- No foreign key: up to 100,000 rows are inserted per second, and the ingest checks their subscriptions in the same statement.
-- Only missing columns are named: a hypertable with compression refuses a NOT NULL column even if it exists.
do $$
declare
    missing text := (
        select string_agg(format('add column %I %s', name, type), ', ' order by position)
        from (values
            (1, 'token_hash', 'varchar(255) not null'),
            (2, 'subscription_id', 'uuid not null'),
            (3, 'ip_address', 'inet'),
            (4, 'ea_instance_id', 'varchar(100)'),
            (5, 'mt5_account_number', 'bigint'),
            (6, 'country_code', 'char(2)'),
            (7, 'city', 'varchar(100)'),
            (8, 'latitude', 'double precision'),
            (9, 'longitude', 'double precision'),
            (10, 'signals_received', 'int not null default 0'),
            (11, 'signals_executed', 'int not null default 0'),
            (12, 'signals_rejected', 'int not null default 0'),
            (13, 'avg_latency_ms', 'int'),
            (14, 'session_duration_sec', 'int')
        ) as columns (position, name, type)
        where not exists (select from pg_attribute a where a.attrelid = 'license_usage_log'::regclass and a.attname = columns.name
                            and not a.attisdropped));
begin
    if missing is not null then
        execute 'alter table license_usage_log ' || missing;
    end if;
end
$$;

-- The constraints of tables that may be older than this file. Each is added if no constraint has its name.
do $$
declare
    rule record;
begin
    for rule in select * from (values
        ('user_payment_methods', 'user_payment_methods_user_id_fkey', 'foreign key (user_id) references users'),
        ('user_payment_methods', 'one_payment_method_per_user_and_provider_id', 'unique (user_id, provider_payment_id)'),
        ('user_payment_methods', 'payment_provider_is_known', 'check (payment_provider in (''stripe'', ''paypal''))'),
        ('user_payment_methods', 'expiry_month_from_1_to_12', 'check (expiry_month between 1 and 12)'),
        ('master_pricing', 'master_pricing_master_id_key', 'unique (master_id)'),
        ('master_pricing', 'master_pricing_master_id_fkey', 'foreign key (master_id) references users'),
        ('master_pricing', 'performance_fee_from_0_to_100', 'check (performance_fee_pct between 0 and 100)'),
        ('master_pricing', 'monthly_fee_not_negative', 'check (monthly_fee_usd >= 0)'),
        ('license_renewal_history', 'license_renewal_history_subscription_id_fkey', 'foreign key (subscription_id) references subscriptions'),
        ('license_renewal_history', 'renewal_type_is_known', 'check (renewal_type in (''auto'', ''manual''))'),
        ('license_renewal_history', 'status_is_known', 'check (status in (''success'', ''failed'', ''pending''))'),
        ('license_renewal_history', 'amount_not_negative', 'check (amount_usd >= 0)'),
        ('suspicious_activity_alerts', 'suspicious_activity_alerts_subscription_id_fkey', 'foreign key (subscription_id) references subscriptions'),
        ('suspicious_activity_alerts', 'severity_is_known', 'check (severity in (''LOW'', ''MEDIUM'', ''HIGH'', ''CRITICAL''))'),
        ('suspicious_activity_alerts', 'status_is_known', 'check (status in (''OPEN'', ''INVESTIGATING'', ''RESOLVED'', ''FALSE_POSITIVE''))'),
        ('suspicious_activity_alerts', 'auto_action_is_known', 'check (auto_action_taken in (''SUSPENDED'', ''NOTIFIED'', ''NONE''))'),
        ('license_usage_log', 'signals_not_negative', 'check (signals_received >= 0 and signals_executed >= 0 and signals_rejected >= 0)'),
        ('license_usage_log', 'durations_not_negative', 'check (avg_latency_ms >= 0 and session_duration_sec >= 0)'),
        ('license_usage_log', 'place_is_on_earth', 'check (latitude between -90 and 90 and longitude between -180 and 180)')
    ) as rules (table_name, name, definition)
    where not exists (select from pg_constraint c where c.conrelid = rules.table_name::regclass and c.conname = rules.name)
    loop
        execute format('alter table %I add constraint %I %s', rule.table_name, rule.name, rule.definition);
    end loop;

    -- An existing hypertable may have no key; the identity of a record is always (logged_at, log_id).
    if not exists (
        select from pg_index i
        where i.indrelid = 'license_usage_log'::regclass and i.indisunique and i.indpred is null and i.indnkeyatts = 2
          and (select array_agg(a.attname order by a.attname) from pg_attribute a
               where a.attrelid = i.indrelid and a.attnum = any (i.indkey)) = array['log_id', 'logged_at']::name[]
    ) then
        alter table license_usage_log add constraint license_usage_log_identity unique (logged_at, log_id);
    end if;
end
$$;

create index if not exists license_usage_log_subscription_id on license_usage_log (subscription_id, logged_at desc);
create index if not exists license_usage_log_token_hash on license_usage_log (token_hash, logged_at desc);
create index if not exists license_usage_log_ip_address on license_usage_log (ip_address, logged_at desc);

do $$ begin perform ensure_usage_partitions(now() - interval '13 weeks', now() + interval '8 weeks'); end $$;

-- Moves the rows, additional columns and grants of the first version's table. If something can't be moved (a row that
-- violates a constraint, a view that depends on the old table), the installation fails with its name and changes nothing.
do $$
declare
    first_version regclass := to_regclass('first_version_license_usage_log');
    old_column record;
    privilege record;
    columns text;
    expressions text;
begin
    if first_version is null then
        return;
    end if;

    for old_column in
        select attname, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = first_version and attnum > 0 and not attisdropped
    loop
        execute format('alter table license_usage_log add column if not exists %I %s', old_column.attname, old_column.type);
    end loop;
    perform ensure_usage_partitions(week, week) from (
        select distinct date_trunc('week', logged_at at time zone 'UTC') at time zone 'UTC' as week
        from first_version_license_usage_log where logged_at is not null) as weeks;

    -- The type without its length: a cast to char(2) would truncate the value, which must be rejected instead.
    select string_agg(quote_ident(old.attname), ', '),
           string_agg(case when new.attnotnull and new.atthasdef and new.atttypid = 'int'::regtype
                           then format('coalesce(%I::%I, 0)', old.attname, type.typname)
                           else format('%I::%I', old.attname, type.typname) end, ', ')
    into columns, expressions
    from pg_attribute old
    join pg_attribute new on new.attrelid = 'license_usage_log'::regclass and new.attname = old.attname and not new.attisdropped
    join pg_type type on type.oid = new.atttypid
    where old.attrelid = first_version and old.attnum > 0 and not old.attisdropped;
    execute format('insert into license_usage_log (%s) select %s from %s', columns, expressions, first_version);

    for privilege in
        select acl.privilege_type || coalesce(' (' || quote_ident(granted.attname) || ')', '') as name,
               case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end
               || case when acl.is_grantable then ' with grant option' else '' end as grantee
        from pg_class as log
        cross join lateral (
            select log.relacl as privileges, null as attname
            union all
            select a.attacl, a.attname from pg_attribute a where a.attrelid = log.oid and a.attnum > 0 and not a.attisdropped
        ) as granted
        cross join lateral aclexplode(granted.privileges) as acl
        where log.oid = first_version and acl.grantee <> log.relowner
    loop
        execute format('grant %s on license_usage_log to %s', privilege.name, privilege.grantee);
    end loop;

    -- The repeatable files create this backend's views again.
    drop view if exists v_license_health, v_license_usage_24h, v_renewal_candidates;
    drop table first_version_license_usage_log;
end
$$;
