-- The schema of a new installation with native partitions, written by pg_dump. SchemaDumpTests compares it.

CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;

COMMENT ON EXTENSION "uuid-ossp" IS 'generate universally unique identifiers (UUIDs)';

CREATE TYPE public.ledger_entry_type AS ENUM (
    'DEPOSIT',
    'WITHDRAWAL',
    'FEE_PERFORMANCE',
    'FEE_SUBSCRIPTION',
    'REFUND',
    'ADJUSTMENT_ADMIN'
);

CREATE TYPE public.subscription_state AS ENUM (
    'SYNCED',
    'DEGRADED_GAP',
    'LOCKED_NO_FUNDS',
    'PAUSED_TOXIC',
    'SUSPENDED_ADMIN'
);

CREATE TYPE public.uuid_range AS RANGE (
    subtype = uuid,
    multirange_type_name = public.uuid_multirange
);

CREATE FUNCTION public.add_alert_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform add_license_event(
        new.subscription_id, case when tg_op = 'INSERT' then 'alert.opened' else 'alert.reviewed' end,
        case when tg_op = 'INSERT'
             then jsonb_build_object('alert_id', new.alert_id, 'activity_type', event_code(new.activity_type), 'severity', new.severity,
                                     'measure', new.measure, 'status', new.status)
             else jsonb_build_object('alert_id', new.alert_id, 'status', new.status) end);
    return null;
end $$;

CREATE FUNCTION public.add_applied_renewals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET enable_nestloop TO 'off'
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    -- A trigger with transition tables can't be limited to columns, so this one also runs after claims.
    if not exists (select from renewals_after where status = 'applied') then
        return null;
    end if;
    insert into license_events (subscription_id, type, data)
    select a.subscription_id, 'license.renewed',
           jsonb_build_object(
                'renewal_id', a.renewal_id, 'renewal_type', a.renewal_type, 'paid_with', a.paid_with, 'amount_usd', a.amount_usd,
                'paid_from', event_time(a.paid_from), 'paid_until', event_time(a.paid_until))
    from renewals_after a
    join renewals_before b on b.renewal_id = a.renewal_id
    where a.status = 'applied' and b.status <> 'applied';
    insert into renewals_to_invoice (renewal_id)
    select a.renewal_id
    from renewals_after a
    join renewals_before b on b.renewal_id = a.renewal_id
    where a.status = 'applied' and b.status <> 'applied' and a.paid_with not in ('nothing', 'deferred');
    return null;
end $$;

CREATE FUNCTION public.add_device_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op <> 'INSERT' and old.removed_at is null and (tg_op = 'DELETE' or new.removed_at is not null) then
        perform add_license_event(
            old.subscription_id, 'device.removed',
            jsonb_build_object('device_id', old.device_id, 'slot', old.slot, 'beyond_limit', old.beyond_limit));
    elsif tg_op <> 'DELETE' and new.removed_at is null and (tg_op = 'INSERT' or old.removed_at is not null) then
        if tg_op = 'INSERT' and not exists (
            select from license_devices d where d.subscription_id = new.subscription_id and d.device_id <> new.device_id) then
            perform add_license_event(
                new.subscription_id, 'license.first_checked', jsonb_build_object('device_id', new.device_id));
        end if;
        perform add_license_event(
            new.subscription_id, 'device.added',
            jsonb_build_object('device_id', new.device_id, 'slot', new.slot, 'beyond_limit', new.beyond_limit));
    end if;
    return null;
end $$;

CREATE FUNCTION public.add_dispute_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform add_license_event(
        new.subscription_id, 'payment.disputed',
        jsonb_build_object('dispute_id', new.reversal_id, 'renewal_id', new.renewal_id, 'state', upper(new.state),
                           'amount_minor', new.amount_minor, 'currency', event_code(new.currency)));
    return null;
end $$;

