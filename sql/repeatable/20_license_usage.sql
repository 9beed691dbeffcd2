-- A device is (EA instance, MT5 account); its address changes and says nothing.
create or replace function get_device_count(token_hash varchar) returns int language sql stable as $$
    select count(distinct (u.ea_instance_id, u.mt5_account_number))::int
    from license_usage_log u
    where u.token_hash = get_device_count.token_hash and u.logged_at > now() - interval '30 days'
$$;

create or replace function record_license_usage(
    token_hash varchar, subscription_id uuid, ip inet, ea_instance_id varchar, mt5_account bigint,
    received int default 1, executed int default 0, rejected int default 0, avg_latency_ms int default null)
returns uuid language plpgsql as $$
#variable_conflict use_column
declare
    new_log_id uuid;
begin
    perform ensure_usage_partitions(now(), now());
    insert into license_usage_log
        (token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number,
         signals_received, signals_executed, signals_rejected, avg_latency_ms)
    values
        (record_license_usage.token_hash, record_license_usage.subscription_id, ip, record_license_usage.ea_instance_id, mt5_account,
         coalesce(received, 0), coalesce(executed, 0), coalesce(rejected, 0), record_license_usage.avg_latency_ms)
    returning log_id into new_log_id;
    -- An answer that comes late must not turn the clock back.
    update license_tokens t
    set last_used_at = greatest(t.last_used_at, now()), ip_address = coalesce(ip, t.ip_address)
    where t.token_hash = record_license_usage.token_hash and t.subscription_id = record_license_usage.subscription_id;
    return new_log_id;
end
$$;

-- The ingest server binds the first four as text.
create or replace function record_license_usage(
    token_hash text, subscription_id text, ip text, ea_instance_id text, mt5_account bigint,
    received int default 1, executed int default 0, rejected int default 0, avg_latency_ms int default null)
returns uuid language sql as $$
    select record_license_usage(
        $1::varchar, $2::uuid, nullif($3, '')::inet, $4::varchar, $5, $6, $7, $8, $9)
$$;

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
