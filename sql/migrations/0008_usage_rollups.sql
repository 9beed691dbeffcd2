-- What is left of usage when its raw rows are gone: sums by license, device, network and hour.
insert into schema_migrations (name) values ('0008_usage_rollups');

-- An address is a person's; its network (IPv4 /24, IPv6 /48) may be kept. 0.0.0.0/0 is an address that nobody told.
create function usage_network(ip inet) returns cidr language sql immutable as $$
    select coalesce(network(set_masklen(ip, case family(ip) when 4 then 24 else 48 end)), '0.0.0.0/0')
$$;

-- Kept up by store_license_usage, in the transaction of the rows, from rows that are new. Days are sums of hours (UTC).
create table usage_rollups (
    subscription_id    uuid not null,
    -- Of logged_at; the hour's start.
    hour_at            timestamptz not null,
    ea_instance_id     varchar(100) not null,
    mt5_account_number bigint not null,
    network            cidr not null,
    -- ZZ: not known.
    country_code       char(2) not null,
    sessions           bigint not null,
    session_sec        bigint not null,
    signals_received   bigint not null,
    signals_executed   bigint not null,
    signals_rejected   bigint not null,
    -- Each session's mean weighs as much as the signals that it received: sum of mean times signals, and of those signals.
    latency_weighted   bigint not null,
    latency_signals    bigint not null,
    primary key (subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code),
    constraint hour_is_whole check (hour_at = date_bin('1 hour', hour_at, '2000-01-01 00:00Z')),
    constraint network_is_no_address check (masklen(network) in (0, 24, 48))
) with (fillfactor = 70); -- the present hour's rows change all the time, within their page
-- For sums over all licenses: hours come roughly in the order of the rows.
create index usage_rollups_hour_at on usage_rollups using brin (hour_at) with (pages_per_range = 32);

-- Nothing may come in between the sums of what is there and the function that goes on with them.
lock table license_usage_log in share row exclusive mode;
insert into usage_rollups
select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'), coalesce(ea_instance_id, ''), coalesce(mt5_account_number, 0),
       usage_network(ip_address), coalesce(country_code, 'ZZ'), count(*), coalesce(sum(session_duration_sec), 0),
       sum(signals_received), sum(signals_executed), sum(signals_rejected),
       coalesce(sum(avg_latency_ms::bigint * signals_received), 0),
       coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)
from license_usage_log
group by 1, 2, 3, 4, 5, 6;