CREATE FUNCTION public.add_license_event(license uuid, event_type text, details jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    insert into license_events (subscription_id, type, data) values (license, event_type, details);
end $$;

CREATE FUNCTION public.add_payment_failed_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op = 'INSERT' or old.status <> 'failed' or old.failure_reason is distinct from new.failure_reason then
        perform add_license_event(
            new.subscription_id, 'license.payment_failed',
            jsonb_build_object(
                'attempt_id', new.renewal_id, 'renewal_type', new.renewal_type, 'reason', event_code(new.failure_reason),
                'amount_usd', new.amount_usd, 'expires_at', event_time(new.previous_expiry)));
    end if;
    return null;
end $$;

CREATE FUNCTION public.add_refund_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.refunded_minor <> coalesce(old.refunded_minor, 0) then
        perform add_license_event(
            r.subscription_id, 'payment.refunded',
            jsonb_build_object('renewal_id', new.renewal_id, 'refunded_usd', round(new.refunded_minor / 100.0, 2),
                               'paid_until', event_time(r.paid_until)))
        from renewals r where r.renewal_id = new.renewal_id;
    end if;
    return null;
end $$;

CREATE FUNCTION public.add_renewal_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform add_license_event(
        new.subscription_id, 'price.agreed', jsonb_build_object('renewal_id', new.renewal_id, 'amount_usd', new.amount_usd));
    return null;
end $$;

CREATE FUNCTION public.add_suspension_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op = 'INSERT' then
        perform add_license_event(
            new.subscription_id, case when new.cause = 'EXPIRY' then 'license.expired' else 'license.suspended' end,
            jsonb_build_object('suspension_id', new.suspension_id, 'cause', new.cause, 'alert_id', new.alert_id));
    else
        perform add_license_event(
            new.subscription_id, 'license.reinstated',
            jsonb_build_object('suspension_id', new.suspension_id, 'cause', new.cause, 'how', new.closed_how));
    end if;
    return null;
end $$;

CREATE FUNCTION public.amount_of(amount numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case when amount between -1e12 and 1e12 then amount end
$$;

CREATE FUNCTION public.apply_usage_changes(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
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
$_$;

CREATE FUNCTION public.available_usd(balance_usd numeric, reserved_usd numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(amount_of(balance_usd - reserved_usd), 0)
$$;

CREATE FUNCTION public.awaits_events(providers text[], longest interval) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select from unnest(unread_providers()) as u (provider)
        left join payment_event_reads r on r.provider = u.provider
        where u.provider = any (providers)
          and not coalesce(
              r.missed_until <= now() - longest
              and (r.missed_until > coalesce(r.asked_at, r.read_until, '-infinity')
                   or not has_missed_events(r.asked_at, r.read_until, r.asked_every)), false))
$$;

CREATE FUNCTION public.begin_usage_log_conversion() RETURNS boolean
    LANGUAGE plpgsql
    SET lock_timeout TO '500ms'
    AS $$
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

CREATE FUNCTION public.can_reinstate(subscription_id uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
    select exists (select from license_suspensions s where s.subscription_id = $1 and s.closed_at is null and is_liftable(s.cause))
$_$;

CREATE FUNCTION public.card_declined_at(renewal_id uuid, payment_method_id uuid, changed_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $_$
    select max(a.first_sent_at) from renewal_attempts a
    where a.renewal_id = $1 and a.payment_method_id = $2 and a.status = 'hard_declined'
      and (changed_at is null or changed_at <= a.first_sent_at)
$_$;

CREATE FUNCTION public.close_only_facts(subscription_id uuid, device_key text, since timestamp with time zone) RETURNS TABLE(first_seen_at timestamp with time zone, began_at timestamp with time zone, suspended_at timestamp with time zone, is_fraud boolean)
    LANGUAGE sql STABLE
    AS $_$
    select (select min(d.first_seen_at) from license_devices d
            where d.subscription_id = s.subscription_id and ($2 is null or d.device_key = $2)),
           (select min(p.began_at) from close_only_periods p
            where p.subscription_id = s.subscription_id
              and (p.began_at > $3
                   or (p.last_refused_at > $3
                       and not exists (select from license_devices d
                                       where d.subscription_id = s.subscription_id and d.last_accepted_at > p.last_refused_at)))),
           coalesce(own.suspended_at, past_time(s.paused_at)), own.is_fraud is true
    from subscriptions s
    cross join lateral (
        select min(o.suspended_at) filter (where is_liftable(o.cause)) as suspended_at, bool_or(o.cause = 'FRAUD') as is_fraud
        from license_suspensions o
        where o.subscription_id = s.subscription_id and o.closed_at is null
    ) own
    where s.subscription_id = $1
$_$;

CREATE FUNCTION public.copy_usage_day(day date) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
$_$;

CREATE FUNCTION public.copy_usage_log_grants(target regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.count_added_renewals() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into metric_increments (name, label, amount)
    select renewal_type || '_renewals_total', status, count(*)
    from history_rows where status in ('success', 'failed')
    group by renewal_type, status;
    insert into health_marks (subscription_id) select subscription_id from history_rows;
    return null;
end $$;

CREATE FUNCTION public.count_alert() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into metric_increments (name, label, amount)
    -- The type is whatever the platform calls create_suspicious_activity_alert with; a label's values must be few.
    select 'suspicious_activities_total',
           case when new.activity_type in ('MULTIPLE_IPS', 'RAPID_IP_CHANGES', 'UNUSUAL_USAGE_PATTERN', 'CONCURRENT_SESSIONS',
                                           'GEOGRAPHIC_ANOMALY', 'TOO_MANY_DEVICES', 'OPENED_UNDER_CLOSE_ONLY')
                then new.activity_type else 'OTHER' end, 1
    where new.activity_type <> 'APPEAL'
    union all
    select 'device_violations_total', '', 1 where new.activity_type = 'TOO_MANY_DEVICES';
    return null;
end $$;

CREATE FUNCTION public.count_day_seen() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.days_seen := least(new.days_seen + 1, 32000);
    return new;
end $$;

CREATE FUNCTION public.count_device_suspension() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into metric_increments (name, amount) values ('device_violations_total', 1);
    return null;
end $$;

CREATE FUNCTION public.count_license_health() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    insert into metric_increments (name, label, amount)
    select c.name, c.label, sum(c.amount)
    from (values ('gauge:licenses', old.status, -1), ('gauge:licenses', new.status, 1),
                 ('gauge:license_health_score_distribution', old.score::text, -1),
                 ('gauge:license_health_score_distribution', new.score::text, 1)) as c (name, label, amount)
    where c.label is not null
    group by c.name, c.label having sum(c.amount) <> 0;
    return null;
end $$;

CREATE FUNCTION public.count_open_alerts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    insert into metric_increments (name, label, amount)
    select c.name, c.label, sum(c.amount)
    from (values ('gauge:suspicious_activity_alerts_open', case when is_alert_open(old.status) then old.severity::text end, -1),
                 ('gauge:suspicious_activity_alerts_open', case when is_alert_open(new.status) then new.severity::text end, 1),
                 ('gauge:suspicious_activity_measures_open', case when is_alert_open(old.status) then old.measure end, -1),
                 ('gauge:suspicious_activity_measures_open', case when is_alert_open(new.status) then new.measure end, 1))
        as c (name, label, amount)
    where c.label is not null
    group by c.name, c.label having sum(c.amount) <> 0;
    return null;
end $$;

CREATE FUNCTION public.count_open_suspensions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    insert into metric_increments (name, label, amount)
    select 'gauge:license_suspensions_open', c.label, sum(c.amount)
    from (values (case when old.closed_at is null then old.cause end, -1),
                 (case when new.closed_at is null then new.cause end, 1)) as c (label, amount)
    where c.label is not null
    group by c.label having sum(c.amount) <> 0;
    return null;
end $$;

CREATE FUNCTION public.count_renewal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into metric_increments (name, label, amount) values (new.renewal_type || '_renewals_total', new.status, 1);
    return null;
end $$;

CREATE FUNCTION public.create_suspicious_activity_alert(subscription_id uuid, activity_type character varying, severity character varying, description text, evidence jsonb DEFAULT NULL::jsonb, auto_action character varying DEFAULT 'NONE'::character varying) RETURNS uuid
    LANGUAGE sql
    AS $_$
    select r.alert_id from raise_alert($1, $2, $3, $4, $5, $6) as r
$_$;

CREATE FUNCTION public.credit_wallet(user_id uuid, amount numeric, entry_type public.ledger_entry_type, description text, reference_id uuid DEFAULT NULL::uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
        #variable_conflict use_column
        declare
            wallet user_wallets;
            entry uuid;
        begin
            if amount is null or amount <= 0 then
                raise exception 'Amount must be positive: %', amount using errcode = 'invalid_parameter_value';
            end if;
            if credit_wallet.entry_type not in ('DEPOSIT', 'REFUND', 'ADJUSTMENT_ADMIN') then
                raise exception '% does not credit a wallet', credit_wallet.entry_type using errcode = 'invalid_parameter_value';
            end if;
            select * into wallet from user_wallets where user_wallets.user_id = credit_wallet.user_id for update nowait;
            if not found then
                raise exception 'User % has no wallet', credit_wallet.user_id using errcode = 'no_data_found';
            end if;
            update user_wallets
            set balance_usd = balance_usd + amount,
                lifetime_deposits = lifetime_deposits + case when credit_wallet.entry_type = 'DEPOSIT' then amount else 0 end,
                version = version + 1
            where wallet_id = wallet.wallet_id;
            insert into billing_ledger
                (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, description)
            values (credit_wallet.user_id, wallet.wallet_id, credit_wallet.entry_type, amount,
                    wallet.balance_usd, wallet.balance_usd + amount, credit_wallet.reference_id, credit_wallet.description)
            returning ledger_id into entry;
            return entry;
        end
        $$;

CREATE FUNCTION public.customer_answer(asked_at timestamp with time zone, confirmed_at timestamp with time zone, denied_at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select case when denied_at is not null then 'DENIED'
                when confirmed_at is not null then 'CONFIRMED'
                when asked_at <= now() - interval '72 hours' then 'UNANSWERED'
                when asked_at is not null then 'WAITING' end
$$;

CREATE FUNCTION public.debit_wallet(user_id uuid, amount numeric, entry_type public.ledger_entry_type, description text, reference_id uuid DEFAULT NULL::uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
        #variable_conflict use_column
        declare
            wallet user_wallets;
            entry uuid;
        begin
            if amount is null or amount <= 0 then
                raise exception 'Amount must be positive: %', amount using errcode = 'invalid_parameter_value';
            end if;
            if debit_wallet.entry_type not in ('WITHDRAWAL', 'FEE_PERFORMANCE', 'FEE_SUBSCRIPTION', 'ADJUSTMENT_ADMIN') then
                raise exception '% does not debit a wallet', debit_wallet.entry_type using errcode = 'invalid_parameter_value';
            end if;
            select * into wallet from user_wallets where user_wallets.user_id = debit_wallet.user_id for update nowait;
            if not found then
                raise exception 'User % has no wallet', debit_wallet.user_id using errcode = 'no_data_found';
            end if;
            if wallet.balance_usd < amount then
                raise exception 'Insufficient balance: % of % USD', wallet.balance_usd, amount;
            end if;
            update user_wallets
            set balance_usd = balance_usd - amount,
                lifetime_fees = lifetime_fees + case when debit_wallet.entry_type in ('FEE_PERFORMANCE', 'FEE_SUBSCRIPTION') then amount else 0 end,
                version = version + 1
            where wallet_id = wallet.wallet_id;
            insert into billing_ledger
                (user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, description)
            values (debit_wallet.user_id, wallet.wallet_id, debit_wallet.entry_type, amount,
                    wallet.balance_usd, wallet.balance_usd - amount, debit_wallet.reference_id, debit_wallet.description)
            returning ledger_id into entry;
            return entry;
        end
        $$;

CREATE FUNCTION public.drop_converted_usage_log() RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '500ms'
    AS $$
begin
    drop table if exists usage_log_partitions;
end
$$;

CREATE FUNCTION public.drop_expired_usage(keep interval DEFAULT '90 days'::interval, most integer DEFAULT 4) RETURNS SETOF text
    LANGUAGE plpgsql
    SET lock_timeout TO '500ms'
    AS $_$
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
$_$;

CREATE FUNCTION public.end_leases_of_removed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform end_license_leases(old.subscription_id, old.device_id, '-infinity');
    return null;
end $$;

CREATE FUNCTION public.end_leases_of_suspended() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform end_license_leases(new.subscription_id, null, '-infinity');
    return null;
end $$;

CREATE FUNCTION public.end_license_leases(license uuid, device uuid, beyond timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    ended integer;
begin
    -- The device first, as a removal and a new lease lock them.
    update license_devices set lease_id = null, lease_issued_at = null, lease_expires_at = null
    where subscription_id = license and (device is null or device_id = device) and lease_expires_at > beyond;
    update license_leases set ended_at = now()
    where subscription_id = license and (device is null or device_id = device)
      and ended_at is null and expires_at > greatest(beyond, now());
    get diagnostics ended = row_count;
    return ended;
end $$;

CREATE FUNCTION public.ensure_usage_partitions(from_at timestamp with time zone, to_at timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.erase_person(person uuid, operator uuid DEFAULT NULL::uuid, reason text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
declare
    licenses uuid[] := array(select subscription_id from subscriptions where subscriber_id = person order by 1);
    names text[] := array(select person::text union all select unnest(licenses)::text
                          union all select token_hash from license_tokens where subscription_id = any (licenses)
                          union all select email from users where user_id = person
                          union all select provider_customer_id from user_payment_methods
                                    where user_id = person and provider_customer_id is not null);
    customers jsonb := (select jsonb_agg(distinct payment_provider || ' ' || provider_customer_id)
                        from user_payment_methods where user_id = person and provider_customer_id is not null);
    counts jsonb := '{}';
    touched bigint;
begin
    perform from users where user_id = person for update;
    if not found then
        raise exception 'There is no user %', person using errcode = 'no_data_found';
    end if;
    insert into license_states (subscription_id) select unnest(licenses) on conflict (subscription_id) do nothing;
    perform from license_states where subscription_id = any (licenses) order by subscription_id for update;
    if exists (select from renewals where user_id = person and is_charge_open(status)) then
        raise exception 'The outcome of a charge of user % is unknown: erase the user when it is known', person
            using errcode = 'object_in_use';
    end if;

    -- Waits for running sums of usage, which may have read the person's records. sum_license_usage takes this lock, shared.
    perform pg_advisory_xact_lock(hashtext('sum_license_usage'));
    delete from license_usage_log where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_usage_log', touched);
    delete from usage_rollups where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('usage_rollups', touched);
    delete from usage_quarantine where exists (select from unnest(names) as name where position(name in payload) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('usage_quarantine', touched);
    delete from license_devices where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_devices', touched);

    perform add_license_event(subscription_id, 'license.revoked', jsonb_build_object('cause', 'ERASED', 'accepted_until', null))
    from license_tokens where subscription_id = any (licenses) and is_active;
    update license_tokens set is_active = false, revoked_at = coalesce(revoked_at, now()),
        revoked_reason = case when is_active then 'Erased' else revoked_reason end,
        ip_address = null, ea_instance_id = null, last_used_at = null, metadata = '{}'
    where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_tokens', touched);
    delete from token_beginnings where subscription_id = any (licenses);
    update subscriptions set is_active = false where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('subscriptions', touched);
    update renewals set status = 'canceled', next_action_at = null, fence = fence + 1
    where user_id = person and not is_renewal_final(status);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('renewals', touched);

    update suspicious_activity_alerts set description = 'Erased', evidence = null, token_hash = null, resolution_notes = null,
        resolved_at = coalesce(resolved_at, now()), status = case when is_alert_open(status) then 'RESOLVED' else status end
    where user_id = person or subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('suspicious_activity_alerts', touched);
    update license_suspensions set evidence = '{}', device_key = null where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_suspensions', touched);
    delete from suspicion_states where subscription_id = any (licenses);
    delete from license_appeals where subscription_id = any (licenses);
    update dispute_evidence set text = 'Erased', state = case when state = 'requested' then 'refused' else state end,
        next_try_at = null, decided_at = coalesce(decided_at, now())
    where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('dispute_evidence', touched);
    delete from customer_notes where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('customer_notes', touched);
    delete from customer_languages where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('customer_languages', touched);
    -- Issued invoices and credit notes stay as they are: the law asks sellers to keep them.
    delete from billing_details where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('billing_details', touched);
    delete from license_health_days where subscription_id = any (licenses);
    update license_health set score = null, status = null, scored_at = null, contributions = '[]' where subscription_id = any (licenses);

    delete from user_payment_methods where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('user_payment_methods', touched);
    delete from payment_customers where user_id = person;
    delete from payment_preferences where user_id = person;
    update payment_events set body = null where exists (select from unnest(names) as name where position(name in body::text) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('payment_events', touched);
    update outbox set payload = '{}', dead_at = case when sent_at is null then coalesce(dead_at, now()) end, last_error = 'Erased'
    where exists (select from unnest(names) as name where position(name in payload::text) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('outbox', touched);

    update users set email = 'erased-' || user_id || '@erased.invalid', password_hash = '', is_active = false, last_login_at = null
    where user_id = person;
    insert into audit_log (actor_kind, actor_id, action, subject, reason, after)
    values ('operator', operator, 'person.erased', person::text, erase_person.reason, counts);
    return jsonb_build_object(
        'user_id', person, 'rows', counts, 'kept', (
            select jsonb_build_object(
                'invoices', count(*), 'invoices_with_mail_address', count(*) filter (where position('@' in buyer ->> 'name') > 0))
            from invoices where user_id = person),
        'tell_provider', coalesce(customers, '[]'));
end
$$;

CREATE FUNCTION public.event_code(code text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
    select case when split_part(code, ':', 1) ~ '^[A-Za-z][A-Za-z0-9_]{0,49}$' then split_part(code, ':', 1)
                when code is not null then 'OTHER' end
$_$;

CREATE FUNCTION public.event_time(at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end
$$;

CREATE FUNCTION public.expiry_of(expires_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case when expires_at < '9000-01-01 00:00:00+00' then greatest(expires_at, '1970-01-01 00:00:00+00') end
$$;

CREATE FUNCTION public.find_customers(address_part text, account bigint, network cidr, first_id uuid, last_id uuid, whole_token_hash text, first_hash text, last_hash text, ea_beginning text, provider_object text, invoice_number text, most integer) RETURNS TABLE(kind text, id uuid, user_id uuid, subscription_id uuid, label text, detail text)
    LANGUAGE sql STABLE
    AS $$
    select * from find_customers(
        address_part, account, network, first_id, last_id, whole_token_hash, first_hash, last_hash, null::text, ea_beginning,
        provider_object, invoice_number, most)
$$;

CREATE FUNCTION public.find_customers(address_part text, account bigint, network cidr, first_id uuid, last_id uuid, whole_token_hash text, first_hash text, last_hash text, token_beginning text, ea_beginning text, provider_object text, invoice_number text, most integer) RETURNS TABLE(kind text, id uuid, user_id uuid, subscription_id uuid, label text, detail text)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
begin
    if address_part is not null then
        return query
            select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text from users u where u.email = address_part;
        if not found then
            return query
                with hits as materialized (
                    select u.email from users u where strpos(u.email, address_part) > 0 order by u.email limit most)
                select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
                from hits h join users u on u.email = h.email
                order by u.email;
        end if;
    end if;
    if first_id is not null then
        return query
            (select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
             from users u where u.user_id between first_id and last_id order by u.user_id limit most)
            union all
            (select 'license', s.subscription_id, s.subscriber_id, s.subscription_id, s.subscription_id::text, null::text
             from subscriptions s where s.subscription_id between first_id and last_id order by s.subscription_id limit most)
            union all
            (select 'alert', a.alert_id, a.user_id, a.subscription_id, a.alert_id::text, a.activity_type::text
             from suspicious_activity_alerts a where a.alert_id between first_id and last_id order by a.alert_id limit most)
            union all
            (select 'payment', r.renewal_id, r.user_id, r.subscription_id, r.renewal_id::text, r.status
             from renewals r where r.renewal_id between first_id and last_id order by r.renewal_id limit most)
            union all
            -- Keys of requests to a provider name the attempt.
            (select 'payment', r.renewal_id, r.user_id, r.subscription_id, r.renewal_id::text, r.status
             from renewal_attempts a join renewals r on r.renewal_id = a.renewal_id
             where a.attempt_id between first_id and last_id order by a.attempt_id limit most)
            union all
            (select 'case', c.case_id, coalesce(c.user_id, s.subscriber_id), c.subscription_id, c.subject, c.detail
             from payment_cases c left join subscriptions s on s.subscription_id = c.subscription_id
             where c.case_id between first_id and last_id order by c.case_id limit most)
            union all
            (select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
             from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
             where d.device_id between first_id and last_id order by d.device_id limit most);
    end if;
    if account is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.mt5_account_number = account
            order by d.removed_at is not null, d.last_seen_at desc, d.device_id
            limit most;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.mt5_account_number = account
            order by d.detected_at desc
            limit most;
    end if;
    if ea_beginning is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
            -- Operators of text_pattern_ops, so that the index is used by every plan.
            where lower(d.ea_instance_id) ~>=~ ea_beginning and lower(d.ea_instance_id) ~<~ (ea_beginning || chr(1114111))
            order by lower(d.ea_instance_id) using ~<~
            limit most;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where lower(d.ea_instance_id) ~>=~ ea_beginning and lower(d.ea_instance_id) ~<~ (ea_beginning || chr(1114111))
            order by lower(d.ea_instance_id) using ~<~
            limit most;
    end if;
    if network is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from (select n.device_id, n.last_seen_at from license_device_networks n where n.network = find_customers.network
                  order by n.last_seen_at desc, n.device_id limit most) n
            join license_devices d on d.device_id = n.device_id
            join subscriptions s on s.subscription_id = d.subscription_id
            order by n.last_seen_at desc, d.device_id;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.network = find_customers.network
            order by d.detected_at desc
            limit most;
    end if;
    if whole_token_hash is not null or first_hash is not null then
        return query
            select 'token', t.token_id, s.subscriber_id, t.subscription_id, left(t.token_hash, 12)::text,
                   case when t.is_active then 'active' else 'revoked' end
            -- With both conditions in one, a plan for any values reads the whole index in its order.
            from ((select w.token_hash from license_tokens w where w.token_hash = whole_token_hash)
                  union
                  (select h.token_hash from license_tokens h where h.token_hash between first_hash and last_hash
                   order by h.token_hash limit most)) f
            join license_tokens t on t.token_hash = f.token_hash
            join subscriptions s on s.subscription_id = t.subscription_id
            order by t.token_hash
            limit most;
    end if;
    if token_beginning is not null then
        return query
            select 'token', t.token_id, s.subscriber_id, t.subscription_id, left(t.token_hash, 12)::text,
                   case when t.is_active then 'active' else 'revoked' end
            from token_beginnings b
            join license_tokens t on t.token_id = b.token_id
            join subscriptions s on s.subscription_id = t.subscription_id
            where b.beginning >= left(token_beginning, 12) and b.beginning < left(token_beginning, 12) || '~'
            order by b.beginning
            limit most;
    end if;
    if provider_object is not null then
        return query
            select distinct on (p.renewal_id) 'payment', p.renewal_id, r.user_id, r.subscription_id, provider_object, r.status
            from (select a.renewal_id from renewal_attempts a
                  where a.provider in ('stripe', 'paypal') and a.transaction_id = provider_object
                  union all
                  select i.renewal_id from renewals i where i.intent_id = provider_object
                  union all
                  select v.renewal_id from payment_reversals v
                  where v.provider in ('stripe', 'paypal') and v.kind in ('refund', 'refund_total', 'dispute')
                    and v.provider_id = provider_object
                  union all
                  select f.renewal_id from refunds f
                  where f.provider in ('stripe', 'paypal') and f.provider_id = provider_object) p
            join renewals r on r.renewal_id = p.renewal_id;
        -- No renewal may have the payment.
        return query
            select 'case', c.case_id, coalesce(c.user_id, s.subscriber_id), c.subscription_id, provider_object, c.detail
            from (select b.case_id from payment_cases b where b.subject = provider_object
                  union
                  select t.case_id from payment_cases t where t.transaction_id = provider_object) f
            join payment_cases c on c.case_id = f.case_id
            left join subscriptions s on s.subscription_id = c.subscription_id
            order by c.opened_at desc
            limit most;
        return query
            select 'dispute', v.reversal_id, null::uuid, null::uuid, provider_object, v.reason
            from payment_reversals v
            where v.provider in ('stripe', 'paypal') and v.kind = 'dispute' and v.provider_id = provider_object and v.renewal_id is null;
        return query
            select distinct 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
            from (select c.user_id from payment_customers c
                  where c.payment_provider in ('stripe', 'paypal') and c.provider_customer_id = provider_object
                  union all
                  select m.user_id from user_payment_methods m
                  where m.provider_payment_id = provider_object or m.provider_customer_id = provider_object) p
            join users u on u.user_id = p.user_id;
    end if;
    if invoice_number is not null then
        return query
            select 'invoice', i.renewal_id, i.user_id, i.subscription_id, i.number, i.kind from invoices i where i.number = invoice_number;
    end if;
end
$$;

CREATE FUNCTION public.get_device_count(token_hash character varying) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
declare
    license uuid := (select t.subscription_id from license_tokens t where t.token_hash = get_device_count.token_hash);
begin
    return (select count(distinct (u.ea_instance_id, u.mt5_account_number))::int
            from license_usage_log u
            where u.subscription_id = license and u.token_hash = get_device_count.token_hash
              and u.logged_at > now() - interval '30 days');
end
$$;

CREATE FUNCTION public.grace_end(subscription_id uuid, expires_at timestamp with time zone, grace interval) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $_$
    select greatest($2 + $3, (select l.grace_until from license_states l where l.subscription_id = $1))
$_$;

CREATE FUNCTION public.has_intent_left(status text, intent_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select intent_id is not null and not is_charge_open(status) and not is_renewal_final(status)
$$;

CREATE FUNCTION public.has_missed_events(asked_at timestamp with time zone, read_until timestamp with time zone, asked_every interval) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select coalesce(asked_at, read_until) <= now() - greatest(interval '15 minutes', 3 * asked_every)
$$;

CREATE FUNCTION public.health_facts_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op <> 'INSERT' then
        perform mark_health_due(old.subscription_id);
    end if;
    if tg_op <> 'DELETE' then
        perform mark_health_due(new.subscription_id);
    end if;
    return null;
end $$;

CREATE FUNCTION public.is_about_use(activity_type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select activity_type not in ('OPENED_UNDER_CLOSE_ONLY', 'APPEAL')
$$;

CREATE FUNCTION public.is_alert_open(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select status in ('OPEN', 'INVESTIGATING')
$$;

CREATE FUNCTION public.is_auto_renewed(metadata jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(metadata ->> 'auto_renew' = 'true', false)
$$;

CREATE FUNCTION public.is_awaiting_provider(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select is_charge_open(status) or status = 'needs_authentication'
$$;

CREATE FUNCTION public.is_charge_open(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select is_charge_unknown(status) or status in ('charging', 'succeeded')
$$;

CREATE FUNCTION public.is_charge_unknown(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select status in ('unknown', 'undecided')
$$;

CREATE FUNCTION public.is_device_granted(subscription_id uuid, device_key text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    select exists (select from suspicious_activity_alerts a
                   where a.subscription_id = $1 and a.status = 'FALSE_POSITIVE' and a.evidence ->> 'device_key' = $2)
        or exists (select from license_suspensions s
                   where s.subscription_id = $1 and s.device_key = $2 and s.closed_how = 'FALSE_POSITIVE'
                     and not exists (select from suspicious_activity_alerts a where a.alert_id = s.alert_id and is_alert_open(a.status))
                     and not exists (select from license_appeals p join suspicious_activity_alerts a on a.alert_id = p.alert_id
                                     where p.suspension_id = s.suspension_id and is_alert_open(a.status)))
$_$;

CREATE FUNCTION public.is_ea_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select char_length(name) <= 100
        and name !~ '[\u0001-\u001f\u007f-\u009f\ufffd]'
        and name ~ '[^ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
$$;

CREATE FUNCTION public.is_expired_by_platform(state public.subscription_state, paused_reason text, token_active boolean, revoked_reason text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(state = 'SUSPENDED_ADMIN' and paused_reason = 'License expired'
        and (token_active or revoked_reason = 'Expired - grace period ended'), false)
$$;

CREATE FUNCTION public.is_license_expiring_soon(subscription_id uuid, days integer DEFAULT 7) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select from v_current_license_tokens t
        where t.subscription_id = is_license_expiring_soon.subscription_id
          and t.is_active and t.expires_at > now() and t.expires_at <= now() + make_interval(days => days))
$$;

CREATE FUNCTION public.is_license_renewable(subscription_active boolean, state public.subscription_state, token_active boolean, suspended_for_expiry boolean, suspended_otherwise boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select is_subscription_active(subscription_active)
        and (token_active is true or suspended_for_expiry)
        and not suspended_otherwise
        and (subscription_state_of(state) <> 'SUSPENDED_ADMIN' or suspended_for_expiry)
$$;

CREATE FUNCTION public.is_license_suspended(state public.subscription_state, paused_reason text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(state = 'SUSPENDED_ADMIN' and paused_reason is distinct from 'License expired', false)
$$;

CREATE FUNCTION public.is_license_visible(subscriber_id uuid, owner_id uuid) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $_$
    select $2 is null or $1 = $2
$_$;

CREATE FUNCTION public.is_liftable(cause text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select cause <> 'EXPIRY'
$$;

CREATE FUNCTION public.is_price_frozen(status text, intent_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select intent_id is not null or is_charge_open(status)
$$;

CREATE FUNCTION public.is_renewal_final(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select status in ('applied', 'canceled', 'lapsed')
$$;

CREATE FUNCTION public.is_subscription_active(is_active boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select is_active is not false
$$;

CREATE FUNCTION public.is_suspended_by_anyone(subscription_id uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
    select is_license_suspended(s.state, s.paused_reason) or can_reinstate(s.subscription_id)
    from subscriptions s where s.subscription_id = $1
$_$;

CREATE FUNCTION public.is_waiting_for_card(status text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select status in ('payment_needed', 'soft_declined', 'hard_declined', 'needs_authentication')
$$;

CREATE FUNCTION public.keep_refused_devices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO '$user', 'public', 'pg_temp'
    AS $$
begin
    delete from refused_devices d where d.alert_id = new.alert_id;
    insert into refused_devices (alert_id, is_last, subscription_id, detected_at, ea_instance_id, mt5_account_number, network)
    select new.alert_id, n.is_last, new.subscription_id, new.detected_at, n.ea_instance_id, n.mt5_account_number, n.network
    from refused_devices_of(new.evidence) n
    where new.subscription_id is not null;
    return null;
end $$;

CREATE FUNCTION public.keep_renewal_paid() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'renewal % is paid and can''t become %', old.renewal_id, new.status using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION public.keep_request_frozen() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the request of attempt % is frozen', old.attempt_id using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION public.keep_rotated_token_retired() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    overlap_end timestamptz;
begin
    select overlap_until into overlap_end from license_token_replacements where token_id = new.token_id;
    if found then
        new.expires_at := least(new.expires_at, overlap_end);
        if new.is_active and overlap_end <= clock_timestamp() then
            new.is_active := false;
            new.revoked_at := coalesce(old.revoked_at, clock_timestamp());
            new.revoked_reason := coalesce(old.revoked_reason, 'Rotated');
        end if;
    end if;
    return new;
end $$;

CREATE TABLE public.renewal_attempts (
    attempt_id uuid NOT NULL,
    renewal_id uuid NOT NULL,
    number integer NOT NULL,
    provider text NOT NULL,
    payment_method_id uuid NOT NULL,
    request jsonb NOT NULL,
    first_sent_at timestamp with time zone NOT NULL,
    opens_intent boolean NOT NULL,
    status text NOT NULL,
    code text,
    transaction_id text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['sent'::text, 'succeeded'::text, 'soft_declined'::text, 'hard_declined'::text, 'needs_authentication'::text, 'canceled'::text, 'never_charged'::text]))),
    CONSTRAINT succeeded_has_a_transaction CHECK (((status <> 'succeeded'::text) OR (transaction_id IS NOT NULL)))
);

CREATE FUNCTION public.latest_attempt(renewal_id uuid) RETURNS SETOF public.renewal_attempts
    LANGUAGE sql STABLE
    AS $_$
    select * from renewal_attempts a where a.renewal_id = $1 order by a.number desc limit 1
$_$;

CREATE FUNCTION public.license_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into license_changes as c (subscription_id)
    values (case when tg_op = 'DELETE' then old.subscription_id else new.subscription_id end)
    on conflict (subscription_id) do update set changes = c.changes + 1;
    return null;
end $$;

CREATE FUNCTION public.license_code(token_active boolean, revoked_reason text, expires_at timestamp with time zone, grace_until timestamp with time zone, state public.subscription_state, subscription_active boolean, paused_reason text, only_for_expiry boolean, took_token boolean, stands boolean, grace interval) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select case
        when case when only_for_expiry is null then is_license_suspended(state, paused_reason)
                  else not only_for_expiry or (stands is not true and state = 'SUSPENDED_ADMIN') end then 'SUSPENDED'
        when not token_active and took_token is not true
            -- An automatic suspension of the first version, which wrote no row in license_suspensions. C#: SuspensionTexts.
            and not (state = 'SUSPENDED_ADMIN'
                and coalesce(revoked_reason = 'Expired - grace period ended' or starts_with(revoked_reason, 'Auto-suspended: '), false))
            then 'REVOKED'
        -- Suspended by the platform for the expiry. This ends when the expiry moves ahead.
        when (only_for_expiry is null and state = 'SUSPENDED_ADMIN'
                and (now() >= expires_at or (not token_active and revoked_reason is distinct from 'Expired - grace period ended')))
            or now() >= greatest(expires_at + grace, case when expires_at is not null then grace_until end) then 'EXPIRED'
        when not subscription_active then 'INACTIVE'
        when state in ('LOCKED_NO_FUNDS', 'PAUSED_TOXIC') then state::text
        when now() >= expires_at then 'GRACE'
        else 'VALID'
    end
$$;

CREATE FUNCTION public.license_status(code text, expires_at timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select case
        when code in ('REVOKED', 'EXPIRED', 'GRACE') then code
        when code <> 'VALID' then 'SUSPENDED'
        when expires_at < now() + interval '7 days' then 'PENDING_RENEWAL'
        else 'ACTIVE'
    end
$$;

CREATE FUNCTION public.licenses_of_charge(charging_provider text, ids text[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    AS $$
    with cases as (
        select c.subject, c.renewal_id, c.subscription_id from payment_cases c
        where c.provider = charging_provider and (c.subject = any (ids) or c.transaction_id = any (ids))
    )
    select c.subscription_id from cases c where c.subscription_id is not null
    union
    select r.subscription_id from cases c join renewals r on r.renewal_id = c.renewal_id
    union
    select r.subscription_id from renewals r where r.intent_id = any (ids || array(select c.subject from cases c))
$$;

CREATE FUNCTION public.listed_license_code(subscription_id uuid, grace interval) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
    select license_code(
        t.is_active is true, t.revoked_reason, t.expires_at, l.grace_until, subscription_state_of(s.state),
        is_subscription_active(s.is_active), s.paused_reason, o.only_for_expiry, o.took_token, o.stands, $2)
    from subscriptions s
    cross join lateral (select * from v_current_license_tokens c where c.subscription_id = s.subscription_id limit 1) t
    cross join lateral open_suspension_facts(s.subscription_id, t.token_id, null, subscription_state_of(s.state), s.paused_reason) o
    left join license_states l on l.subscription_id = s.subscription_id
    where s.subscription_id = $1
$_$;

CREATE FUNCTION public.lock_device_if_free(device_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
begin
    perform from license_devices d where d.device_id = $1 for no key update skip locked;
    return found;
end
$_$;

CREATE FUNCTION public.lock_token_if_free(token_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
begin
    perform from license_tokens t where t.token_id = $1 for no key update skip locked;
    return found;
end
$_$;

CREATE FUNCTION public.longest_wait_for_a_list() RETURNS interval
    LANGUAGE sql IMMUTABLE
    AS $$
    select interval '6 hours'
$$;

CREATE FUNCTION public.mail_licenses(model jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $_$
    select jsonb_object_agg(l.subscription_id, jsonb_build_object('master', l.master, 'customer', l.email))
    from (select distinct case when id #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (id #>> '{}')::uuid end as id
          from jsonb_path_query(model, 'strict $.**.subscription_id') as id) named
    cross join lateral (select * from listed_licenses where subscription_id = named.id) l
$_$;

CREATE FUNCTION public.mark_health_due(license uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    insert into health_marks (subscription_id) select license where license is not null;
end $$;

CREATE FUNCTION public.mark_reversed_renewal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into renewals_to_invoice (renewal_id, is_payment) values (new.renewal_id, false);
    return null;
end $$;

CREATE FUNCTION public.mark_used_licenses_due(used uuid[]) RETURNS void
    LANGUAGE sql
    AS $$
    insert into health_marks (subscription_id)
    select h.subscription_id from license_health h where h.is_silent and h.subscription_id = any (used)
$$;

CREATE FUNCTION public.measure_rank(measure text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select array_position(array['NONE', 'NOTIFIED', 'ASKED', 'REFUSED', 'SUSPENDED'], measure)
$$;

CREATE FUNCTION public.next_card(renewal_id uuid, person uuid, declined_at timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $_$
    select jsonb_build_object(
        'payment_method_id', m.payment_method_id, 'provider', m.payment_provider, 'customer_id', m.provider_customer_id,
        'payment_id', m.provider_payment_id, 'changed_at', past_time(m.details_changed_at), 'last_four', m.last_four)
    from payment_preferences p
    join user_payment_methods m on m.user_id = p.user_id and m.is_active and not m.is_default
    where p.user_id = person and p.tries_next_method and m.provider_customer_id is not null and m.provider_payment_id is not null
      -- Not make_date, which fails for a month or year that doesn't exist.
      and (m.expiry_year is null or (m.expiry_year, coalesce(m.expiry_month, 12))
          >= (extract(year from now() at time zone 'UTC'), extract(month from now() at time zone 'UTC')))
      and not exists (select from renewal_attempts a
                      where a.renewal_id = $1 and a.payment_method_id = m.payment_method_id and a.status = 'hard_declined'
                        and a.first_sent_at <= coalesce(declined_at, 'infinity'))
      and not exists (select from renewal_attempts a
                      where a.renewal_id = $1 and a.payment_method_id <> m.payment_method_id and a.first_sent_at > declined_at)
    order by exists (select from renewal_attempts a
                     where a.renewal_id = $1 and a.payment_method_id = m.payment_method_id and a.first_sent_at > declined_at) desc,
             m.created_at desc, m.payment_method_id
    limit 1
$_$;

CREATE FUNCTION public.note_return(of_provider text) RETURNS void
    LANGUAGE sql
    AS $$
    insert into payment_event_reads as r (provider, missed_until) values (of_provider, now())
    on conflict (provider) do update set missed_until = now()
    where coalesce(has_missed_events(r.asked_at, r.read_until, r.asked_every), r.missed_until is null)
      and not coalesce(r.missed_until > coalesce(r.asked_at, r.read_until), false)
$$;

CREATE FUNCTION public.note_token_use(token_hash character varying, used_at timestamp with time zone, address inet) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    update license_tokens t set last_used_at = used_at, ip_address = coalesce(address, t.ip_address)
    where t.token_hash = note_token_use.token_hash and (t.last_used_at is null or t.last_used_at < used_at)
      and lock_token_if_free(t.token_id);
end
$$;

CREATE FUNCTION public.open_suspension_facts(subscription_id uuid, token_id uuid, device_key text, state public.subscription_state, paused_reason text) RETURNS TABLE(only_for_expiry boolean, reason text, took_token boolean, stands boolean, caused_by_device boolean)
    LANGUAGE sql STABLE
    AS $_$
    select bool_and(not is_liftable(o.cause)),
           (array_agg(o.reason order by not is_liftable(o.cause), o.suspended_at desc))[1],
           bool_or($2 = any (o.token_ids)),
           bool_or(o.reason = $5 and $4 = 'SUSPENDED_ADMIN'),
           bool_or(o.device_key = $3)
    from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
$_$;

CREATE FUNCTION public.overdue_providers() RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    select coalesce(array_agg(provider order by provider), '{}')
    from payment_event_reads
    where missed_until <= now() - longest_wait_for_a_list() and not has_missed_events(asked_at, read_until, asked_every)
$$;

CREATE FUNCTION public.past_time(at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case when at between '1970-01-01 00:00:00+00' and '9000-01-01 00:00:00+00' then at end
$$;

CREATE FUNCTION public.payment_method_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform mark_health_due(s.subscription_id) from subscriptions s where s.subscriber_id = coalesce(new.user_id, old.user_id);
    return null;
end $$;

CREATE FUNCTION public.periods_maybe_paid(subscription_id uuid) RETURNS TABLE(renewal_id uuid, period_start timestamp with time zone)
    LANGUAGE sql STABLE
    AS $_$
    select r.renewal_id, r.period_start
    from renewals r
    where r.subscription_id = $1 and (is_charge_open(r.status) or (r.may_be_paid and not is_renewal_final(r.status)))
    union all
    select null, (select t.expires_at from v_current_license_tokens t where t.subscription_id = u.subscription_id)
    from unbooked_charges u
    where u.subscription_id = $1
$_$;

CREATE FUNCTION public.person_data(person uuid) RETURNS TABLE(table_name text, row_data jsonb)
    LANGUAGE plpgsql STABLE
    AS $_$
declare
    licenses uuid[] := array(select subscription_id from subscriptions where subscriber_id = person);
    -- The person's identifiers in texts.
    names text[] := array(select person::text union all select unnest(licenses)::text
                          union all select token_hash from license_tokens where subscription_id = any (licenses)
                          union all select email from users where user_id = person
                          union all select provider_customer_id from user_payment_methods
                                    where user_id = person and provider_customer_id is not null);
    part record;
begin
    for part in
        select c.relname as name, string_agg(case a.attname
            when 'payload' then case c.relname
                -- Messages to operators and to the alert webhook are about other persons, too.
                when 'outbox' then '(t.kind = ''email'' and not starts_with(coalesce(t.payload ->> ''template'', ''''), ''operator_'') and '
                else '(' end || 'exists (select from unnest($3) as name where position(name in t.payload::text) > 0))'
            when 'subscription_id' then 't.subscription_id = any ($2)'
            when 'device_id' then 't.device_id in (select d.device_id from license_devices d where d.subscription_id = any ($2))'
            when 'renewal_id' then 't.renewal_id in (select r.renewal_id from renewals r where r.subscription_id = any ($2))'
            when 'subject' then 't.subject = $1::text'
            when 'body' then 'exists (select from unnest($3) as name where position(name in t.body::text) > 0)'
            else format('t.%I = $1', a.attname) end, ' or ') as condition
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        where c.relnamespace = (select relnamespace from pg_class where oid = 'license_usage_log'::regclass)
          and c.relkind in ('r', 'p') and not c.relispartition
          and (a.attname in ('user_id', 'subscriber_id', 'caller_id', 'actor_id', 'submitted_by', 'subscription_id', 'device_id',
                             'renewal_id', 'subject', 'payload', 'body')
               -- A master is also a person; a master's subscribers are other persons.
               or (c.relname, a.attname) in (('master_pricing', 'master_id'), ('master_price_changes', 'master_id')))
        group by c.relname
        order by c.relname
    loop
        return query execute format(
            'select %L::text, to_jsonb(t) - ''password_hash'' - ''token_hash'' from %I t where %s', part.name, part.name, part.condition)
            using person, licenses, names;
    end loop;
end
$_$;

CREATE FUNCTION public.platform_facts_hash(state text, subscription_active boolean, paused_reason text, token_id uuid, token_active boolean, revoked_reason text, expires_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    select hash_record_extended(row($1, $2, $3, $4, $5, $6, $7), 0)
$_$;

CREATE FUNCTION public.price_at_subscribing(master_id uuid, subscribed_at timestamp with time zone) RETURNS numeric
    LANGUAGE sql STABLE
    AS $_$
    select coalesce(
        (select c.monthly_fee_usd from master_price_changes c
         where c.master_id = $1 and c.changed_at <= $2 order by c.changed_at desc limit 1),
        (select c.monthly_fee_usd from master_price_changes c where c.master_id = $1 order by c.changed_at limit 1))
$_$;

CREATE FUNCTION public.price_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform mark_health_due(s.subscription_id) from subscriptions s where s.master_id = coalesce(new.master_id, old.master_id);
    return null;
end $$;

CREATE FUNCTION public.raise_alert(subscription_id uuid, activity_type character varying, severity character varying, description text, evidence jsonb, auto_action character varying, detected_at timestamp with time zone DEFAULT now(), incident text DEFAULT NULL::text, token_hash character varying DEFAULT NULL::character varying) RETURNS TABLE(alert_id uuid, user_id uuid, is_new boolean)
    LANGUAGE sql
    AS $_$
    insert into suspicious_activity_alerts as a
        (detected_at, updated_at, subscription_id, user_id, token_hash,
         activity_type, severity, description, evidence, incident, auto_action_taken)
    values ($7, $7, $1, (select s.subscriber_id from subscriptions s where s.subscription_id = $1),
            coalesce($9, (select t.token_hash from v_current_license_tokens t where t.subscription_id = $1)),
            $2, $3, $4, $5, $8, $6)
    on conflict (subscription_id, incident) where incident is not null and is_alert_open(status)
    do update set severity = excluded.severity, activity_type = excluded.activity_type, description = excluded.description,
                  evidence = case when measure_rank(a.measure) > measure_rank(excluded.measure)
                                  then coalesce(excluded.evidence, '{}') || jsonb_build_object('measure', a.measure)
                                  else excluded.evidence end,
                  updated_at = excluded.detected_at,
                  -- SUSPENDED stays, and NOTIFIED does not become NONE.
                  auto_action_taken = case when a.auto_action_taken = 'SUSPENDED' or excluded.auto_action_taken = 'NONE'
                                           then a.auto_action_taken else excluded.auto_action_taken end
    returning a.alert_id, a.user_id, a.xmax = 0
$_$;

CREATE FUNCTION public.recent_device_count(license uuid) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return (select count(distinct (u.ea_instance_id, u.mt5_account_number))::int
            from license_usage_log u
            where u.subscription_id = license and u.logged_at > now() - interval '30 days');
end
$$;

CREATE FUNCTION public.recent_use_at(license uuid) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return (select max(u.logged_at) from license_usage_log u
            where u.subscription_id = license and u.logged_at > now() - interval '30 days');
end
$$;

CREATE FUNCTION public.record_license_usage(token_hash text, subscription_id text, ip text, ea_instance_id text, mt5_account bigint, received integer DEFAULT 1, executed integer DEFAULT 0, rejected integer DEFAULT 0, avg_latency_ms integer DEFAULT NULL::integer, opened integer DEFAULT NULL::integer, closed integer DEFAULT NULL::integer) RETURNS uuid
    LANGUAGE sql
    AS $_$
    select record_license_usage(
        $1::varchar, $2::uuid, nullif($3, '')::inet, $4::varchar, $5, $6, $7, $8, $9, $10, $11)
$_$;

CREATE FUNCTION public.record_license_usage(token_hash character varying, subscription_id uuid, ip inet, ea_instance_id character varying, mt5_account bigint, received integer DEFAULT 1, executed integer DEFAULT 0, rejected integer DEFAULT 0, avg_latency_ms integer DEFAULT NULL::integer, opened integer DEFAULT NULL::integer, closed integer DEFAULT NULL::integer) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
declare
    new_log_id uuid := uuid_generate_v4();
    refused_because text;
    wrong_field text;
    most_allowed int;
begin
    -- The ranges of ReadUsage.
    select field, most into wrong_field, most_allowed
    from (values ('signals_received', received, 1000000), ('signals_executed', executed, 1000000),
                 ('signals_rejected', rejected, 1000000), ('avg_latency_ms', record_license_usage.avg_latency_ms, 3600000),
                 ('opened', opened, 1000000), ('closed', closed, 1000000)) as sent (field, value, most)
    where value not between 0 and most limit 1;
    if not is_ea_name(ea_instance_id) then
        refused_because := 'INVALID_TEXT';
    -- The same rule as SignalCounts.
    elsif coalesce(executed, 0)::bigint + coalesce(rejected, 0) > coalesce(received, 0) then
        refused_because := 'CONTRADICTING_COUNTERS';
    elsif wrong_field is not null then
        refused_because := 'OUT_OF_RANGE';
    else
        perform ensure_usage_partitions(now(), now());
        select case when cardinality(stored.unknown_tokens) > 0 then 'UNKNOWN_TOKEN'
                    when cardinality(stored.foreign_tokens) > 0 then 'SUBSCRIPTION_MISMATCH' end
        into refused_because
        from store_license_usage(
            array[new_log_id], array[now()], array[record_license_usage.token_hash::text], array[record_license_usage.subscription_id],
            array[ip], array[record_license_usage.ea_instance_id::text], array[mt5_account], array[null::text], array[null::text],
            array[null::double precision], array[null::double precision],
            array[coalesce(received, 0)], array[coalesce(executed, 0)], array[coalesce(rejected, 0)],
            array[record_license_usage.avg_latency_ms], array[null::int],
            opened => array[record_license_usage.opened], closed => array[record_license_usage.closed]) as stored;
        -- The platform's function did this immediately; sum_license_usage would do it some seconds later.
        if refused_because is null then
            perform note_token_use(record_license_usage.token_hash, now(), ip);
        end if;
    end if;
    -- An invalid record must not make the ingest server's call fail: the license check and an operator handle it.
    if refused_because is not null then
        insert into usage_quarantine (source, code, field, detail, payload, payload_digest)
        select 'sql', refused_because,
               case refused_because
                   when 'INVALID_TEXT' then 'ea_instance_id'
                   when 'CONTRADICTING_COUNTERS' then 'signals_received'
                   when 'OUT_OF_RANGE' then wrong_field
                   else 'token_hash' end,
               case refused_because
                   when 'INVALID_TEXT' then 'record_license_usage: ea_instance_id must have 1 to 100 Unicode characters, '
                       'not only white space, without control characters and without U+FFFD'
                   when 'CONTRADICTING_COUNTERS'
                       then 'record_license_usage: signals_received is less than signals_executed plus signals_rejected'
                   when 'OUT_OF_RANGE'
                       then format('record_license_usage: %s must be from 0 to %s', wrong_field, most_allowed)
                   else 'record_license_usage: no license has this token, or another one' end,
               payload, sha256(convert_to(payload, 'UTF8'))
        from (select jsonb_build_object(
                  'record_id', new_log_id, 'logged_at', now(), 'token_hash', record_license_usage.token_hash,
                  'subscription_id', record_license_usage.subscription_id, 'ip_address', host(ip),
                  'ea_instance_id', record_license_usage.ea_instance_id, 'mt5_account_number', mt5_account,
                  'signals_received', coalesce(received, 0), 'signals_executed', coalesce(executed, 0),
                  'signals_rejected', coalesce(rejected, 0),
                  'avg_latency_ms', record_license_usage.avg_latency_ms,
                  'opened', record_license_usage.opened, 'closed', record_license_usage.closed)::text) as record (payload);
    end if;
    insert into metric_increments (name, label, amount)
    values ('usage_records_total', case when refused_because is null then 'accepted' else 'quarantined' end, 1);
    return new_log_id;
end
$$;

CREATE FUNCTION public.record_price_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into master_price_changes (master_id, changed_at, monthly_fee_usd)
    values (new.master_id, now(), new.monthly_fee_usd)
    on conflict on constraint one_price_at_a_time do update set monthly_fee_usd = excluded.monthly_fee_usd;
    return null;
end $$;

CREATE FUNCTION public.refuse_change_of_evidence() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end
$$;

CREATE FUNCTION public.refused_device_names(evidence jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_agg(jsonb_build_array(device -> 'ea_instance_id', device -> 'mt5_account_number', device -> 'ip_address'))
    from (values (coalesce(evidence -> 'refused_device', evidence -> 'newcomer')), (evidence -> 'last_refused_device')) as named (device)
$$;

CREATE FUNCTION public.refused_devices_of(evidence jsonb) RETURNS TABLE(is_last boolean, ea_instance_id text, mt5_account_number bigint, network cidr)
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
declare
    device jsonb;
    address inet;
begin
    for is_last, device in
        values (false, coalesce(evidence -> 'refused_device', evidence -> 'newcomer')), (true, evidence -> 'last_refused_device')
    loop
        ea_instance_id := left(device ->> 'ea_instance_id', 100);
        mt5_account_number := case
            when device ->> 'mt5_account_number' ~ '^[0-9]{1,18}$' then (device ->> 'mt5_account_number')::bigint end;
        begin
            -- An IPv4 address mapped into IPv6 counts as IPv4. C#: SourceNetwork.
            address := regexp_replace(device ->> 'ip_address', '^::ffff:(?=[0-9]+[.])', '', 'i')::inet;
        exception when invalid_text_representation then
            address := null;
        end;
        network := network(set_masklen(address, case family(address) when 4 then 32 else 64 end));
        if num_nonnulls(ea_instance_id, mt5_account_number, network) > 0 then
            return next;
        end if;
    end loop;
end $_$;

CREATE FUNCTION public.remember_usage_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION public.renewal_block(subscriber_active boolean, master_active boolean, subscription_active boolean, state public.subscription_state, token_active boolean, suspended_for_expiry boolean, suspended_otherwise boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select case
        when subscriber_active is false then 'account_closed'
        when master_active is false then 'master_closed'
        when not is_subscription_active(subscription_active) then 'subscription_inactive'
        when not is_license_renewable(subscription_active, state, token_active, suspended_for_expiry, suspended_otherwise)
            then 'license_suspended'
        when state = 'PAUSED_TOXIC' then 'paused_toxic'
        when state = 'LOCKED_NO_FUNDS' then 'locked_no_funds'
    end
$$;

CREATE FUNCTION public.renewal_gives_up_at(period_start timestamp with time zone, grace interval, opened_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select greatest(period_start + grace, opened_at + interval '24 hours')
$$;

CREATE FUNCTION public.replace_function(old_signature text, new_signature text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    old_function regprocedure := to_regprocedure(old_signature);
    new_function regprocedure := new_signature::regprocedure;
    grantee text;
begin
    if old_function is null then
        return;
    end if;
    -- Without a list, everyone may execute a function.
    if (select proacl from pg_proc where oid = old_function) is not null then
        execute format('revoke execute on function %s from public', new_function);
        for grantee in
            select case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end
                   || case when acl.is_grantable then ' with grant option' else '' end
            from pg_proc, aclexplode(proacl) as acl
            where oid = old_function and acl.grantee <> proowner
        loop
            execute format('grant execute on function %s to %s', new_function, grantee);
        end loop;
    end if;
    execute format('drop function %s', old_function);
end
$$;

CREATE FUNCTION public.schema_definitions() RETURNS text
    LANGUAGE sql STABLE
    AS $$
            select md5(string_agg(definition, e'\n' order by definition collate "C"))
            from (
                select pg_get_functiondef(p.oid) from pg_proc p
                where p.pronamespace = current_schema()::regnamespace and p.prokind in ('f', 'p')
                  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
                union all
                select c.relname || ' ' || pg_get_viewdef(c.oid) from pg_class c
                where c.relnamespace = current_schema()::regnamespace and c.relkind = 'v'
                union all
                select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal and t.tgparentid = 0
            ) as definitions (definition)
        $$;

CREATE FUNCTION public.shown_time(at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select least(greatest(at, '1970-01-01 00:00:00+00'), '9000-01-01 00:00:00+00')
$$;

CREATE FUNCTION public.source_network(address inet) RETURNS cidr
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select network(set_masklen(address, case family(address) when 4 then 32 else 64 end))
$$;

CREATE FUNCTION public.state_before_suspension(subscription_id uuid) RETURNS public.subscription_state
    LANGUAGE sql STABLE
    AS $_$
    select o.previous_state from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
    order by o.suspended_at, o.suspension_id limit 1
$_$;

CREATE FUNCTION public.store_license_usage(record_ids uuid[], logged_ats timestamp with time zone[], token_hashes text[], subscription_ids uuid[], ip_addresses inet[], ea_instance_ids text[], mt5_account_numbers bigint[], country_codes text[], cities text[], latitudes double precision[], longitudes double precision[], signals_received integer[], signals_executed integer[], signals_rejected integer[], avg_latencies_ms integer[], session_durations_sec integer[], skip_locked boolean DEFAULT NULL::boolean, opened integer[] DEFAULT NULL::integer[], closed integer[] DEFAULT NULL::integer[], OUT accepted integer, OUT unknown_tokens integer[], OUT foreign_tokens integer[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.subscription_state_of(state public.subscription_state) RETURNS public.subscription_state
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select coalesce(state, 'SYNCED')
$$;

CREATE FUNCTION public.sum_license_usage(most_records integer, skip_locked boolean, one_by_one boolean) RETURNS integer
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION public.swap_usage_log() RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '500ms'
    AS $$
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

CREATE FUNCTION public.timescaledb_schema() RETURNS name
    LANGUAGE sql STABLE
    AS $$
    select extnamespace::regnamespace::name from pg_extension where extname = 'timescaledb'
$$;

CREATE FUNCTION public.unread_providers() RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    select coalesce(array_agg(p.provider order by p.provider), '{}')
    from (values ('paypal'), ('stripe')) as p (provider)
    left join payment_event_reads r on r.provider = p.provider
    where case
        when r.provider is null then exists (select from renewals where created_at <= now() - interval '15 minutes')
        when coalesce(r.asked_at, r.read_until) is null then true
        else has_missed_events(r.asked_at, r.read_until, r.asked_every)
            or coalesce(r.missed_until > case when r.read_until is null then now() - longest_wait_for_a_list() else '-infinity' end, false)
    end
$$;

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
        begin
            new.updated_at := now();
            return new;
        end
        $$;

CREATE FUNCTION public.usage_days_to_copy() RETURNS SETOF date
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.usage_log_parts() RETURNS TABLE(name text, starts_at timestamp with time zone, ends_at timestamp with time zone)
    LANGUAGE plpgsql STABLE
    AS $_$
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
$_$;

CREATE FUNCTION public.usage_log_storage() RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.usage_log_warning() RETURNS text
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.usage_network(ip inet) RETURNS cidr
    LANGUAGE sql IMMUTABLE
    AS $$
    select coalesce(network(set_masklen(ip, case family(ip) when 4 then 24 else 48 end)), '0.0.0.0/0')
$$;

CREATE FUNCTION public.was_grace_suspended(subscription_id uuid, expires_at timestamp with time zone, grace interval) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    select exists (select from renewals r
                   where r.subscription_id = $1 and r.period_start = $2 and r.status = 'lapsed' and r.lapsed_blocked)
        or exists (select from license_suspensions s
                   where s.subscription_id = $1 and is_liftable(s.cause)
                     and s.suspended_at < $2 + grace and s.closed_at >= $2 + grace)
$_$;

CREATE FUNCTION public.was_suspended_before_suspension(subscription_id uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    select is_license_suspended(o.previous_state, o.previous_paused_reason) from license_suspensions o
    where o.subscription_id = $1 and o.closed_at is null
    order by o.suspended_at, o.suspension_id limit 1
$_$;

CREATE FUNCTION public.was_used_from(license uuid, network inet, before timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return exists (select from license_usage_log u
                   where u.subscription_id = license and u.logged_at < before and u.ip_address <<= network);
end
$$;

CREATE TABLE public.license_token_replacements (
    token_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    replaced_by uuid NOT NULL,
    replaced_at timestamp with time zone DEFAULT now() NOT NULL,
    overlap_until timestamp with time zone NOT NULL,
    CONSTRAINT a_token_replaces_another CHECK ((token_id <> replaced_by)),
    CONSTRAINT overlap_ends_after_replacement CHECK ((overlap_until >= replaced_at))
);

CREATE TABLE public.license_tokens (
    token_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscription_id uuid NOT NULL,
    token_hash character varying(255) NOT NULL,
    ea_instance_id character varying(100),
    last_used_at timestamp with time zone,
    ip_address inet,
    is_active boolean DEFAULT true NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    metadata jsonb,
    CONSTRAINT active_or_revoked_at CHECK ((is_active = (revoked_at IS NULL)))
);

CREATE TABLE public.renewals (
    renewal_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscription_id uuid NOT NULL,
    user_id uuid NOT NULL,
    period_start timestamp with time zone NOT NULL,
    renewal_type text NOT NULL,
    status text NOT NULL,
    amount_usd numeric(10,2),
    price_accepted boolean DEFAULT false NOT NULL,
    intent_id text,
    soft_declines integer DEFAULT 0 NOT NULL,
    lookups integer DEFAULT 0 NOT NULL,
    unknown_since timestamp with time zone,
    gives_up_at timestamp with time zone NOT NULL,
    next_action_at timestamp with time zone,
    paid_with text,
    paid_from timestamp with time zone,
    paid_until timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    repeat_number integer DEFAULT 0 NOT NULL,
    lapsed_blocked boolean DEFAULT false NOT NULL,
    is_double boolean DEFAULT false NOT NULL,
    debts_usd numeric(10,2) DEFAULT 0 NOT NULL,
    settled_by uuid,
    may_be_paid boolean DEFAULT false NOT NULL,
    is_refunded boolean DEFAULT false NOT NULL,
    CONSTRAINT amount_not_negative CHECK ((amount_usd >= (0)::numeric)),
    CONSTRAINT applied_says_what_was_paid CHECK (((status = 'applied'::text) = ((paid_with IS NOT NULL) AND (paid_from IS NOT NULL) AND (paid_until IS NOT NULL)))),
    CONSTRAINT debts_not_negative CHECK ((debts_usd >= (0)::numeric)),
    CONSTRAINT only_deferred_is_settled CHECK (((settled_by IS NULL) OR (paid_with = 'deferred'::text))),
    CONSTRAINT paid_with_is_known CHECK ((paid_with = ANY (ARRAY['nothing'::text, 'wallet'::text, 'card'::text, 'deferred'::text]))),
    CONSTRAINT period_not_backwards CHECK ((paid_until >= paid_from)),
    CONSTRAINT renewal_type_is_known CHECK ((renewal_type = ANY (ARRAY['auto'::text, 'manual'::text]))),
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['due'::text, 'charging'::text, 'unknown'::text, 'undecided'::text, 'soft_declined'::text, 'hard_declined'::text, 'needs_authentication'::text, 'awaiting_consent'::text, 'payment_needed'::text, 'not_renewable'::text, 'succeeded'::text, 'applied'::text, 'canceled'::text, 'lapsed'::text]))),
    CONSTRAINT unknown_has_an_intent CHECK (((status <> ALL (ARRAY['unknown'::text, 'undecided'::text, 'succeeded'::text])) OR (intent_id IS NOT NULL)))
)
WITH (fillfactor='50');

CREATE TABLE public.subscriptions (
    subscription_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscriber_id uuid NOT NULL,
    master_id uuid NOT NULL,
    state public.subscription_state DEFAULT 'SYNCED'::public.subscription_state NOT NULL,
    last_sequence_id bigint DEFAULT 0 NOT NULL,
    last_signal_at timestamp with time zone,
    high_water_mark numeric(18,8) DEFAULT 0 NOT NULL,
    total_profit_usd numeric(18,8) DEFAULT 0 NOT NULL,
    total_fees_paid numeric(18,8) DEFAULT 0 NOT NULL,
    max_price_deviation numeric(18,8),
    max_ttl_ms integer,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    paused_at timestamp with time zone,
    paused_reason text,
    CONSTRAINT nobody_subscribes_to_himself CHECK ((subscriber_id <> master_id))
);

CREATE VIEW public.v_current_license_tokens AS
 SELECT DISTINCT ON (t.subscription_id) t.token_id,
    t.subscription_id,
    t.token_hash,
    t.ea_instance_id,
    public.past_time(t.last_used_at) AS last_used_at,
    t.ip_address,
    t.is_active,
    public.expiry_of(t.expires_at) AS expires_at,
    public.past_time(t.created_at) AS created_at,
    public.past_time(t.revoked_at) AS revoked_at,
    t.revoked_reason,
    t.metadata
   FROM public.license_tokens t
  WHERE (NOT (EXISTS ( SELECT
           FROM public.license_token_replacements r
          WHERE (r.token_id = t.token_id))))
  ORDER BY t.subscription_id, (t.is_active IS TRUE) DESC, t.created_at DESC, t.token_id;

CREATE VIEW public.active_licenses AS
 SELECT t.subscription_id,
    t.expires_at,
    s.subscriber_id,
    s.master_id,
    (public.is_subscription_active(s.is_active) AND public.is_auto_renewed(t.metadata)) AS auto_renews,
    (EXISTS ( SELECT
           FROM public.renewals r
          WHERE ((r.subscription_id = t.subscription_id) AND (r.period_start = t.expires_at) AND (r.status <> 'canceled'::text) AND (NOT ((r.status = 'lapsed'::text) AND r.lapsed_blocked))))) AS is_renewal_opened
   FROM ((public.license_tokens t
     JOIN LATERAL ( SELECT c.token_id
           FROM public.v_current_license_tokens c
          WHERE (c.subscription_id = t.subscription_id)
         LIMIT 1) current_token ON ((current_token.token_id = t.token_id)))
     LEFT JOIN public.subscriptions s ON ((s.subscription_id = t.subscription_id)))
  WHERE t.is_active;

CREATE TABLE public.master_pricing (
    pricing_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    master_id uuid NOT NULL,
    performance_fee_pct numeric(5,2) DEFAULT 20 NOT NULL,
    monthly_fee_usd numeric(10,2) DEFAULT 0 NOT NULL,
    min_subscription_days integer DEFAULT 30 NOT NULL,
    trial_days integer DEFAULT 0 NOT NULL,
    max_subscribers integer,
    min_deposit_usd numeric(18,8),
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT monthly_fee_not_negative CHECK ((monthly_fee_usd >= (0)::numeric)),
    CONSTRAINT performance_fee_from_0_to_100 CHECK (((performance_fee_pct >= (0)::numeric) AND (performance_fee_pct <= (100)::numeric)))
);

CREATE VIEW public.active_prices AS
 SELECT p.master_id,
    p.monthly_fee_usd
   FROM public.master_pricing p
  WHERE (p.is_active AND ((p.monthly_fee_usd >= (0)::numeric) AND (p.monthly_fee_usd <= '1000000000000'::numeric)));

CREATE TABLE public.audit_log (
    audit_id bigint NOT NULL,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    action text NOT NULL,
    subscription_id uuid,
    subject text,
    reason text,
    before jsonb,
    after jsonb,
    CONSTRAINT actor_kind_is_known CHECK ((actor_kind = ANY (ARRAY['operator'::text, 'owner'::text, 'service'::text, 'system'::text, 'runbook'::text])))
);

ALTER TABLE public.audit_log ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.billing_details (
    user_id uuid NOT NULL,
    name text NOT NULL,
    address text,
    country text,
    tax_id text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT country_has_two_letters CHECK ((country ~ '^[A-Z]{2}$'::text))
);

CREATE TABLE public.billing_ledger (
    ledger_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    user_id uuid NOT NULL,
    wallet_id uuid NOT NULL,
    entry_type public.ledger_entry_type NOT NULL,
    amount_usd numeric(18,8) NOT NULL,
    balance_before numeric(18,8) NOT NULL,
    balance_after numeric(18,8) NOT NULL,
    profit_amount numeric(18,8),
    hwm_before numeric(18,8),
    hwm_after numeric(18,8),
    fee_percentage numeric(5,2),
    reference_id uuid,
    description text,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by uuid,
    CONSTRAINT amount_is_positive CHECK ((amount_usd > (0)::numeric)),
    CONSTRAINT balances_agree_with_entry_type CHECK (
CASE
    WHEN (entry_type = ANY (ARRAY['DEPOSIT'::public.ledger_entry_type, 'REFUND'::public.ledger_entry_type])) THEN (balance_after = (balance_before + amount_usd))
    WHEN (entry_type = ANY (ARRAY['WITHDRAWAL'::public.ledger_entry_type, 'FEE_PERFORMANCE'::public.ledger_entry_type, 'FEE_SUBSCRIPTION'::public.ledger_entry_type])) THEN (balance_after = (balance_before - amount_usd))
    ELSE (abs((balance_after - balance_before)) = amount_usd)
END)
);

CREATE TABLE public.license_renewal_history (
    renewal_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    attempted_at timestamp with time zone DEFAULT now() NOT NULL,
    subscription_id uuid NOT NULL,
    user_id uuid,
    renewal_type character varying(20) NOT NULL,
    amount_usd numeric(10,2) NOT NULL,
    previous_expiry timestamp with time zone,
    new_expiry timestamp with time zone,
    payment_method_id uuid,
    payment_provider character varying(50),
    payment_transaction_id character varying(255),
    status character varying(20) NOT NULL,
    failure_reason text,
    metadata jsonb,
    CONSTRAINT amount_not_negative CHECK ((amount_usd >= (0)::numeric)),
    CONSTRAINT renewal_type_is_known CHECK (((renewal_type)::text = ANY ((ARRAY['auto'::character varying, 'manual'::character varying])::text[]))),
    CONSTRAINT status_is_known CHECK (((status)::text = ANY ((ARRAY['success'::character varying, 'failed'::character varying, 'pending'::character varying])::text[])))
);

CREATE VIEW public.booked_payments AS
 SELECT h.subscription_id,
    h.attempted_at AS paid_at,
    r.renewal_id,
    r.paid_with,
    (r.amount_usd + r.debts_usd) AS amount_usd,
    (r.paid_with <> ALL (ARRAY['nothing'::text, 'deferred'::text])) AS is_paid
   FROM ((public.license_renewal_history h
     LEFT JOIN public.renewal_attempts a ON ((a.attempt_id = h.renewal_id)))
     JOIN public.renewals r ON ((r.renewal_id = COALESCE(a.renewal_id, h.renewal_id))))
  WHERE (((h.status)::text = 'success'::text) AND (r.status = 'applied'::text));

CREATE TABLE public.close_only_periods (
    subscription_id uuid NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    alert_id uuid,
    last_refused_at timestamp with time zone
);

CREATE TABLE public.license_health (
    subscription_id uuid NOT NULL,
    score smallint,
    status text,
    contributions jsonb DEFAULT '[]'::jsonb NOT NULL,
    is_silent boolean DEFAULT false NOT NULL,
    scored_at timestamp with time zone,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    marks bigint DEFAULT 0 NOT NULL,
    platform_facts bigint,
    CONSTRAINT score_from_0_to_100 CHECK (((score >= 0) AND (score <= 100))),
    CONSTRAINT scored_says_when CHECK ((((score IS NULL) = (scored_at IS NULL)) AND ((score IS NULL) = (status IS NULL))))
)
WITH (fillfactor='80');

CREATE TABLE public.license_suspensions (
    suspension_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscription_id uuid NOT NULL,
    cause text NOT NULL,
    reason text NOT NULL,
    device_key text,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    alert_id uuid,
    previous_state public.subscription_state NOT NULL,
    previous_paused_reason text,
    previous_paused_at timestamp with time zone,
    token_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    suspended_at timestamp with time zone DEFAULT now() NOT NULL,
    suspended_by uuid,
    closed_at timestamp with time zone,
    closed_by uuid,
    closed_how text,
    CONSTRAINT cause_known CHECK ((cause = ANY (ARRAY['DEVICE_LIMIT'::text, 'DETECTOR'::text, 'EXPIRY'::text, 'OPERATOR'::text, 'DISPUTE'::text, 'FRAUD'::text]))),
    CONSTRAINT closed_how_known CHECK ((closed_how = ANY (ARRAY['REINSTATED'::text, 'RUNBOOK'::text, 'OWNER'::text, 'RENEWED'::text, 'FALSE_POSITIVE'::text]))),
    CONSTRAINT closed_says_how CHECK (((closed_at IS NULL) = (closed_how IS NULL))),
    CONSTRAINT open_has_no_closer CHECK (((closed_at IS NOT NULL) OR (closed_by IS NULL)))
);

CREATE TABLE public.suspicious_activity_alerts (
    alert_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    detected_at timestamp with time zone DEFAULT now() NOT NULL,
    subscription_id uuid,
    user_id uuid,
    token_hash character varying(255),
    activity_type character varying(50) NOT NULL,
    severity character varying(20) NOT NULL,
    description text,
    evidence jsonb,
    status character varying(20) DEFAULT 'OPEN'::character varying NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by uuid,
    resolution_notes text,
    auto_action_taken character varying(50) DEFAULT 'NONE'::character varying NOT NULL,
    incident text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    operators_told_at timestamp with time zone,
    appealed_at timestamp with time zone,
    customer_confirmed_at timestamp with time zone,
    confirmed_from_known boolean DEFAULT false NOT NULL,
    measure text GENERATED ALWAYS AS (
CASE
    WHEN (((auto_action_taken)::text <> 'SUSPENDED'::text) AND ((evidence ->> 'measure'::text) = ANY (ARRAY['NOTIFIED'::text, 'ASKED'::text, 'REFUSED'::text]))) THEN (evidence ->> 'measure'::text)
    ELSE (auto_action_taken)::text
END) STORED NOT NULL,
    asked_at timestamp with time zone,
    customer_denied_at timestamp with time zone,
    escalated_at timestamp with time zone,
    CONSTRAINT auto_action_is_known CHECK (((auto_action_taken)::text = ANY ((ARRAY['SUSPENDED'::character varying, 'NOTIFIED'::character varying, 'NONE'::character varying])::text[]))),
    CONSTRAINT severity_is_known CHECK (((severity)::text = ANY ((ARRAY['LOW'::character varying, 'MEDIUM'::character varying, 'HIGH'::character varying, 'CRITICAL'::character varying])::text[]))),
    CONSTRAINT status_is_known CHECK (((status)::text = ANY ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying, 'RESOLVED'::character varying, 'FALSE_POSITIVE'::character varying])::text[])))
);

CREATE VIEW public.counted_gauges AS
 SELECT 'gauge:licenses'::text AS name,
    license_health.status AS label,
    (count(*))::double precision AS value
   FROM public.license_health
  WHERE (license_health.score IS NOT NULL)
  GROUP BY license_health.status
UNION ALL
 SELECT 'gauge:license_health_score_distribution'::text AS name,
    (license_health.score)::text AS label,
    count(*) AS value
   FROM public.license_health
  WHERE (license_health.score IS NOT NULL)
  GROUP BY license_health.score
UNION ALL
 SELECT 'gauge:license_suspensions_open'::text AS name,
    license_suspensions.cause AS label,
    count(*) AS value
   FROM public.license_suspensions
  WHERE (license_suspensions.closed_at IS NULL)
  GROUP BY license_suspensions.cause
UNION ALL
 SELECT 'gauge:suspicious_activity_alerts_open'::text AS name,
    (suspicious_activity_alerts.severity)::text AS label,
    count(*) AS value
   FROM public.suspicious_activity_alerts
  WHERE public.is_alert_open((suspicious_activity_alerts.status)::text)
  GROUP BY suspicious_activity_alerts.severity
UNION ALL
 SELECT 'gauge:suspicious_activity_measures_open'::text AS name,
    suspicious_activity_alerts.measure AS label,
    count(*) AS value
   FROM public.suspicious_activity_alerts
  WHERE public.is_alert_open((suspicious_activity_alerts.status)::text)
  GROUP BY suspicious_activity_alerts.measure;

CREATE TABLE public.customer_languages (
    user_id uuid NOT NULL,
    language text NOT NULL,
    chosen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT language_is_a_code CHECK ((language ~ '^[a-z]{2,3}(-[A-Za-z]{2,4})?$'::text))
);

CREATE TABLE public.customer_notes (
    note_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    user_id uuid NOT NULL,
    text text NOT NULL,
    written_by uuid,
    written_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT note_has_a_text CHECK (((char_length(text) >= 1) AND (char_length(text) <= 4000)))
);

CREATE TABLE public.user_payment_methods (
    payment_method_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    user_id uuid NOT NULL,
    payment_provider character varying(50) NOT NULL,
    provider_customer_id character varying(255),
    provider_payment_id character varying(255) NOT NULL,
    payment_type character varying(50),
    last_four character varying(4),
    brand character varying(50),
    expiry_month integer,
    expiry_year integer,
    is_default boolean DEFAULT false NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    billing_address jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    details_changed_at timestamp with time zone,
    CONSTRAINT expiry_month_from_1_to_12 CHECK (((expiry_month >= 1) AND (expiry_month <= 12))),
    CONSTRAINT payment_provider_is_known CHECK (((payment_provider)::text = ANY ((ARRAY['stripe'::character varying, 'paypal'::character varying])::text[])))
);

CREATE VIEW public.default_cards AS
 SELECT m.user_id,
    m.payment_method_id,
    m.payment_provider,
    m.provider_customer_id,
    m.provider_payment_id,
        CASE
            WHEN ((m.expiry_month >= 1) AND (m.expiry_month <= 12)) THEN m.expiry_month
            ELSE NULL::integer
        END AS expiry_month,
        CASE
            WHEN ((m.expiry_year >= 2000) AND (m.expiry_year <= 8999)) THEN m.expiry_year
            ELSE NULL::integer
        END AS expiry_year,
    public.past_time(m.details_changed_at) AS details_changed_at
   FROM public.user_payment_methods m
  WHERE (m.is_default AND m.is_active);

CREATE TABLE public.dispute_evidence (
    reversal_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    text text NOT NULL,
    requested_by uuid,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'requested'::text NOT NULL,
    next_try_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    code text,
    detail text,
    decided_at timestamp with time zone,
    CONSTRAINT decided_evidence_has_a_time CHECK (((state = 'requested'::text) = (decided_at IS NULL))),
    CONSTRAINT evidence_has_a_length CHECK (((length(text) >= 1) AND (length(text) <= 20000))),
    CONSTRAINT evidence_state_is_known CHECK ((state = ANY (ARRAY['requested'::text, 'sent'::text, 'refused'::text]))),
    CONSTRAINT requested_evidence_has_a_next_try CHECK (((state = 'requested'::text) = (next_try_at IS NOT NULL)))
);

CREATE TABLE public.health_comparison (
    only_row boolean DEFAULT true NOT NULL,
    next_subscription_id uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    CONSTRAINT has_one_row CHECK (only_row)
);

CREATE TABLE public.health_marks (
    mark_id bigint NOT NULL,
    subscription_id uuid NOT NULL
);

ALTER TABLE public.health_marks ALTER COLUMN mark_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.health_marks_mark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.invoice_series (
    series text NOT NULL,
    year integer NOT NULL,
    last_number integer DEFAULT 0 NOT NULL,
    CONSTRAINT last_number_not_negative CHECK ((last_number >= 0))
);

CREATE TABLE public.invoiced_entries (
    ledger_id uuid NOT NULL,
    renewal_id uuid NOT NULL
);

CREATE TABLE public.invoices (
    number text NOT NULL,
    series text NOT NULL,
    year integer NOT NULL,
    sequence integer NOT NULL,
    kind text NOT NULL,
    renewal_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    user_id uuid NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    corrects text,
    seller jsonb NOT NULL,
    buyer jsonb NOT NULL,
    tax_country text NOT NULL,
    tax_percent numeric(5,2) NOT NULL,
    paid_with text NOT NULL,
    lines jsonb NOT NULL,
    net_usd numeric(12,2) NOT NULL,
    tax_usd numeric(12,2) NOT NULL,
    gross_usd numeric(12,2) NOT NULL,
    CONSTRAINT amounts_not_negative CHECK (((gross_usd > (0)::numeric) AND (net_usd >= (0)::numeric) AND (tax_usd >= (0)::numeric))),
    CONSTRAINT credit_note_corrects_an_invoice CHECK (((kind = 'credit_note'::text) = (corrects IS NOT NULL))),
    CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['invoice'::text, 'credit_note'::text]))),
    CONSTRAINT net_and_tax_are_gross CHECK (((net_usd + tax_usd) = gross_usd)),
    CONSTRAINT year_is_of_issue CHECK (((year)::numeric = EXTRACT(year FROM (issued_at AT TIME ZONE 'UTC'::text))))
);

CREATE TABLE public.license_leases (
    lease_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    device_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    revocation_number bigint,
    CONSTRAINT lease_expires_after_issue CHECK ((expires_at > issued_at)),
    CONSTRAINT revocation_has_ended CHECK (((revocation_number IS NULL) OR (ended_at IS NOT NULL)))
);

CREATE SEQUENCE public.lease_revocation_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.lease_revocation_numbers OWNED BY public.license_leases.revocation_number;

CREATE TABLE public.license_appeals (
    appeal_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscription_id uuid NOT NULL,
    suspension_id uuid NOT NULL,
    alert_id uuid,
    message text NOT NULL,
    submitted_at timestamp with time zone DEFAULT now() NOT NULL,
    submitted_by uuid,
    answer text,
    earlier jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT answer_says_something CHECK (((length(btrim(answer)) >= 1) AND (length(btrim(answer)) <= 2000))),
    CONSTRAINT message_says_something CHECK (((length(btrim(message)) >= 1) AND (length(btrim(message)) <= 2000)))
);

CREATE TABLE public.license_changes (
    subscription_id uuid NOT NULL,
    changes bigint DEFAULT 1 NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.license_device_changes (
    change_id bigint NOT NULL,
    subscription_id uuid NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    replaced_device_id uuid NOT NULL,
    admitted_device_id uuid,
    CONSTRAINT a_device_replaces_another CHECK ((replaced_device_id <> admitted_device_id))
);

ALTER TABLE public.license_device_changes ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.license_device_changes_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.license_device_networks (
    device_id uuid NOT NULL,
    network cidr NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT ipv4_whole_ipv6_by_64 CHECK ((masklen((network)::inet) =
CASE family((network)::inet)
    WHEN 4 THEN 32
    ELSE 64
END))
)
WITH (fillfactor='80');

CREATE TABLE public.license_devices (
    device_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    subscription_id uuid NOT NULL,
    device_key text NOT NULL,
    ea_instance_id character varying(100) NOT NULL,
    mt5_account_number bigint NOT NULL,
    ip_address inet NOT NULL,
    name character varying(100),
    slot smallint,
    beyond_limit boolean DEFAULT false NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    lease_id uuid,
    lease_issued_at timestamp with time zone,
    lease_expires_at timestamp with time zone,
    days_seen smallint DEFAULT 1 NOT NULL,
    last_accepted_at timestamp with time zone,
    CONSTRAINT first_seen_before_last CHECK ((first_seen_at <= last_seen_at)),
    CONSTRAINT mt5_account_number_positive CHECK ((mt5_account_number > 0)),
    CONSTRAINT registered_has_one_place CHECK (((removed_at IS NULL) = ((slot IS NOT NULL) <> beyond_limit))),
    CONSTRAINT removed_has_no_place CHECK (((removed_at IS NULL) OR ((slot IS NULL) AND (NOT beyond_limit)))),
    CONSTRAINT slots_count_from_one CHECK ((slot > 0))
)
WITH (fillfactor='80');

CREATE TABLE public.license_event_numbering (
    only_row boolean DEFAULT true NOT NULL,
    last_position bigint DEFAULT 0 NOT NULL,
    CONSTRAINT has_one_row CHECK (only_row)
);

CREATE TABLE public.license_event_sequences (
    subscription_id uuid NOT NULL,
    last_sequence bigint NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.license_events (
    event_id bigint NOT NULL,
    subscription_id uuid NOT NULL,
    type text NOT NULL,
    occurred_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    data jsonb NOT NULL,
    "position" bigint,
    sequence bigint,
    CONSTRAINT both_numbers_or_none CHECK ((("position" IS NULL) = (sequence IS NULL))),
    CONSTRAINT data_is_an_object CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT event_type_is_known CHECK ((type = ANY (ARRAY['license.first_checked'::text, 'license.renewed'::text, 'license.payment_failed'::text, 'license.expiring'::text, 'license.expired'::text, 'license.suspended'::text, 'license.reinstated'::text, 'license.revoked'::text, 'device.added'::text, 'device.removed'::text, 'alert.opened'::text, 'alert.reviewed'::text, 'price.agreed'::text, 'payment.refunded'::text, 'payment.disputed'::text, 'trouble.opened'::text, 'trouble.closed'::text]))),
    CONSTRAINT numbers_count_from_one CHECK ((("position" > 0) AND (sequence > 0)))
);

ALTER TABLE public.license_events ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.license_events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.license_health_days (
    subscription_id uuid NOT NULL,
    day date NOT NULL,
    score smallint NOT NULL,
    previous_score smallint,
    gained jsonb DEFAULT '[]'::jsonb NOT NULL,
    lost jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT score_from_0_to_100 CHECK (((score >= 0) AND (score <= 100)))
);

CREATE TABLE public.license_states (
    subscription_id uuid NOT NULL,
    grace_until timestamp with time zone
);

CREATE TABLE public.license_usage_log (
    log_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    logged_at timestamp with time zone DEFAULT now() NOT NULL,
    token_hash character varying(255) NOT NULL,
    subscription_id uuid NOT NULL,
    ip_address inet,
    ea_instance_id character varying(100),
    mt5_account_number bigint,
    country_code character(2),
    city character varying(100),
    latitude double precision,
    longitude double precision,
    signals_received integer DEFAULT 0 NOT NULL,
    signals_executed integer DEFAULT 0 NOT NULL,
    signals_rejected integer DEFAULT 0 NOT NULL,
    avg_latency_ms integer,
    session_duration_sec integer,
    opened integer,
    closed integer,
    CONSTRAINT durations_not_negative CHECK (((avg_latency_ms >= 0) AND (session_duration_sec >= 0))),
    CONSTRAINT place_is_on_earth CHECK ((((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision)) AND ((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))),
    CONSTRAINT signals_not_negative CHECK (((signals_received >= 0) AND (signals_executed >= 0) AND (signals_rejected >= 0)))
)
PARTITION BY RANGE (logged_at);

CREATE TABLE public.users (
    user_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    email character varying(255) NOT NULL,
    password_hash character varying(255),
    role character varying(20) DEFAULT 'subscriber'::character varying NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    trust_score integer DEFAULT 100 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    last_login_at timestamp with time zone,
    CONSTRAINT email_is_lower_case CHECK (((email)::text = lower((email)::text))),
    CONSTRAINT trust_score_from_0_to_100 CHECK (((trust_score >= 0) AND (trust_score <= 100)))
);

CREATE VIEW public.listed_alerts AS
 SELECT a.alert_id,
    a.subscription_id,
    a.user_id,
    a.activity_type,
    a.severity,
    a.description,
    a.evidence,
    public.shown_time(a.detected_at) AS detected_at,
    public.shown_time(a.updated_at) AS updated_at,
    a.status,
    a.auto_action_taken,
    public.past_time(a.resolved_at) AS resolved_at,
    a.resolved_by,
    a.resolution_notes,
    public.past_time(a.customer_confirmed_at) AS customer_confirmed_at,
    public.past_time(a.appealed_at) AS appealed_at,
        CASE
            WHEN (a.appealed_at IS NOT NULL) THEN COALESCE(( SELECT p.message
               FROM public.license_appeals p
              WHERE (p.alert_id = a.alert_id)
              ORDER BY p.submitted_at DESC
             LIMIT 1), ( SELECT (e.value ->> 'message'::text)
               FROM (public.license_appeals p
                 CROSS JOIN LATERAL jsonb_array_elements(p.earlier) e(value))
              WHERE ((p.subscription_id = a.subscription_id) AND ((e.value ->> 'alert_id'::text) = (a.alert_id)::text))
             LIMIT 1))
            ELSE NULL::text
        END AS appeal,
    COALESCE(public.is_suspended_by_anyone(a.subscription_id), false) AS is_suspended,
    public.can_reinstate(a.subscription_id) AS can_reinstate,
    a.measure,
    a.asked_at,
    public.past_time(a.customer_denied_at) AS customer_denied_at,
    a.confirmed_from_known,
    a.escalated_at,
    public.customer_answer(a.asked_at, a.customer_confirmed_at, a.customer_denied_at) AS customer_answer,
    ( SELECT u.email
           FROM public.users u
          WHERE (u.user_id = a.user_id)) AS owner_email,
    (((a.status)::text = 'OPEN'::text) AND (EXISTS ( SELECT
           FROM public.audit_log l
          WHERE ((l.subject = (a.alert_id)::text) AND (l.action = 'alert.reopened'::text))))) AS is_reopened,
    ( SELECT s.closed_how
           FROM public.license_suspensions s
          WHERE ((s.subscription_id = a.subscription_id) AND ((s.alert_id = a.alert_id) OR (EXISTS ( SELECT
                   FROM public.license_appeals p
                  WHERE ((p.suspension_id = s.suspension_id) AND (p.alert_id = a.alert_id))))))
          ORDER BY s.suspended_at DESC
         LIMIT 1) AS suspension_ended,
    (EXISTS ( SELECT
           FROM (public.license_devices d
             JOIN public.audit_log l ON (((l.action = 'device.kept'::text) AND (l.subject = (d.device_id)::text))))
          WHERE ((d.subscription_id = a.subscription_id) AND (d.device_key = (a.evidence ->> 'device_key'::text)) AND (l.occurred_at >= a.detected_at)))) AS is_device_kept,
    ((a.appealed_at IS NOT NULL) AND (EXISTS ( SELECT
           FROM (public.license_appeals p
             JOIN public.license_suspensions s ON ((s.suspension_id = p.suspension_id)))
          WHERE ((p.alert_id = a.alert_id) AND (s.closed_at IS NULL))))) AS has_open_appeal,
        CASE
            WHEN ((a.status)::text <> ALL ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[])) THEN 0
            WHEN (a.appealed_at IS NOT NULL) THEN 7
            WHEN (a.customer_denied_at IS NOT NULL) THEN 6
            WHEN (a.measure = 'SUSPENDED'::text) THEN 5
            WHEN ((a.severity)::text = 'CRITICAL'::text) THEN 4
            WHEN ((a.severity)::text = 'HIGH'::text) THEN 3
            WHEN ((a.severity)::text = 'MEDIUM'::text) THEN 2
            ELSE 1
        END AS queue_rank
   FROM public.suspicious_activity_alerts a;

CREATE VIEW public.v_license_health AS
 SELECT facts.subscription_id,
    facts.subscriber_id,
    facts.email,
    facts.is_active,
    facts.expires_at,
    facts.status,
    facts.days_until_expiry,
    facts.device_count,
    facts.last_used_at,
    facts.hours_since_use,
    facts.open_alerts,
    COALESCE((stored.score)::integer, (((
        CASE
            WHEN (facts.status = ANY (ARRAY['ACTIVE'::text, 'PENDING_RENEWAL'::text])) THEN 40
            ELSE 0
        END +
        CASE
            WHEN (facts.last_used_at > (now() - '24:00:00'::interval)) THEN 20
            ELSE 0
        END) +
        CASE
            WHEN (facts.device_count <= 2) THEN 20
            ELSE 0
        END) +
        CASE
            WHEN (facts.open_alerts = 0) THEN 20
            ELSE 0
        END)) AS health_score
   FROM (( SELECT s.subscription_id,
            s.subscriber_id,
            p.email,
            t.is_active,
            t.expires_at,
            public.license_status(public.license_code((t.is_active IS TRUE), t.revoked_reason, t.expires_at, NULL::timestamp with time zone, public.subscription_state_of(s.state), public.is_subscription_active(s.is_active), s.paused_reason, o.only_for_expiry, o.took_token, o.stands, '00:00:00'::interval), t.expires_at) AS status,
            (floor((EXTRACT(epoch FROM (t.expires_at - now())) / (86400)::numeric)))::integer AS days_until_expiry,
            public.recent_device_count(s.subscription_id) AS device_count,
            u.last_used_at,
            round((EXTRACT(epoch FROM (now() - u.last_used_at)) / (3600)::numeric), 1) AS hours_since_use,
            ( SELECT (count(*))::integer AS count
                   FROM public.suspicious_activity_alerts a
                  WHERE ((a.subscription_id = s.subscription_id) AND public.is_alert_open((a.status)::text) AND ((a.activity_type)::text <> 'APPEAL'::text))) AS open_alerts
           FROM ((((public.subscriptions s
             JOIN LATERAL ( SELECT c.token_id,
                    c.is_active,
                    c.revoked_reason,
                    c.expires_at,
                    c.last_used_at
                   FROM public.v_current_license_tokens c
                  WHERE (c.subscription_id = s.subscription_id)
                 LIMIT 1) t ON (true))
             JOIN public.users p ON ((p.user_id = s.subscriber_id)))
             CROSS JOIN LATERAL ( SELECT GREATEST(t.last_used_at, public.past_time(public.recent_use_at(s.subscription_id))) AS last_used_at) u)
             CROSS JOIN LATERAL public.open_suspension_facts(s.subscription_id, t.token_id, NULL::text, public.subscription_state_of(s.state), s.paused_reason) o(only_for_expiry, reason, took_token, stands, caused_by_device))) facts
     LEFT JOIN public.license_health stored USING (subscription_id));

CREATE VIEW public.listed_licenses AS
 SELECT h.subscription_id,
    h.subscriber_id,
    h.email,
    ( SELECT split_part((m.email)::text, '@'::text, 1) AS split_part
           FROM (public.subscriptions s
             JOIN public.users m ON ((m.user_id = s.master_id)))
          WHERE (s.subscription_id = h.subscription_id)) AS master,
    h.health_score,
    h.days_until_expiry,
    h.expires_at,
    ( SELECT public.is_auto_renewed(c.metadata) AS is_auto_renewed
           FROM public.v_current_license_tokens c
          WHERE (c.subscription_id = h.subscription_id)) AS auto_renew,
    h.last_used_at,
    ( SELECT (count(*))::integer AS count
           FROM public.license_devices d
          WHERE ((d.subscription_id = h.subscription_id) AND (d.removed_at IS NULL))) AS device_count,
    h.open_alerts,
    public.can_reinstate(h.subscription_id) AS can_reinstate,
    public.is_suspended_by_anyone(h.subscription_id) AS is_suspended
   FROM public.v_license_health h;

CREATE TABLE public.master_price_changes (
    master_id uuid NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    monthly_fee_usd numeric NOT NULL
);

CREATE TABLE public.metric_counters (
    name text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    value double precision NOT NULL
);

COMMENT ON TABLE public.metric_counters IS 'Counters only rise. The gauges, whose names begin with "gauge:", also fall. RetainData corrects them by the view counted_gauges.';

CREATE TABLE public.metric_days (
    day date NOT NULL,
    name text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    value double precision NOT NULL,
    CONSTRAINT count_not_negative CHECK ((value >= (0)::double precision))
);

CREATE TABLE public.metric_increments (
    increment_id bigint NOT NULL,
    name text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    amount double precision NOT NULL,
    CONSTRAINT increment_changes_something CHECK ((amount <> (0)::double precision))
);

ALTER TABLE public.metric_increments ALTER COLUMN increment_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.metric_increments_increment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payment_cases (
    case_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    provider text NOT NULL,
    reason text NOT NULL,
    subject text NOT NULL,
    renewal_id uuid,
    subscription_id uuid,
    user_id uuid,
    transaction_id text,
    amount_minor bigint,
    currency text,
    detail text NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    decision text,
    decided_at timestamp with time zone,
    decided_by uuid,
    decided_why text,
    operators_told_at timestamp with time zone,
    CONSTRAINT decided_has_a_time CHECK (((decision IS NULL) = (decided_at IS NULL))),
    CONSTRAINT decision_is_known CHECK ((decision = ANY (ARRAY['credited'::text, 'dismissed'::text, 'applied'::text, 'refunded'::text, 'answered'::text])))
);

CREATE TABLE public.payment_reversals (
    reversal_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    provider text NOT NULL,
    kind text NOT NULL,
    provider_id text NOT NULL,
    state text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    intent_id text,
    charge_id text,
    reason text,
    evidence_due_at timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    renewal_id uuid,
    subscription_id uuid,
    applied_state text,
    applied_at timestamp with time zone,
    operators_told_at timestamp with time zone,
    opened_at timestamp with time zone,
    CONSTRAINT amount_not_negative CHECK ((amount_minor >= 0)),
    CONSTRAINT applied_to_a_renewal CHECK ((((applied_at IS NULL) = (applied_state IS NULL)) AND ((applied_at IS NULL) OR (renewal_id IS NOT NULL)))),
    CONSTRAINT belongs_to_a_license CHECK (((renewal_id IS NULL) = (subscription_id IS NULL))),
    CONSTRAINT state_belongs_to_kind CHECK (
CASE kind
    WHEN 'dispute'::text THEN (state = ANY (ARRAY['open'::text, 'lost'::text, 'won'::text]))
    WHEN 'refund'::text THEN (state = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text]))
    ELSE ((kind = 'refund_total'::text) AND (state = 'succeeded'::text))
END)
);

CREATE TABLE public.user_wallets (
    wallet_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    user_id uuid NOT NULL,
    balance_usd numeric(18,8) DEFAULT 0 NOT NULL,
    reserved_usd numeric(18,8) DEFAULT 0 NOT NULL,
    lifetime_deposits numeric(18,8) DEFAULT 0 NOT NULL,
    lifetime_fees numeric(18,8) DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT balance_not_negative CHECK ((balance_usd >= (0)::numeric)),
    CONSTRAINT reserved_not_negative CHECK ((reserved_usd >= (0)::numeric))
);

CREATE VIEW public.renewal_terms AS
 SELECT s.subscription_id,
    s.subscriber_id,
    t.expires_at,
    t.is_active,
    public.is_auto_renewed(t.metadata) AS auto_renew,
    public.is_license_renewable(s.is_active, e.state, t.is_active, suspended_for_expiry => e.is_suspended_for_expiry, suspended_otherwise => (o.only_for_expiry IS FALSE)) AS is_renewable,
    p.monthly_fee_usd AS price_usd,
    COALESCE(( SELECT l.amount_usd
           FROM ( SELECT renewals.status,
                    renewals.amount_usd,
                    renewals.paid_from,
                    renewals.paid_until,
                    renewals.period_start,
                    renewals.repeat_number
                   FROM public.renewals
                  WHERE (renewals.subscription_id = s.subscription_id)
                 OFFSET 0) l
          WHERE (l.status = 'applied'::text)
          ORDER BY (l.paid_until > l.paid_from) DESC, l.paid_from DESC, l.period_start DESC, l.repeat_number DESC
         LIMIT 1), public.price_at_subscribing(s.master_id, s.created_at)) AS last_paid_usd,
    public.available_usd(w.balance_usd, w.reserved_usd) AS wallet_usd,
    m.payment_method_id,
    m.payment_provider,
    m.provider_customer_id,
    m.provider_payment_id,
    m.expiry_month,
    m.expiry_year,
    m.details_changed_at,
    public.renewal_block(( SELECT u.is_active
           FROM public.users u
          WHERE (u.user_id = s.subscriber_id)), ( SELECT u.is_active
           FROM public.users u
          WHERE (u.user_id = s.master_id)), s.is_active, e.state, t.is_active, suspended_for_expiry => e.is_suspended_for_expiry, suspended_otherwise => (o.only_for_expiry IS FALSE)) AS renewal_block,
    ((EXISTS ( SELECT
           FROM public.payment_reversals d
          WHERE ((d.subscription_id = s.subscription_id) AND (d.kind = 'dispute'::text) AND (d.state = 'open'::text)))) OR (EXISTS ( SELECT
           FROM (public.payment_reversals d
             JOIN public.renewals r ON ((r.renewal_id = d.renewal_id)))
          WHERE ((d.subscription_id = s.subscription_id) AND (d.applied_state IS DISTINCT FROM d.state) AND (d.currency = 'usd'::text) AND (d.provider <> 'wallet'::text) AND (r.status = 'applied'::text) AND (r.paid_with = 'card'::text))))) AS is_disputed,
    (t.subscription_id IS NULL) AS is_gone,
    ( SELECT COALESCE(sum(d.amount_usd), (0)::numeric) AS "coalesce"
           FROM public.renewals d
          WHERE ((d.subscription_id = s.subscription_id) AND (d.paid_with = 'deferred'::text) AND (d.settled_by IS NULL))) AS debt_usd
   FROM ((((((public.subscriptions s
     LEFT JOIN LATERAL ( SELECT c.token_id,
            c.subscription_id,
            c.token_hash,
            c.ea_instance_id,
            c.last_used_at,
            c.ip_address,
            c.is_active,
            c.expires_at,
            c.created_at,
            c.revoked_at,
            c.revoked_reason,
            c.metadata
           FROM public.v_current_license_tokens c
          WHERE (c.subscription_id = s.subscription_id)
         LIMIT 1) t ON (true))
     CROSS JOIN LATERAL public.open_suspension_facts(s.subscription_id, NULL::uuid, NULL::text, s.state, s.paused_reason) o(only_for_expiry, reason, took_token, stands, caused_by_device))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (o.only_for_expiry AND o.stands) THEN public.state_before_suspension(s.subscription_id)
                    ELSE s.state
                END AS state,
                CASE
                    WHEN (o.only_for_expiry IS NULL) THEN public.is_expired_by_platform(s.state, s.paused_reason, t.is_active, t.revoked_reason)
                    WHEN o.stands THEN (o.only_for_expiry AND (NOT public.was_suspended_before_suspension(s.subscription_id)))
                    ELSE (o.only_for_expiry AND (public.subscription_state_of(s.state) <> 'SUSPENDED_ADMIN'::public.subscription_state))
                END AS is_suspended_for_expiry) e)
     LEFT JOIN public.active_prices p ON ((p.master_id = s.master_id)))
     LEFT JOIN public.user_wallets w ON ((w.user_id = s.subscriber_id)))
     LEFT JOIN public.default_cards m ON ((m.user_id = s.subscriber_id)));

CREATE VIEW public.unbooked_charges AS
 SELECT c.subscription_id
   FROM public.payment_cases c
  WHERE ((c.reason = ANY (ARRAY['unknown_renewal'::text, 'not_booked'::text])) AND (c.decided_at IS NULL));

CREATE VIEW public.next_renewals AS
 SELECT t.subscription_id,
    t.subscriber_id AS user_id,
    ( SELECT u.email
           FROM public.users u
          WHERE (u.user_id = t.subscriber_id)) AS email,
    t.expires_at,
    t.is_active,
    t.auto_renew,
    t.is_renewable,
    t.price_usd,
    t.last_paid_usd,
    t.wallet_usd,
    t.payment_method_id,
    t.payment_provider,
    t.provider_customer_id,
    t.provider_payment_id,
    t.expiry_month,
    t.expiry_year,
    t.details_changed_at,
    r.status,
    r.amount_usd,
    COALESCE(r.price_accepted, false) AS price_accepted,
    ( SELECT a.code
           FROM public.renewal_attempts a
          WHERE ((a.renewal_id = r.renewal_id) AND (a.payment_method_id = t.payment_method_id) AND ((t.details_changed_at IS NULL) OR (t.details_changed_at <= a.first_sent_at)))
          ORDER BY a.number DESC
         LIMIT 1) AS last_decline,
    t.renewal_block,
    COALESCE(public.is_price_frozen(r.status, r.intent_id), false) AS is_price_frozen,
    (EXISTS ( SELECT
           FROM public.renewals p
          WHERE ((p.subscription_id = t.subscription_id) AND (p.period_start = t.expires_at) AND (p.status = 'applied'::text)))) AS was_paid,
    ( SELECT f.last_four
           FROM public.user_payment_methods f
          WHERE (f.payment_method_id = t.payment_method_id)) AS last_four,
    t.is_disputed,
    COALESCE(r.debts_usd, (0)::numeric) AS debts_usd,
    t.debt_usd,
    (EXISTS ( SELECT
           FROM public.unbooked_charges c
          WHERE (c.subscription_id = t.subscription_id))) AS has_unbooked_charge,
    r.next_action_at,
    r.gives_up_at,
    r.renewal_type,
    COALESCE(r.is_refunded, false) AS is_refunded
   FROM (public.renewal_terms t
     LEFT JOIN public.renewals r ON (((r.subscription_id = t.subscription_id) AND (r.period_start = t.expires_at) AND (r.status <> 'applied'::text))));

CREATE TABLE public.outbox (
    outbox_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    kind text NOT NULL,
    dedup_key text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    dead_at timestamp with time zone,
    last_error text,
    CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['email'::text, 'alert_webhook'::text, 'event'::text]))),
    CONSTRAINT sent_or_dead_not_both CHECK (((sent_at IS NULL) OR (dead_at IS NULL)))
);

CREATE TABLE public.payment_comparisons (
    provider text NOT NULL,
    day date NOT NULL,
    compared_at timestamp with time zone NOT NULL,
    differences integer NOT NULL,
    CONSTRAINT differences_not_negative CHECK ((differences >= 0))
);

CREATE TABLE public.payment_customers (
    user_id uuid NOT NULL,
    payment_provider character varying(50) NOT NULL,
    provider_customer_id character varying(255) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.payment_event_reads (
    provider text NOT NULL,
    read_until timestamp with time zone,
    held_since timestamp with time zone,
    asked_at timestamp with time zone,
    asked_every interval,
    missed_until timestamp with time zone
);

COMMENT ON COLUMN public.payment_event_reads.held_since IS 'not used any more';

CREATE TABLE public.payment_events (
    provider text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    body jsonb
);

CREATE TABLE public.payment_preferences (
    user_id uuid NOT NULL,
    tries_next_method boolean NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.recurring_revenue_days (
    day date NOT NULL,
    licenses bigint NOT NULL,
    amount_usd numeric NOT NULL,
    counted_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.refunds (
    refund_id uuid NOT NULL,
    renewal_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    provider text NOT NULL,
    intent_id text,
    amount_minor bigint NOT NULL,
    period text NOT NULL,
    reason text NOT NULL,
    requested_by uuid,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'requested'::text NOT NULL,
    next_try_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    key_number integer DEFAULT 1 NOT NULL,
    key_used_at timestamp with time zone,
    provider_id text,
    code text,
    detail text,
    decided_at timestamp with time zone,
    CONSTRAINT decided_refund_has_a_time CHECK (((state = 'requested'::text) = (decided_at IS NULL))),
    CONSTRAINT made_refund_has_an_id CHECK (((state = 'made'::text) = (provider_id IS NOT NULL))),
    CONSTRAINT refund_period_is_known CHECK ((period = ANY (ARRAY['keep'::text, 'shorten'::text, 'end'::text]))),
    CONSTRAINT refund_state_is_known CHECK ((state = ANY (ARRAY['requested'::text, 'made'::text, 'refused'::text]))),
    CONSTRAINT refunded_amount_positive CHECK ((amount_minor > 0)),
    CONSTRAINT requested_refund_has_a_next_try CHECK (((state = 'requested'::text) = (next_try_at IS NOT NULL)))
);

CREATE TABLE public.refused_devices (
    alert_id uuid NOT NULL,
    is_last boolean NOT NULL,
    subscription_id uuid NOT NULL,
    detected_at timestamp with time zone NOT NULL,
    ea_instance_id text,
    mt5_account_number bigint,
    network cidr,
    CONSTRAINT names_a_device CHECK ((num_nonnulls(ea_instance_id, mt5_account_number, network) > 0))
);

CREATE VIEW public.renewal_facts AS
 SELECT r.renewal_id,
    r.subscription_id,
    r.user_id,
    r.period_start,
    r.renewal_type,
    r.status,
    r.amount_usd,
    r.price_accepted,
    r.intent_id,
    r.soft_declines,
    r.lookups,
    r.unknown_since,
    r.gives_up_at,
    r.next_action_at,
    r.paid_with,
    r.paid_from,
    r.paid_until,
    r.fence,
    a.attempt_id,
    a.number AS attempt_number,
    a.provider AS attempt_provider,
    a.payment_method_id AS attempt_payment_method_id,
    a.request,
    a.first_sent_at,
    a.opens_intent,
    a.status AS attempt_status,
    a.code AS attempt_code,
    a.transaction_id,
    t.expires_at,
    t.auto_renew,
    t.is_renewable,
    t.price_usd,
    t.last_paid_usd,
    t.wallet_usd,
    t.payment_method_id,
    t.payment_provider,
    t.provider_customer_id,
    t.provider_payment_id,
    t.expiry_month,
    t.expiry_year,
    t.details_changed_at,
    t.renewal_block,
    r.lapsed_blocked,
    ((EXISTS ( SELECT
           FROM public.renewals o
          WHERE ((o.subscription_id = r.subscription_id) AND (o.renewal_id <> r.renewal_id) AND (public.is_awaiting_provider(o.status) OR (public.has_intent_left(o.status, o.intent_id) AND (o.period_start IS DISTINCT FROM t.expires_at)))))) OR charged.elsewhere) AS is_another_awaited,
    ( SELECT f.last_four
           FROM public.user_payment_methods f
          WHERE (f.payment_method_id = t.payment_method_id)) AS last_four,
    t.is_disputed,
    t.is_gone,
    r.debts_usd,
    t.debt_usd,
    ARRAY( SELECT h.first_sent_at
           FROM public.renewal_attempts h
          WHERE (h.renewal_id = r.renewal_id)
          ORDER BY h.number) AS attempts_at,
    ((t.payment_method_id IS NOT NULL) AND (d.declined_at IS NOT NULL)) AS is_card_declined,
        CASE
            WHEN (t.payment_method_id IS NOT NULL) THEN public.next_card(r.renewal_id, r.user_id, d.declined_at)
            ELSE NULL::jsonb
        END AS next_card,
    charged.elsewhere AS has_other_charge,
    r.may_be_paid,
    ( SELECT public.unread_providers() AS unread_providers) AS unread_providers,
    ARRAY( SELECT p.name
           FROM unnest(( SELECT public.overdue_providers() AS overdue_providers)) p(name)
          WHERE ((NOT (EXISTS ( SELECT
                   FROM public.payment_customers c
                  WHERE ((c.user_id = r.user_id) AND ((c.payment_provider)::text = p.name))))) AND (NOT (EXISTS ( SELECT
                   FROM public.user_payment_methods m
                  WHERE ((m.user_id = r.user_id) AND ((m.payment_provider)::text = p.name))))))) AS overdue_providers,
    r.is_refunded
   FROM ((((public.renewals r
     JOIN public.renewal_terms t ON ((t.subscription_id = r.subscription_id)))
     LEFT JOIN LATERAL public.latest_attempt(r.renewal_id) a(attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code, transaction_id, updated_at) ON (true))
     CROSS JOIN LATERAL ( SELECT ((EXISTS ( SELECT
                   FROM public.payment_cases c
                  WHERE ((c.renewal_id = r.renewal_id) AND (c.reason = ANY (ARRAY['paid_twice'::text, 'paid_before'::text])) AND (c.decided_at IS NULL)))) OR (EXISTS ( SELECT
                   FROM public.unbooked_charges c
                  WHERE (c.subscription_id = r.subscription_id)))) AS elsewhere
         OFFSET 0) charged)
     CROSS JOIN LATERAL ( SELECT public.card_declined_at(r.renewal_id, t.payment_method_id, t.details_changed_at) AS declined_at
         OFFSET 0) d);

CREATE TABLE public.renewal_requests (
    caller_id uuid NOT NULL,
    idempotency_key text NOT NULL,
    subscription_id uuid NOT NULL,
    renewal_id uuid NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT key_is_short CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255)))
);

CREATE TABLE public.renewal_sweeps (
    only_row boolean DEFAULT true NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    CONSTRAINT has_one_row CHECK (only_row)
);

CREATE TABLE public.renewals_to_invoice (
    mark_id bigint NOT NULL,
    renewal_id uuid NOT NULL,
    marked_at timestamp with time zone DEFAULT now() NOT NULL,
    is_payment boolean DEFAULT true NOT NULL
);

COMMENT ON COLUMN public.renewals_to_invoice.marked_at IS 'In the future: the renewal could not be invoiced, and is tried again then.';

ALTER TABLE public.renewals_to_invoice ALTER COLUMN mark_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.renewals_to_invoice_mark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reversal_effects (
    renewal_id uuid NOT NULL,
    share numeric NOT NULL,
    taken interval NOT NULL,
    stopped_auto_renewal boolean NOT NULL,
    refunded_minor bigint NOT NULL,
    charged_back_minor bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    is_switched_since boolean DEFAULT false NOT NULL,
    CONSTRAINT amounts_not_negative CHECK (((refunded_minor >= 0) AND (charged_back_minor >= 0))),
    CONSTRAINT share_is_a_part CHECK (((share >= (0)::numeric) AND (share <= (1)::numeric))),
    CONSTRAINT taken_not_negative CHECK ((taken >= '00:00:00'::interval))
);

CREATE TABLE public.schema_fingerprints (
    only_row boolean DEFAULT true NOT NULL,
    files text NOT NULL,
    definitions text NOT NULL,
    CONSTRAINT schema_fingerprints_only_row_check CHECK (only_row)
);

CREATE TABLE public.schema_migrations (
    name text NOT NULL,
    installed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.shadow_alerts (
    subscription_id uuid NOT NULL,
    incident text NOT NULL,
    policy text NOT NULL,
    activity_type text NOT NULL,
    severity text NOT NULL,
    measure text NOT NULL,
    description text NOT NULL,
    evidence jsonb NOT NULL,
    detected_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT measure_is_known CHECK ((measure = ANY (ARRAY['NONE'::text, 'NOTIFIED'::text, 'ASKED'::text, 'REFUSED'::text, 'SUSPENDED'::text])))
);

CREATE TABLE public.shadow_states (
    subscription_id uuid NOT NULL,
    policy text NOT NULL,
    state jsonb NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW public.shadow_comparison AS
 SELECT s.subscription_id,
    s.policy,
    s.began_at,
    "real".alert_id,
    "real".measure,
    "real".description,
    "real".detected_at,
    shadow.measure AS shadow_measure,
    shadow.severity AS shadow_severity,
    shadow.activity_type AS shadow_activity_type,
    shadow.description AS shadow_description,
    shadow.evidence AS shadow_evidence,
    shadow.detected_at AS shadow_detected_at,
    LEAST("real".detected_at, shadow.detected_at) AS found_at,
        CASE
            WHEN ("real".alert_id IS NULL) THEN 'ONLY_SHADOW'::text
            WHEN (shadow.measure IS NULL) THEN 'ONLY_IN_FORCE'::text
            WHEN (public.measure_rank(shadow.measure) > public.measure_rank("real".measure)) THEN 'STRONGER'::text
            WHEN (public.measure_rank(shadow.measure) < public.measure_rank("real".measure)) THEN 'WEAKER'::text
            ELSE 'SAME'::text
        END AS difference
   FROM (((( SELECT shadow_alerts.subscription_id
           FROM public.shadow_alerts
        UNION
         SELECT suspicious_activity_alerts.subscription_id
           FROM public.suspicious_activity_alerts
          WHERE (public.is_alert_open((suspicious_activity_alerts.status)::text) AND (suspicious_activity_alerts.incident IS NOT NULL))) found
     JOIN public.shadow_states s USING (subscription_id))
     LEFT JOIN LATERAL ( SELECT a.alert_id,
            a.measure,
            a.description,
            public.shown_time(a.detected_at) AS detected_at,
            a.updated_at
           FROM public.suspicious_activity_alerts a
          WHERE ((a.subscription_id = s.subscription_id) AND public.is_alert_open((a.status)::text) AND (a.incident IS NOT NULL))
          ORDER BY (public.measure_rank(a.measure)) DESC, a.updated_at DESC, a.alert_id
         LIMIT 1) "real" ON (true))
     LEFT JOIN LATERAL ( SELECT h.measure,
            h.severity,
            h.activity_type,
            h.description,
            h.evidence,
            h.detected_at
           FROM public.shadow_alerts h
          WHERE ((h.subscription_id = s.subscription_id) AND (h.policy = s.policy))
          ORDER BY (public.measure_rank(h.measure)) DESC, h.updated_at DESC, h.incident
         LIMIT 1) shadow ON (true))
  WHERE ((shadow.measure IS NOT NULL) OR ("real".updated_at >= s.began_at));

CREATE TABLE public.skipped_rows (
    source text NOT NULL,
    row_id uuid NOT NULL,
    reason text NOT NULL,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.suspicion_states (
    subscription_id uuid NOT NULL,
    state jsonb DEFAULT '{}'::jsonb NOT NULL,
    forgiven_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.timer_leases (
    timer_name text NOT NULL,
    holder text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    last_started_at timestamp with time zone,
    last_finished_at timestamp with time zone,
    last_succeeded_at timestamp with time zone,
    last_status text,
    last_counts jsonb,
    last_error text,
    next_due_at timestamp with time zone,
    known_since timestamp with time zone DEFAULT now() NOT NULL,
    fallback_at timestamp with time zone,
    fallback_is_done boolean DEFAULT true NOT NULL,
    fallback_runs bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.token_beginnings (
    token_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    beginning text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT twelve_characters CHECK ((beginning ~ '^lic_[A-Za-z0-9_-]{8}$'::text))
);

CREATE TABLE public.trouble_watch (
    only_row boolean DEFAULT true NOT NULL,
    looked_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT has_one_row CHECK (only_row)
);

CREATE TABLE public.troubles (
    trouble_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    cause text NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL,
    seen_since timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    told_at timestamp with time zone,
    CONSTRAINT cause_is_known CHECK ((cause = ANY (ARRAY['RENEWALS_FAILING'::text, 'TIMER_LATE'::text, 'DEAD_LETTERS'::text, 'DEAD_LETTERS_NOT_DRAINED'::text, 'MAILS_DEAD'::text, 'WEBHOOK_CALLS_DEAD'::text, 'WEBHOOK_DISABLED'::text, 'DISPUTE_UNANSWERED'::text, 'DISPUTE_DUE'::text, 'DISPUTE_MISSED'::text]))),
    CONSTRAINT details_are_an_object CHECK ((jsonb_typeof(details) = 'object'::text)),
    CONSTRAINT told_after_it_was_opened CHECK (((told_at IS NULL) OR (opened_at IS NOT NULL)))
);

CREATE TABLE public.unapplied_events (
    provider text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    tried_at timestamp with time zone DEFAULT now() NOT NULL,
    intent_id text
);

CREATE TABLE public.unsummed_usage (
    batch_id bigint NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    subscription_ids uuid[] NOT NULL,
    logged_ats timestamp with time zone[] NOT NULL,
    log_ids uuid[] NOT NULL,
    CONSTRAINT a_key_for_each_record CHECK (((cardinality(logged_ats) = cardinality(subscription_ids)) AND (cardinality(log_ids) = cardinality(subscription_ids)) AND (cardinality(subscription_ids) > 0)))
);
ALTER TABLE ONLY public.unsummed_usage ALTER COLUMN subscription_ids SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.unsummed_usage ALTER COLUMN logged_ats SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.unsummed_usage ALTER COLUMN log_ids SET STORAGE EXTERNAL;

ALTER TABLE public.unsummed_usage ALTER COLUMN batch_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.unsummed_usage_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.unusable_values AS
 SELECT 'price'::text AS source,
    p.pricing_id AS row_id,
    concat('monthly_fee_usd of the active price is ', p.monthly_fee_usd) AS reason
   FROM public.master_pricing p
  WHERE (p.is_active AND (NOT ((p.monthly_fee_usd >= (0)::numeric) AND (p.monthly_fee_usd <= '1000000000000'::numeric))))
UNION ALL
 SELECT 'wallet'::text AS source,
    w.wallet_id AS row_id,
    concat('balance_usd is ', w.balance_usd, ', reserved_usd is ', w.reserved_usd) AS reason
   FROM public.user_wallets w
  WHERE (NOT (((w.balance_usd >= '-1000000000000'::numeric) AND (w.balance_usd <= '1000000000000'::numeric)) AND ((w.reserved_usd >= '-1000000000000'::numeric) AND (w.reserved_usd <= '1000000000000'::numeric))))
UNION ALL
 SELECT 'card'::text AS source,
    m.payment_method_id AS row_id,
    concat('the expiry is month ', m.expiry_month, ' of ', m.expiry_year) AS reason
   FROM public.user_payment_methods m
  WHERE (m.is_active AND (NOT (((COALESCE(m.expiry_month, 1) >= 1) AND (COALESCE(m.expiry_month, 1) <= 12)) AND ((m.expiry_year >= 2000) AND (m.expiry_year <= 8999)))))
UNION ALL
 SELECT 'token'::text AS source,
    t.token_id AS row_id,
    concat('expires_at is ', t.expires_at) AS reason
   FROM public.license_tokens t
  WHERE (t.is_active AND ((t.expires_at < '1970-01-01 00:00:00+00'::timestamp with time zone) OR ((t.expires_at >= '9000-01-01 00:00:00+00'::timestamp with time zone) AND (t.expires_at < 'infinity'::timestamp with time zone))));

CREATE TABLE public.usage_arrivals (
    arrival_id bigint NOT NULL,
    arrived_at timestamp with time zone DEFAULT now() NOT NULL,
    subscription_ids uuid[] NOT NULL,
    earliest_at timestamp with time zone[] NOT NULL,
    latest_at timestamp with time zone[] NOT NULL,
    CONSTRAINT a_span_for_each_licence CHECK (((cardinality(earliest_at) = cardinality(subscription_ids)) AND (cardinality(latest_at) = cardinality(subscription_ids)) AND (cardinality(subscription_ids) > 0)))
);
ALTER TABLE ONLY public.usage_arrivals ALTER COLUMN subscription_ids SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.usage_arrivals ALTER COLUMN earliest_at SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.usage_arrivals ALTER COLUMN latest_at SET STORAGE EXTERNAL;

ALTER TABLE public.usage_arrivals ALTER COLUMN arrival_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.usage_arrivals_arrival_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.usage_backlog AS
 SELECT (( SELECT count(*) AS count
           FROM public.usage_arrivals) + ( SELECT count(*) AS count
           FROM public.unsummed_usage)) AS batches,
    LEAST(( SELECT usage_arrivals.arrived_at
           FROM public.usage_arrivals
          ORDER BY usage_arrivals.arrival_id
         LIMIT 1), ( SELECT unsummed_usage.stored_at
           FROM public.unsummed_usage
          ORDER BY unsummed_usage.batch_id
         LIMIT 1)) AS oldest_at;

CREATE TABLE public.usage_quarantine (
    quarantine_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    quarantined_at timestamp with time zone DEFAULT now() NOT NULL,
    source text NOT NULL,
    code text NOT NULL,
    field text,
    detail text NOT NULL,
    payload text NOT NULL,
    payload_digest bytea NOT NULL,
    state text DEFAULT 'OPEN'::text NOT NULL,
    closed_at timestamp with time zone,
    closed_by uuid,
    payload_bytes bytea,
    CONSTRAINT closed_says_when CHECK (((state = 'OPEN'::text) = (closed_at IS NULL))),
    CONSTRAINT digest_is_sha256 CHECK ((octet_length(payload_digest) = 32)),
    CONSTRAINT quarantine_state_is_known CHECK ((state = ANY (ARRAY['OPEN'::text, 'REPLAYED'::text, 'DISCARDED'::text]))),
    CONSTRAINT source_is_known CHECK ((source = ANY (ARRAY['queue'::text, 'dead_letter'::text, 'http'::text, 'replay'::text, 'sql'::text])))
);
ALTER TABLE ONLY public.usage_quarantine ALTER COLUMN payload_bytes SET STORAGE EXTERNAL;

CREATE TABLE public.usage_rollups (
    subscription_id uuid NOT NULL,
    hour_at timestamp with time zone NOT NULL,
    ea_instance_id character varying(100) NOT NULL,
    mt5_account_number bigint NOT NULL,
    network cidr NOT NULL,
    country_code character(2) NOT NULL,
    sessions bigint NOT NULL,
    session_sec bigint NOT NULL,
    signals_received bigint NOT NULL,
    signals_executed bigint NOT NULL,
    signals_rejected bigint NOT NULL,
    latency_weighted bigint NOT NULL,
    latency_signals bigint NOT NULL,
    CONSTRAINT hour_is_whole CHECK ((hour_at = date_bin('01:00:00'::interval, hour_at, '2000-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT network_is_no_address CHECK ((masklen((network)::inet) = ANY (ARRAY[0, 24, 48])))
)
WITH (fillfactor='70');

CREATE VIEW public.usage_sums AS
 SELECT usage_rollups.subscription_id,
    usage_rollups.hour_at,
    usage_rollups.ea_instance_id,
    usage_rollups.mt5_account_number,
    usage_rollups.network,
    usage_rollups.country_code,
    usage_rollups.sessions,
    usage_rollups.session_sec,
    usage_rollups.signals_received,
    usage_rollups.signals_executed,
    usage_rollups.signals_rejected,
    usage_rollups.latency_weighted,
    usage_rollups.latency_signals
   FROM public.usage_rollups
UNION ALL
 SELECT l.subscription_id,
    date_bin('01:00:00'::interval, l.logged_at, '2000-01-01 00:00:00+00'::timestamp with time zone) AS hour_at,
    COALESCE(l.ea_instance_id, ''::character varying) AS ea_instance_id,
    COALESCE(l.mt5_account_number, (0)::bigint) AS mt5_account_number,
    public.usage_network(l.ip_address) AS network,
    COALESCE(l.country_code, 'ZZ'::bpchar) AS country_code,
    1 AS sessions,
    COALESCE(l.session_duration_sec, 0) AS session_sec,
    l.signals_received,
    l.signals_executed,
    l.signals_rejected,
    COALESCE(((l.avg_latency_ms)::bigint * l.signals_received), (0)::bigint) AS latency_weighted,
        CASE
            WHEN (l.avg_latency_ms IS NULL) THEN 0
            ELSE l.signals_received
        END AS latency_signals
   FROM public.unsummed_usage u,
    LATERAL UNNEST(u.subscription_ids, u.logged_ats, u.log_ids) key(subscription_id, logged_at, log_id),
    public.license_usage_log l
  WHERE ((l.subscription_id = key.subscription_id) AND (l.logged_at = key.logged_at) AND (l.log_id = key.log_id));

CREATE VIEW public.v_license_usage_24h AS
 SELECT license_usage_log.subscription_id,
    (count(DISTINCT license_usage_log.ip_address))::integer AS unique_ips,
    (count(DISTINCT ROW(license_usage_log.ea_instance_id, license_usage_log.mt5_account_number)))::integer AS unique_devices,
    sum(license_usage_log.signals_received) AS total_signals_received,
    sum(license_usage_log.signals_executed) AS total_signals_executed,
    sum(license_usage_log.signals_rejected) AS total_signals_rejected,
    round(avg(license_usage_log.avg_latency_ms), 2) AS avg_latency_ms,
    max(license_usage_log.logged_at) AS last_activity
   FROM public.license_usage_log
  WHERE (license_usage_log.logged_at > (now() - '24:00:00'::interval))
  GROUP BY license_usage_log.subscription_id;

CREATE VIEW public.v_renewal_candidates AS
 SELECT s.subscription_id,
    s.subscriber_id,
    u.email,
    t.expires_at,
    (floor((EXTRACT(epoch FROM (t.expires_at - now())) / (86400)::numeric)))::integer AS days_until_expiry,
    (p.monthly_fee_usd)::numeric AS renewal_fee,
    COALESCE(public.amount_of(w.balance_usd), (0)::numeric) AS wallet_balance,
    COALESCE((public.available_usd(w.balance_usd, w.reserved_usd) >= p.monthly_fee_usd), false) AS has_sufficient_balance,
    m.payment_method_id AS default_payment_method,
    public.is_auto_renewed(t.metadata) AS auto_renew_enabled
   FROM (((((public.subscriptions s
     JOIN public.v_current_license_tokens t ON ((t.subscription_id = s.subscription_id)))
     JOIN public.users u ON ((u.user_id = s.subscriber_id)))
     LEFT JOIN public.active_prices p ON ((p.master_id = s.master_id)))
     LEFT JOIN public.user_wallets w ON ((w.user_id = s.subscriber_id)))
     LEFT JOIN public.default_cards m ON ((m.user_id = s.subscriber_id)))
  WHERE (t.is_active AND (public.renewal_block(u.is_active, ( SELECT m_1.is_active
           FROM public.users m_1
          WHERE (m_1.user_id = s.master_id)), s.is_active, s.state, t.is_active, suspended_for_expiry => false, suspended_otherwise => false) IS NULL) AND (t.expires_at > (now() - '3 days'::interval)) AND (t.expires_at <= (now() + '7 days'::interval)));

CREATE TABLE public.webhook_endpoints (
    endpoint_id uuid DEFAULT public.uuid_generate_v4() NOT NULL,
    url text NOT NULL,
    types text[],
    "position" bigint NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    last_accepted_at timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_by text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by uuid,
    CONSTRAINT at_least_one_type CHECK ((types <> '{}'::text[])),
    CONSTRAINT disabled_by_is_known CHECK ((disabled_by = ANY (ARRAY['operator'::text, 'failures'::text, 'gone'::text]))),
    CONSTRAINT disabled_by_somebody CHECK (((disabled_at IS NULL) = (disabled_by IS NULL))),
    CONSTRAINT failing_after_attempts CHECK (((failing_since IS NULL) = (attempts = 0))),
    CONSTRAINT position_is_a_place CHECK (("position" >= 0))
);

CREATE TABLE public.webhook_secrets (
    endpoint_id uuid NOT NULL,
    number integer NOT NULL,
    key_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT number_counts_from_one CHECK ((number > 0))
);

ALTER TABLE ONLY public.license_devices
    ADD CONSTRAINT a_device_once_a_license UNIQUE (subscription_id, device_key);

ALTER TABLE ONLY public.renewal_requests
    ADD CONSTRAINT a_key_asks_once PRIMARY KEY (caller_id, idempotency_key);

ALTER TABLE ONLY public.renewal_attempts
    ADD CONSTRAINT attempts_are_numbered UNIQUE (renewal_id, number);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY public.billing_details
    ADD CONSTRAINT billing_details_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.billing_ledger
    ADD CONSTRAINT billing_ledger_pkey PRIMARY KEY (ledger_id);

ALTER TABLE ONLY public.close_only_periods
    ADD CONSTRAINT close_only_periods_pkey PRIMARY KEY (subscription_id, began_at);

ALTER TABLE ONLY public.customer_languages
    ADD CONSTRAINT customer_languages_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.customer_notes
    ADD CONSTRAINT customer_notes_pkey PRIMARY KEY (note_id);

ALTER TABLE ONLY public.dispute_evidence
    ADD CONSTRAINT dispute_evidence_pkey PRIMARY KEY (reversal_id);

ALTER TABLE ONLY public.health_comparison
    ADD CONSTRAINT health_comparison_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.health_marks
    ADD CONSTRAINT health_marks_pkey PRIMARY KEY (mark_id);

ALTER TABLE ONLY public.invoiced_entries
    ADD CONSTRAINT invoiced_entries_pkey PRIMARY KEY (ledger_id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.license_appeals
    ADD CONSTRAINT license_appeals_pkey PRIMARY KEY (appeal_id);

ALTER TABLE ONLY public.license_changes
    ADD CONSTRAINT license_changes_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.license_device_changes
    ADD CONSTRAINT license_device_changes_pkey PRIMARY KEY (change_id);

ALTER TABLE ONLY public.license_device_networks
    ADD CONSTRAINT license_device_networks_pkey PRIMARY KEY (device_id, network);

ALTER TABLE ONLY public.license_devices
    ADD CONSTRAINT license_devices_pkey PRIMARY KEY (device_id);

ALTER TABLE ONLY public.license_event_numbering
    ADD CONSTRAINT license_event_numbering_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.license_event_sequences
    ADD CONSTRAINT license_event_sequences_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.license_events
    ADD CONSTRAINT license_events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY public.license_health_days
    ADD CONSTRAINT license_health_days_pkey PRIMARY KEY (subscription_id, day);

ALTER TABLE ONLY public.license_health
    ADD CONSTRAINT license_health_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.license_leases
    ADD CONSTRAINT license_leases_pkey PRIMARY KEY (lease_id);

ALTER TABLE ONLY public.license_renewal_history
    ADD CONSTRAINT license_renewal_history_pkey PRIMARY KEY (renewal_id);

ALTER TABLE ONLY public.license_states
    ADD CONSTRAINT license_states_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.license_suspensions
    ADD CONSTRAINT license_suspensions_pkey PRIMARY KEY (suspension_id);

ALTER TABLE ONLY public.license_token_replacements
    ADD CONSTRAINT license_token_replacements_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY public.license_tokens
    ADD CONSTRAINT license_tokens_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY public.license_tokens
    ADD CONSTRAINT license_tokens_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.license_usage_log
    ADD CONSTRAINT license_usage_log_pkey PRIMARY KEY (logged_at, log_id);

ALTER TABLE ONLY public.master_pricing
    ADD CONSTRAINT master_pricing_master_id_key UNIQUE (master_id);

ALTER TABLE ONLY public.master_pricing
    ADD CONSTRAINT master_pricing_pkey PRIMARY KEY (pricing_id);

ALTER TABLE ONLY public.metric_counters
    ADD CONSTRAINT metric_counters_pkey PRIMARY KEY (name, label);

ALTER TABLE ONLY public.metric_days
    ADD CONSTRAINT metric_days_pkey PRIMARY KEY (day, name, label);

ALTER TABLE ONLY public.metric_increments
    ADD CONSTRAINT metric_increments_pkey PRIMARY KEY (increment_id);

ALTER TABLE ONLY public.license_appeals
    ADD CONSTRAINT one_appeal_a_suspension UNIQUE (suspension_id);

ALTER TABLE ONLY public.payment_cases
    ADD CONSTRAINT one_case_a_reason_and_subject UNIQUE (provider, reason, subject);

ALTER TABLE ONLY public.payment_comparisons
    ADD CONSTRAINT one_comparison_a_day PRIMARY KEY (provider, day);

ALTER TABLE ONLY public.payment_customers
    ADD CONSTRAINT one_customer_per_user_and_provider PRIMARY KEY (user_id, payment_provider);

ALTER TABLE ONLY public.license_devices
    ADD CONSTRAINT one_device_a_slot UNIQUE (subscription_id, slot);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT one_number_a_document UNIQUE (series, year, sequence);

ALTER TABLE ONLY public.user_payment_methods
    ADD CONSTRAINT one_payment_method_per_user_and_provider_id UNIQUE (user_id, provider_payment_id);

ALTER TABLE ONLY public.master_price_changes
    ADD CONSTRAINT one_price_at_a_time PRIMARY KEY (master_id, changed_at);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT one_refund_a_provider_id UNIQUE (provider, provider_id);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT one_renewal_a_period UNIQUE (subscription_id, period_start, repeat_number);

ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT one_sequence_a_year PRIMARY KEY (series, year);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT one_subscription_per_master UNIQUE (subscriber_id, master_id);

ALTER TABLE ONLY public.troubles
    ADD CONSTRAINT one_trouble_for_each_cause UNIQUE (cause, subject);

ALTER TABLE ONLY public.payment_customers
    ADD CONSTRAINT one_user_per_customer UNIQUE (payment_provider, provider_customer_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_dedup_key_key UNIQUE (dedup_key);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (outbox_id);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT paid_periods_never_overlap EXCLUDE USING gist (int8range(uuid_hash_extended(subscription_id, (0)::bigint), uuid_hash_extended(subscription_id, (0)::bigint), '[]'::text) WITH &&, public.uuid_range(subscription_id, subscription_id, '[]'::text) WITH &&, tstzrange(paid_from, paid_until) WITH &&) WHERE ((status = 'applied'::text));

ALTER TABLE ONLY public.usage_quarantine
    ADD CONSTRAINT payload_quarantined_once UNIQUE (payload_digest);

ALTER TABLE ONLY public.payment_cases
    ADD CONSTRAINT payment_cases_pkey PRIMARY KEY (case_id);

ALTER TABLE ONLY public.payment_event_reads
    ADD CONSTRAINT payment_event_reads_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_come_once PRIMARY KEY (provider, event_id);

ALTER TABLE ONLY public.payment_preferences
    ADD CONSTRAINT payment_preferences_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.payment_reversals
    ADD CONSTRAINT payment_reversals_pkey PRIMARY KEY (reversal_id);

ALTER TABLE ONLY public.recurring_revenue_days
    ADD CONSTRAINT recurring_revenue_days_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (refund_id);

ALTER TABLE ONLY public.refused_devices
    ADD CONSTRAINT refused_devices_pkey PRIMARY KEY (alert_id, is_last);

ALTER TABLE ONLY public.renewal_attempts
    ADD CONSTRAINT renewal_attempts_pkey PRIMARY KEY (attempt_id);

ALTER TABLE ONLY public.renewal_sweeps
    ADD CONSTRAINT renewal_sweeps_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT renewals_pkey PRIMARY KEY (renewal_id);

ALTER TABLE ONLY public.renewals_to_invoice
    ADD CONSTRAINT renewals_to_invoice_pkey PRIMARY KEY (mark_id);

ALTER TABLE ONLY public.reversal_effects
    ADD CONSTRAINT reversal_effects_pkey PRIMARY KEY (renewal_id);

ALTER TABLE ONLY public.payment_reversals
    ADD CONSTRAINT reversals_come_once UNIQUE (provider, kind, provider_id);

ALTER TABLE ONLY public.schema_fingerprints
    ADD CONSTRAINT schema_fingerprints_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.shadow_alerts
    ADD CONSTRAINT shadow_alerts_pkey PRIMARY KEY (subscription_id, incident);

ALTER TABLE ONLY public.shadow_states
    ADD CONSTRAINT shadow_states_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.skipped_rows
    ADD CONSTRAINT skipped_rows_pkey PRIMARY KEY (source, row_id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.suspicion_states
    ADD CONSTRAINT suspicion_states_pkey PRIMARY KEY (subscription_id);

ALTER TABLE ONLY public.suspicious_activity_alerts
    ADD CONSTRAINT suspicious_activity_alerts_pkey PRIMARY KEY (alert_id);

ALTER TABLE ONLY public.timer_leases
    ADD CONSTRAINT timer_leases_pkey PRIMARY KEY (timer_name);

ALTER TABLE ONLY public.token_beginnings
    ADD CONSTRAINT token_beginnings_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY public.trouble_watch
    ADD CONSTRAINT trouble_watch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.troubles
    ADD CONSTRAINT troubles_pkey PRIMARY KEY (trouble_id);

ALTER TABLE ONLY public.unapplied_events
    ADD CONSTRAINT unapplied_events_come_once PRIMARY KEY (provider, event_id);

ALTER TABLE ONLY public.unsummed_usage
    ADD CONSTRAINT unsummed_usage_pkey PRIMARY KEY (batch_id);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT url_is_unique UNIQUE (url);

ALTER TABLE ONLY public.usage_arrivals
    ADD CONSTRAINT usage_arrivals_pkey PRIMARY KEY (arrival_id);

ALTER TABLE ONLY public.usage_quarantine
    ADD CONSTRAINT usage_quarantine_pkey PRIMARY KEY (quarantine_id);

ALTER TABLE ONLY public.usage_rollups
    ADD CONSTRAINT usage_rollups_pkey PRIMARY KEY (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code);

ALTER TABLE ONLY public.user_payment_methods
    ADD CONSTRAINT user_payment_methods_pkey PRIMARY KEY (payment_method_id);

ALTER TABLE ONLY public.user_wallets
    ADD CONSTRAINT user_wallets_pkey PRIMARY KEY (wallet_id);

ALTER TABLE ONLY public.user_wallets
    ADD CONSTRAINT user_wallets_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (endpoint_id);

ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT webhook_secrets_pkey PRIMARY KEY (endpoint_id, number);

CREATE UNIQUE INDEX a_charge_is_booked_once ON public.renewal_attempts USING btree (provider, transaction_id) WHERE (transaction_id IS NOT NULL);

CREATE INDEX alerts_by_status_and_rank ON public.suspicious_activity_alerts USING btree (status, (
CASE
    WHEN ((status)::text <> ALL ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[])) THEN 0
    WHEN (appealed_at IS NOT NULL) THEN 7
    WHEN (customer_denied_at IS NOT NULL) THEN 6
    WHEN (measure = 'SUSPENDED'::text) THEN 5
    WHEN ((severity)::text = 'CRITICAL'::text) THEN 4
    WHEN ((severity)::text = 'HIGH'::text) THEN 3
    WHEN ((severity)::text = 'MEDIUM'::text) THEN 2
    ELSE 1
END) DESC, LEAST(GREATEST(detected_at, '1970-01-01 00:00:00+00'::timestamp with time zone), '9000-01-01 00:00:00+00'::timestamp with time zone) DESC, alert_id DESC);

CREATE INDEX audit_log_by_action ON public.audit_log USING btree (action, occurred_at DESC, audit_id DESC);

CREATE INDEX audit_log_by_actor ON public.audit_log USING btree (actor_id, occurred_at DESC, audit_id DESC) WHERE (actor_id IS NOT NULL);

CREATE INDEX audit_log_by_subject ON public.audit_log USING btree (subject) WHERE (subject IS NOT NULL);

CREATE INDEX audit_log_by_time ON public.audit_log USING btree (occurred_at DESC, audit_id DESC);

CREATE INDEX audit_log_subscription_id ON public.audit_log USING btree (subscription_id, occurred_at DESC);

CREATE INDEX billing_ledger_reference_id ON public.billing_ledger USING btree (reference_id) WHERE (reference_id IS NOT NULL);

CREATE INDEX billing_ledger_user_id ON public.billing_ledger USING btree (user_id, created_at DESC);

CREATE INDEX booked_charges ON public.renewal_attempts USING btree (updated_at) WHERE (status = 'succeeded'::text);

CREATE INDEX customer_notes_by_user ON public.customer_notes USING btree (user_id, written_at DESC);

CREATE INDEX evidence_to_send ON public.dispute_evidence USING btree (next_try_at) WHERE (next_try_at IS NOT NULL);

CREATE INDEX invoiced_entries_of_renewal ON public.invoiced_entries USING btree (renewal_id);

CREATE INDEX invoices_by_issue ON public.invoices USING btree (issued_at, series, sequence);

CREATE INDEX invoices_of_renewal ON public.invoices USING btree (renewal_id);

CREATE INDEX invoices_of_user ON public.invoices USING btree (user_id, issued_at DESC);

CREATE INDEX license_appeals_by_alert ON public.license_appeals USING btree (alert_id);

CREATE INDEX license_appeals_by_license ON public.license_appeals USING btree (subscription_id, submitted_at DESC);

CREATE INDEX license_device_changes_by_admitted ON public.license_device_changes USING btree (admitted_device_id);

CREATE INDEX license_device_changes_by_license ON public.license_device_changes USING btree (subscription_id, changed_at);

CREATE INDEX license_device_changes_by_replaced ON public.license_device_changes USING btree (replaced_device_id);

CREATE INDEX license_device_networks_by_network ON public.license_device_networks USING btree (network);

CREATE INDEX license_devices_by_account ON public.license_devices USING btree (mt5_account_number);

CREATE INDEX license_devices_by_ea ON public.license_devices USING btree (lower((ea_instance_id)::text) text_pattern_ops);

CREATE UNIQUE INDEX license_events_by_license ON public.license_events USING btree (subscription_id, sequence);

CREATE UNIQUE INDEX license_events_by_position ON public.license_events USING btree ("position") WHERE ("position" IS NOT NULL);

CREATE INDEX license_events_by_time ON public.license_events USING btree (occurred_at);

CREATE INDEX license_events_unnumbered ON public.license_events USING btree (event_id) WHERE ("position" IS NULL);

CREATE INDEX license_health_due ON public.license_health USING btree (due_at);

CREATE INDEX license_health_silent ON public.license_health USING btree (subscription_id) WHERE is_silent;

CREATE INDEX license_leases_by_expiry ON public.license_leases USING btree (expires_at);

CREATE INDEX license_leases_by_license ON public.license_leases USING btree (subscription_id, device_id);

CREATE UNIQUE INDEX license_leases_revoked ON public.license_leases USING btree (revocation_number) WHERE (revocation_number IS NOT NULL);

CREATE INDEX license_leases_unnumbered ON public.license_leases USING btree (lease_id) WHERE ((ended_at IS NOT NULL) AND (revocation_number IS NULL));

CREATE INDEX license_renewal_history_attempted_at ON public.license_renewal_history USING btree (attempted_at);

CREATE INDEX license_renewal_history_paid ON public.license_renewal_history USING btree (attempted_at DESC, renewal_id DESC) WHERE ((status)::text = 'success'::text);

CREATE INDEX license_renewal_history_subscription_id ON public.license_renewal_history USING btree (subscription_id, attempted_at DESC);

CREATE INDEX license_suspensions_by_license ON public.license_suspensions USING btree (subscription_id, suspended_at DESC);

CREATE INDEX license_token_replacements_by_current ON public.license_token_replacements USING btree (replaced_by);

CREATE INDEX license_token_replacements_by_license ON public.license_token_replacements USING btree (subscription_id);

CREATE INDEX license_tokens_expires_at ON public.license_tokens USING btree (expires_at) WHERE is_active;

CREATE INDEX license_tokens_subscription_id ON public.license_tokens USING btree (subscription_id);

CREATE INDEX license_usage_log_ip_address ON ONLY public.license_usage_log USING btree (ip_address, logged_at DESC);

CREATE INDEX license_usage_log_subscription_id ON ONLY public.license_usage_log USING btree (subscription_id, logged_at DESC);

CREATE INDEX license_usage_log_token_hash ON ONLY public.license_usage_log USING btree (token_hash, logged_at DESC);

CREATE UNIQUE INDEX one_default_payment_method_per_user ON public.user_payment_methods USING btree (user_id) WHERE is_default;

CREATE UNIQUE INDEX one_open_alert_an_incident ON public.suspicious_activity_alerts USING btree (subscription_id, incident) WHERE ((incident IS NOT NULL) AND ((status)::text = ANY ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[])));

CREATE UNIQUE INDEX one_open_attempt_a_renewal ON public.renewal_attempts USING btree (renewal_id) WHERE (status = 'sent'::text);

CREATE UNIQUE INDEX one_open_charge_a_license ON public.renewals USING btree (subscription_id) WHERE ((status = ANY (ARRAY['charging'::text, 'unknown'::text, 'undecided'::text, 'succeeded'::text])) AND (NOT is_double));

CREATE UNIQUE INDEX one_open_suspension_a_cause ON public.license_suspensions USING btree (subscription_id, cause) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX one_renewal_an_intent ON public.renewals USING btree (intent_id) WHERE (intent_id IS NOT NULL);

CREATE INDEX open_alerts_by_rank ON public.suspicious_activity_alerts USING btree ((
CASE
    WHEN ((status)::text <> ALL ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[])) THEN 0
    WHEN (appealed_at IS NOT NULL) THEN 7
    WHEN (customer_denied_at IS NOT NULL) THEN 6
    WHEN (measure = 'SUSPENDED'::text) THEN 5
    WHEN ((severity)::text = 'CRITICAL'::text) THEN 4
    WHEN ((severity)::text = 'HIGH'::text) THEN 3
    WHEN ((severity)::text = 'MEDIUM'::text) THEN 2
    ELSE 1
END) DESC, LEAST(GREATEST(detected_at, '1970-01-01 00:00:00+00'::timestamp with time zone), '9000-01-01 00:00:00+00'::timestamp with time zone) DESC, alert_id DESC) WHERE ((status)::text = ANY ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[]));

CREATE INDEX open_debts ON public.renewals USING btree (subscription_id) WHERE ((paid_with = 'deferred'::text) AND (settled_by IS NULL));

CREATE INDEX open_disputes ON public.payment_reversals USING btree (subscription_id) WHERE ((kind = 'dispute'::text) AND (state = 'open'::text));

CREATE INDEX open_payment_cases ON public.payment_cases USING btree (opened_at) WHERE (decided_at IS NULL);

CREATE INDEX open_payment_cases_of_license ON public.payment_cases USING btree (subscription_id) WHERE (decided_at IS NULL);

CREATE INDEX open_questions ON public.suspicious_activity_alerts USING btree (asked_at, customer_confirmed_at, customer_denied_at) WHERE (((status)::text = ANY ((ARRAY['OPEN'::character varying, 'INVESTIGATING'::character varying])::text[])) AND (measure <> 'SUSPENDED'::text) AND ((asked_at IS NOT NULL) OR (customer_confirmed_at IS NOT NULL) OR (customer_denied_at IS NOT NULL)));

CREATE INDEX outbox_dead ON public.outbox USING btree (kind) WHERE (dead_at IS NOT NULL);

CREATE INDEX outbox_due_at ON public.outbox USING btree (due_at) WHERE ((sent_at IS NULL) AND (dead_at IS NULL));

CREATE INDEX outbox_of_user ON public.outbox USING btree (((payload ->> 'user_id'::text)), created_at DESC) WHERE ((kind = 'email'::text) AND ((payload ->> 'user_id'::text) IS NOT NULL));

CREATE INDEX outbox_warnings ON public.outbox USING btree (dedup_key COLLATE "C") WHERE (dedup_key ~~ 'expiring:%'::text);

CREATE INDEX paid_periods_by_end ON public.renewals USING btree (paid_until) WHERE (status = 'applied'::text);

CREATE INDEX payment_cases_by_subject ON public.payment_cases USING btree (subject);

CREATE INDEX payment_cases_by_transaction ON public.payment_cases USING btree (transaction_id) WHERE (transaction_id IS NOT NULL);

CREATE INDEX payment_cases_of_renewal ON public.payment_cases USING btree (renewal_id) WHERE (renewal_id IS NOT NULL);

CREATE INDEX payment_events_by_received_at ON public.payment_events USING btree (received_at);

CREATE INDEX payment_reversals_of_intent ON public.payment_reversals USING btree (intent_id) WHERE (intent_id IS NOT NULL);

CREATE INDEX payment_reversals_of_renewal ON public.payment_reversals USING btree (renewal_id) WHERE (renewal_id IS NOT NULL);

CREATE INDEX refunds_of_renewal ON public.refunds USING btree (renewal_id);

CREATE INDEX refunds_to_send ON public.refunds USING btree (next_try_at) WHERE (next_try_at IS NOT NULL);

CREATE INDEX refused_devices_by_account ON public.refused_devices USING btree (mt5_account_number, detected_at DESC);

CREATE INDEX refused_devices_by_ea ON public.refused_devices USING btree (lower(ea_instance_id) text_pattern_ops);

CREATE INDEX refused_devices_by_network ON public.refused_devices USING btree (network, detected_at DESC);

CREATE INDEX renewal_attempts_by_time ON public.renewal_attempts USING btree (first_sent_at);

CREATE INDEX renewal_requests_by_age ON public.renewal_requests USING btree (requested_at);

CREATE INDEX renewals_by_period ON public.renewals USING btree (period_start);

CREATE INDEX renewals_by_status ON public.renewals USING btree (status, updated_at DESC, renewal_id DESC);

CREATE INDEX renewals_due ON public.renewals USING btree (next_action_at) WHERE (next_action_at IS NOT NULL);

CREATE INDEX renewals_to_decide ON public.renewals USING btree (unknown_since) WHERE (status = 'undecided'::text);

CREATE INDEX skipped_rows_by_time ON public.skipped_rows USING btree (last_seen_at);

CREATE INDEX subscriptions_master_id ON public.subscriptions USING btree (master_id);

CREATE INDEX suspicious_activity_alerts_status ON public.suspicious_activity_alerts USING btree (status, detected_at DESC);

CREATE INDEX suspicious_activity_alerts_subscription_id ON public.suspicious_activity_alerts USING btree (subscription_id, detected_at DESC);

CREATE INDEX suspicious_activity_alerts_untold ON public.suspicious_activity_alerts USING btree (detected_at) WHERE (operators_told_at IS NULL);

CREATE INDEX token_beginnings_by_beginning ON public.token_beginnings USING btree (beginning);

CREATE INDEX unapplied_reversals ON public.payment_reversals USING btree (subscription_id) WHERE (applied_state IS DISTINCT FROM state);

CREATE INDEX usage_quarantine_open ON public.usage_quarantine USING btree (source) WHERE (state = 'OPEN'::text);

CREATE INDEX usage_quarantine_quarantined_at ON public.usage_quarantine USING btree (quarantined_at DESC, quarantine_id DESC);

CREATE INDEX usage_rollups_hour_at ON public.usage_rollups USING brin (hour_at) WITH (pages_per_range='32');

CREATE INDEX user_payment_methods_by_customer ON public.user_payment_methods USING btree (provider_customer_id) WHERE (provider_customer_id IS NOT NULL);

CREATE INDEX user_payment_methods_of_user ON public.user_payment_methods USING btree (user_id);

CREATE INDEX user_payment_methods_provider_payment_id ON public.user_payment_methods USING btree (provider_payment_id);

CREATE INDEX waiting_reversals ON public.payment_reversals USING btree (first_seen_at) WHERE (applied_at IS NULL);

CREATE TRIGGER add_alert_event AFTER INSERT ON public.suspicious_activity_alerts FOR EACH ROW WHEN ((new.subscription_id IS NOT NULL)) EXECUTE FUNCTION public.add_alert_event();

CREATE TRIGGER add_applied_renewals AFTER UPDATE ON public.renewals REFERENCING OLD TABLE AS renewals_before NEW TABLE AS renewals_after FOR EACH STATEMENT EXECUTE FUNCTION public.add_applied_renewals();

CREATE TRIGGER add_device_event AFTER INSERT OR DELETE OR UPDATE OF removed_at ON public.license_devices FOR EACH ROW EXECUTE FUNCTION public.add_device_event();

CREATE TRIGGER add_dispute_change_event AFTER UPDATE OF state, subscription_id ON public.payment_reversals FOR EACH ROW WHEN (((new.kind = 'dispute'::text) AND (new.subscription_id IS NOT NULL) AND ((old.state <> new.state) OR (old.subscription_id IS NULL)))) EXECUTE FUNCTION public.add_dispute_event();

CREATE TRIGGER add_dispute_event AFTER INSERT ON public.payment_reversals FOR EACH ROW WHEN (((new.kind = 'dispute'::text) AND (new.subscription_id IS NOT NULL))) EXECUTE FUNCTION public.add_dispute_event();

CREATE TRIGGER add_payment_failed_event AFTER INSERT OR UPDATE OF status, failure_reason ON public.license_renewal_history FOR EACH ROW WHEN ((((new.status)::text = 'failed'::text) AND (new.failure_reason IS DISTINCT FROM 'grace_period_ended'::text) AND (new.failure_reason IS DISTINCT FROM 'never_charged'::text))) EXECUTE FUNCTION public.add_payment_failed_event();

CREATE TRIGGER add_refund_event AFTER INSERT OR UPDATE OF refunded_minor ON public.reversal_effects FOR EACH ROW EXECUTE FUNCTION public.add_refund_event();

CREATE TRIGGER add_reinstatement_event AFTER UPDATE OF closed_at ON public.license_suspensions FOR EACH ROW WHEN (((old.closed_at IS NULL) AND (new.closed_at IS NOT NULL))) EXECUTE FUNCTION public.add_suspension_event();

CREATE TRIGGER add_renewal_event AFTER UPDATE OF price_accepted ON public.renewals FOR EACH ROW WHEN ((new.price_accepted AND (NOT old.price_accepted))) EXECUTE FUNCTION public.add_renewal_event();

CREATE TRIGGER add_review_event AFTER UPDATE OF status ON public.suspicious_activity_alerts FOR EACH ROW WHEN (((new.subscription_id IS NOT NULL) AND ((old.status)::text <> (new.status)::text))) EXECUTE FUNCTION public.add_alert_event();

CREATE TRIGGER add_suspension_event AFTER INSERT ON public.license_suspensions FOR EACH ROW WHEN ((new.closed_at IS NULL)) EXECUTE FUNCTION public.add_suspension_event();

CREATE TRIGGER audit_log_is_append_only BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER audit_log_is_never_emptied BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER billing_ledger_is_append_only BEFORE DELETE OR UPDATE ON public.billing_ledger FOR EACH ROW EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER billing_ledger_is_never_emptied BEFORE TRUNCATE ON public.billing_ledger FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER count_added_renewals AFTER INSERT ON public.license_renewal_history REFERENCING NEW TABLE AS history_rows FOR EACH STATEMENT EXECUTE FUNCTION public.count_added_renewals();

CREATE TRIGGER count_alert AFTER INSERT ON public.suspicious_activity_alerts FOR EACH ROW EXECUTE FUNCTION public.count_alert();

CREATE TRIGGER count_changed_alerts AFTER UPDATE ON public.suspicious_activity_alerts FOR EACH ROW WHEN (((((old.status)::text IS DISTINCT FROM (new.status)::text) OR ((old.severity)::text IS DISTINCT FROM (new.severity)::text)) OR (old.measure IS DISTINCT FROM new.measure))) EXECUTE FUNCTION public.count_open_alerts();

CREATE TRIGGER count_changed_health AFTER UPDATE OF score, status ON public.license_health FOR EACH ROW WHEN (((old.score IS DISTINCT FROM new.score) OR (old.status IS DISTINCT FROM new.status))) EXECUTE FUNCTION public.count_license_health();

CREATE TRIGGER count_changed_suspensions AFTER UPDATE OF closed_at, cause ON public.license_suspensions FOR EACH ROW EXECUTE FUNCTION public.count_open_suspensions();

CREATE TRIGGER count_day_seen BEFORE UPDATE OF last_seen_at ON public.license_devices FOR EACH ROW WHEN ((((old.last_seen_at AT TIME ZONE 'UTC'::text))::date <> ((new.last_seen_at AT TIME ZONE 'UTC'::text))::date)) EXECUTE FUNCTION public.count_day_seen();

CREATE TRIGGER count_device_suspension AFTER INSERT ON public.license_suspensions FOR EACH ROW WHEN ((new.cause = 'DEVICE_LIMIT'::text)) EXECUTE FUNCTION public.count_device_suspension();

CREATE TRIGGER count_license_health AFTER INSERT OR DELETE ON public.license_health FOR EACH ROW EXECUTE FUNCTION public.count_license_health();

CREATE TRIGGER count_open_alerts AFTER INSERT OR DELETE ON public.suspicious_activity_alerts FOR EACH ROW EXECUTE FUNCTION public.count_open_alerts();

CREATE TRIGGER count_open_suspensions AFTER INSERT OR DELETE ON public.license_suspensions FOR EACH ROW EXECUTE FUNCTION public.count_open_suspensions();

CREATE TRIGGER count_renewal AFTER UPDATE OF status ON public.license_renewal_history FOR EACH ROW WHEN ((((new.status)::text = ANY ((ARRAY['success'::character varying, 'failed'::character varying])::text[])) AND ((new.status)::text <> (old.status)::text))) EXECUTE FUNCTION public.count_renewal();

CREATE TRIGGER end_leases_of_deleted AFTER DELETE ON public.license_devices FOR EACH ROW EXECUTE FUNCTION public.end_leases_of_removed();

CREATE TRIGGER end_leases_of_removed AFTER UPDATE OF removed_at ON public.license_devices FOR EACH ROW WHEN (((old.removed_at IS NULL) AND (new.removed_at IS NOT NULL))) EXECUTE FUNCTION public.end_leases_of_removed();

CREATE TRIGGER end_leases_of_suspended AFTER INSERT ON public.license_suspensions FOR EACH ROW EXECUTE FUNCTION public.end_leases_of_suspended();

CREATE TRIGGER health_facts_changed AFTER INSERT ON public.license_device_changes FOR EACH ROW EXECUTE FUNCTION public.health_facts_changed();

CREATE TRIGGER health_facts_changed AFTER INSERT OR DELETE OR UPDATE OF removed_at ON public.license_devices FOR EACH ROW EXECUTE FUNCTION public.health_facts_changed();

CREATE TRIGGER health_facts_changed AFTER UPDATE OF status ON public.license_renewal_history FOR EACH ROW EXECUTE FUNCTION public.health_facts_changed();

CREATE TRIGGER health_facts_changed AFTER INSERT OR DELETE OR UPDATE OF closed_at ON public.license_suspensions FOR EACH ROW EXECUTE FUNCTION public.health_facts_changed();

CREATE TRIGGER health_facts_changed AFTER INSERT OR DELETE OR UPDATE OF monthly_fee_usd, is_active ON public.master_pricing FOR EACH ROW EXECUTE FUNCTION public.price_changed();

CREATE TRIGGER health_facts_changed AFTER INSERT OR DELETE OR UPDATE OF status, severity ON public.suspicious_activity_alerts FOR EACH ROW EXECUTE FUNCTION public.health_facts_changed();

CREATE TRIGGER health_facts_changed AFTER INSERT OR DELETE OR UPDATE OF is_default, is_active, expiry_month, expiry_year ON public.user_payment_methods FOR EACH ROW EXECUTE FUNCTION public.payment_method_changed();

CREATE TRIGGER invoices_are_append_only BEFORE DELETE OR UPDATE ON public.invoices FOR EACH ROW EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER invoices_are_never_emptied BEFORE TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_evidence();

CREATE TRIGGER keep_changed_refused_devices AFTER UPDATE OF evidence, subscription_id ON public.suspicious_activity_alerts FOR EACH ROW WHEN (((new.subscription_id IS DISTINCT FROM old.subscription_id) OR (public.refused_device_names(new.evidence) IS DISTINCT FROM public.refused_device_names(old.evidence)))) EXECUTE FUNCTION public.keep_refused_devices();

CREATE TRIGGER keep_refused_devices AFTER INSERT ON public.suspicious_activity_alerts FOR EACH ROW WHEN ((new.evidence IS NOT NULL)) EXECUTE FUNCTION public.keep_refused_devices();

CREATE TRIGGER keep_request_frozen BEFORE UPDATE ON public.renewal_attempts FOR EACH ROW WHEN (((old.request IS DISTINCT FROM new.request) OR (old.first_sent_at IS DISTINCT FROM new.first_sent_at) OR (old.provider IS DISTINCT FROM new.provider))) EXECUTE FUNCTION public.keep_request_frozen();

CREATE TRIGGER keep_rotated_token_retired BEFORE UPDATE OF is_active, expires_at ON public.license_tokens FOR EACH ROW EXECUTE FUNCTION public.keep_rotated_token_retired();

CREATE TRIGGER lease_ended AFTER UPDATE OF lease_id ON public.license_devices FOR EACH ROW WHEN (((old.lease_id IS NOT NULL) AND (new.lease_id IS NULL))) EXECUTE FUNCTION public.license_changed();

CREATE TRIGGER license_changed AFTER INSERT OR DELETE OR UPDATE OF device_key, slot, beyond_limit, removed_at ON public.license_devices FOR EACH ROW EXECUTE FUNCTION public.license_changed();

CREATE TRIGGER license_changed AFTER INSERT OR DELETE OR UPDATE OF grace_until ON public.license_states FOR EACH ROW EXECUTE FUNCTION public.license_changed();

CREATE TRIGGER license_changed AFTER INSERT OR DELETE OR UPDATE OF cause, reason, device_key, token_ids, closed_at ON public.license_suspensions FOR EACH ROW EXECUTE FUNCTION public.license_changed();

CREATE TRIGGER license_changed AFTER INSERT OR DELETE OR UPDATE ON public.license_token_replacements FOR EACH ROW EXECUTE FUNCTION public.license_changed();

CREATE TRIGGER mark_reversed_renewal AFTER INSERT OR UPDATE OF refunded_minor, charged_back_minor ON public.reversal_effects FOR EACH ROW EXECUTE FUNCTION public.mark_reversed_renewal();

CREATE TRIGGER master_pricing_updated_at BEFORE UPDATE ON public.master_pricing FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER record_price_change AFTER INSERT OR UPDATE OF master_id, monthly_fee_usd, is_active ON public.master_pricing FOR EACH ROW WHEN (((new.master_id IS NOT NULL) AND new.is_active AND ((new.monthly_fee_usd >= (0)::numeric) AND (new.monthly_fee_usd <= '1000000000000'::numeric)))) EXECUTE FUNCTION public.record_price_change();

CREATE TRIGGER renewals_stay_paid BEFORE UPDATE OF status ON public.renewals FOR EACH ROW WHEN (((old.status = 'applied'::text) AND (new.status <> 'applied'::text))) EXECUTE FUNCTION public.keep_renewal_paid();

CREATE TRIGGER renewals_updated_at BEFORE UPDATE OF renewal_type, status, amount_usd, price_accepted, intent_id, soft_declines, lookups, unknown_since, gives_up_at, next_action_at, paid_with, paid_from, paid_until, lapsed_blocked, is_double, settled_by, debts_usd ON public.renewals FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER subscriptions_updated_at BEFORE UPDATE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER user_payment_methods_updated_at BEFORE UPDATE ON public.user_payment_methods FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER user_wallets_updated_at BEFORE UPDATE ON public.user_wallets FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE ONLY public.billing_details
    ADD CONSTRAINT billing_details_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.billing_ledger
    ADD CONSTRAINT billing_ledger_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.billing_ledger
    ADD CONSTRAINT billing_ledger_wallet_id_fkey FOREIGN KEY (wallet_id) REFERENCES public.user_wallets(wallet_id);

ALTER TABLE ONLY public.customer_languages
    ADD CONSTRAINT customer_languages_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.customer_notes
    ADD CONSTRAINT customer_notes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.dispute_evidence
    ADD CONSTRAINT dispute_evidence_reversal_id_fkey FOREIGN KEY (reversal_id) REFERENCES public.payment_reversals(reversal_id);

ALTER TABLE ONLY public.dispute_evidence
    ADD CONSTRAINT dispute_evidence_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.invoiced_entries
    ADD CONSTRAINT invoiced_entries_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_corrects_fkey FOREIGN KEY (corrects) REFERENCES public.invoices(number);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.license_appeals
    ADD CONSTRAINT license_appeals_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES public.suspicious_activity_alerts(alert_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.license_appeals
    ADD CONSTRAINT license_appeals_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_appeals
    ADD CONSTRAINT license_appeals_suspension_id_fkey FOREIGN KEY (suspension_id) REFERENCES public.license_suspensions(suspension_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_device_changes
    ADD CONSTRAINT license_device_changes_admitted_device_id_fkey FOREIGN KEY (admitted_device_id) REFERENCES public.license_devices(device_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_device_changes
    ADD CONSTRAINT license_device_changes_replaced_device_id_fkey FOREIGN KEY (replaced_device_id) REFERENCES public.license_devices(device_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_device_changes
    ADD CONSTRAINT license_device_changes_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_device_networks
    ADD CONSTRAINT license_device_networks_device_id_fkey FOREIGN KEY (device_id) REFERENCES public.license_devices(device_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_devices
    ADD CONSTRAINT license_devices_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_health_days
    ADD CONSTRAINT license_health_days_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_health
    ADD CONSTRAINT license_health_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_renewal_history
    ADD CONSTRAINT license_renewal_history_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.license_states
    ADD CONSTRAINT license_states_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_suspensions
    ADD CONSTRAINT license_suspensions_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES public.suspicious_activity_alerts(alert_id) ON DELETE SET NULL;

ALTER TABLE ONLY public.license_suspensions
    ADD CONSTRAINT license_suspensions_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_token_replacements
    ADD CONSTRAINT license_token_replacements_replaced_by_fkey FOREIGN KEY (replaced_by) REFERENCES public.license_tokens(token_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_token_replacements
    ADD CONSTRAINT license_token_replacements_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_token_replacements
    ADD CONSTRAINT license_token_replacements_token_id_fkey FOREIGN KEY (token_id) REFERENCES public.license_tokens(token_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.license_tokens
    ADD CONSTRAINT license_tokens_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.master_pricing
    ADD CONSTRAINT master_pricing_master_id_fkey FOREIGN KEY (master_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.payment_customers
    ADD CONSTRAINT payment_customers_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.payment_preferences
    ADD CONSTRAINT payment_preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.payment_reversals
    ADD CONSTRAINT payment_reversals_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.payment_reversals
    ADD CONSTRAINT payment_reversals_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.refused_devices
    ADD CONSTRAINT refused_devices_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES public.suspicious_activity_alerts(alert_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.renewal_attempts
    ADD CONSTRAINT renewal_attempts_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.renewal_requests
    ADD CONSTRAINT renewal_requests_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT renewals_settled_by_fkey FOREIGN KEY (settled_by) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT renewals_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.renewals
    ADD CONSTRAINT renewals_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.reversal_effects
    ADD CONSTRAINT reversal_effects_renewal_id_fkey FOREIGN KEY (renewal_id) REFERENCES public.renewals(renewal_id);

ALTER TABLE ONLY public.shadow_alerts
    ADD CONSTRAINT shadow_alerts_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.suspicion_states(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.shadow_states
    ADD CONSTRAINT shadow_states_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.suspicion_states(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_master_id_fkey FOREIGN KEY (master_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.suspicion_states
    ADD CONSTRAINT suspicion_states_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.suspicious_activity_alerts
    ADD CONSTRAINT suspicious_activity_alerts_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES public.subscriptions(subscription_id);

ALTER TABLE ONLY public.token_beginnings
    ADD CONSTRAINT token_beginnings_token_id_fkey FOREIGN KEY (token_id) REFERENCES public.license_tokens(token_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_payment_methods
    ADD CONSTRAINT user_payment_methods_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.user_wallets
    ADD CONSTRAINT user_wallets_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT webhook_secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.webhook_endpoints(endpoint_id) ON DELETE CASCADE;
