-- Sums of usage by license, device, network and hour. They remain after the raw rows are deleted.
insert into schema_migrations (name) values ('0008_usage_rollups');

-- An IP address is personal data; its network (IPv4 /24, IPv6 /48) may be kept. 0.0.0.0/0 stands for an unknown address.
create function usage_network(ip inet) returns cidr language sql immutable as $$
    select coalesce(network(set_masklen(ip, case family(ip) when 4 then 24 else 48 end)), '0.0.0.0/0')
$$;

-- store_license_usage adds new rows in their own transaction. Days are sums of hours (UTC).
create table usage_rollups (
    subscription_id    uuid not null,
    -- Start of the hour of logged_at.
    hour_at            timestamptz not null,
    ea_instance_id     varchar(100) not null,
    mt5_account_number bigint not null,
    network            cidr not null,
    -- ZZ: unknown.
    country_code       char(2) not null,
    sessions           bigint not null,
    session_sec        bigint not null,
    signals_received   bigint not null,
    signals_executed   bigint not null,
    signals_rejected   bigint not null,
    -- The mean latency of a session is weighted by its received signals: the sum of mean times signals, and the sum of signals.
    latency_weighted   bigint not null,
    latency_signals    bigint not null,
    primary key (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code),
    constraint hour_is_whole check (hour_at = date_bin('1 hour', hour_at, '2000-01-01 00:00Z')),
    constraint network_is_no_address check (masklen(network) in (0, 24, 48))
) with (fillfactor = 70); -- the rows of the present hour change often: room for heap-only updates
-- For sums over all licenses: the order of the rows is roughly the order of the hours.
create index usage_rollups_hour_at on usage_rollups using brin (hour_at) with (pages_per_range = 32);

-- The lock prevents inserts between these sums and the creation of the function that updates them from then on.
lock table license_usage_log in share row exclusive mode;
insert into usage_rollups
select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'), coalesce(ea_instance_id, ''), coalesce(mt5_account_number, 0),
       usage_network(ip_address), coalesce(country_code, 'ZZ'), count(*), coalesce(sum(session_duration_sec), 0),
       sum(signals_received), sum(signals_executed), sum(signals_rejected),
       coalesce(sum(avg_latency_ms::bigint * signals_received), 0),
       coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)
from license_usage_log
group by 1, 2, 3, 4, 5, 6;
