-- These functions read the log of one license. They are not inlined into the statements that call them, so that the log can be distributed
-- by subscription_id while all other tables are not: docs/scaling.md. They use one generic plan, because planning all partitions again for
-- each license would cost more than reading its rows.

-- A device is an EA instance with an MT5 account. Its IP address may change.
create or replace function get_device_count(token_hash varchar) returns int language plpgsql stable
set plan_cache_mode = force_generic_plan as $$
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

-- The license's devices of the last 30 days, whichever token they used.
create or replace function recent_device_count(license uuid) returns int language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan as $$
begin
    return (select count(distinct (u.ea_instance_id, u.mt5_account_number))::int
            from license_usage_log u
            where u.subscription_id = license and u.logged_at > now() - interval '30 days');
end
$$;

-- The time of the license's newest record of the last 30 days.
create or replace function recent_use_at(license uuid) returns timestamptz language plpgsql stable parallel safe
set plan_cache_mode = force_generic_plan as $$
begin
    return (select max(u.logged_at) from license_usage_log u
            where u.subscription_id = license and u.logged_at > now() - interval '30 days');
end
$$;

create or replace function was_used_from(license uuid, network inet, before timestamptz) returns boolean language plpgsql stable
set plan_cache_mode = force_generic_plan as $$
begin
    return exists (select from license_usage_log u
                   where u.subscription_id = license and u.logged_at < before and u.ip_address <<= network);
end
$$;

-- The rule for ea_instance_id. The characters of the second pattern are white space. C#: EaName.IsValid.
create or replace function is_ea_name(name text) returns boolean language sql immutable parallel safe as $$
    select char_length(name) <= 100
        and name !~ '[\u0001-\u001f\u007f-\u009f\ufffd]'
        and name ~ '[^ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
$$;

create or replace function record_license_usage(
    token_hash varchar, subscription_id uuid, ip inet, ea_instance_id varchar, mt5_account bigint,
    received int default 1, executed int default 0, rejected int default 0, avg_latency_ms int default null,
    opened int default null, closed int default null)
returns uuid language plpgsql as $$
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

-- The ingest server sends the first four arguments as text.
create or replace function record_license_usage(
    token_hash text, subscription_id text, ip text, ea_instance_id text, mt5_account bigint,
    received int default 1, executed int default 0, rejected int default 0, avg_latency_ms int default null,
    opened int default null, closed int default null)
returns uuid language sql as $$
    select record_license_usage(
        $1::varchar, $2::uuid, nullif($3, '')::inet, $4::varchar, $5, $6, $7, $8, $9, $10, $11)
$$;

-- Replaces the functions without opened and closed, because a call that fits two functions is ambiguous.
select replace_function(
           'record_license_usage(varchar, uuid, inet, varchar, bigint, int, int, int, int)',
           'record_license_usage(varchar, uuid, inet, varchar, bigint, int, int, int, int, int, int)'),
       replace_function(
           'record_license_usage(text, text, text, text, bigint, int, int, int, int)',
           'record_license_usage(text, text, text, text, bigint, int, int, int, int, int, int)');

create or replace view v_license_usage_24h as
select
    subscription_id,
    count(distinct ip_address)::int as unique_ips,
    count(distinct (ea_instance_id, mt5_account_number))::int as unique_devices,
    sum(signals_received)::bigint as total_signals_received,
    sum(signals_executed)::bigint as total_signals_executed,
    sum(signals_rejected)::bigint as total_signals_rejected,
    round(avg(avg_latency_ms), 2) as avg_latency_ms,
    max(logged_at) as last_activity
from license_usage_log
where logged_at > now() - interval '24 hours'
group by subscription_id;
