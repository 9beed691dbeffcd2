-- Typical usage: a server in a data center day and night, a computer at home in the evening, daily new IP addresses, and a
-- shared license. One record per hour while a device is on. Times are whole hours and identifiers depend on them, so that a
-- later run adds only new hours. All records are older than ten minutes, so that no demo device counts as active.
select ensure_usage_partitions(now() - interval '14 days', now());

with devices
    (n, ea, account, slot, network, host, country, city, latitude, longitude, from_hour, to_hour, since_days, until_hours) as (values
    (1, 'EA-NORA-VPS', 510101, 1, '198.51.100.0'::inet, 11, 'DE', 'Frankfurt', 50.11, 8.68, 0, 23, 14, 0),
    (1, 'EA-NORA-HOME', 510101, 2, '203.0.113.0', null, 'SE', 'Stockholm', 59.33, 18.07, 17, 22, 14, 0),
    (3, 'EA-MIRA-1', 620301, 1, '198.51.100.0', 31, 'NL', 'Amsterdam', 52.37, 4.90, 0, 23, 14, 0),
    (4, 'EA-JONAS-1', 620401, 1, '203.0.113.0', 41, 'DE', 'Berlin', 52.52, 13.41, 7, 21, 12, 0),
    (5, 'EA-AMARA-1', 620501, 1, '203.0.113.0', null, 'NG', 'Lagos', 6.52, 3.38, 8, 20, 14, 0),
    (6, 'EA-PAUL-1', 620601, 1, '198.51.100.0', 61, 'FR', 'Paris', 48.86, 2.35, 9, 17, 14, 150),
    (7, 'EA-SARA-1', 880711, 1, '198.51.100.0', 71, 'GB', 'London', 51.51, -0.13, 0, 23, 14, 5),
    (7, 'EA-SARA-2', 880721, 2, '203.0.113.0', 72, 'AE', 'Dubai', 25.20, 55.27, 0, 23, 9, 5),
    (8, 'EA-LIAM-1', 620801, 1, '198.51.100.0', 81, 'IE', 'Dublin', 53.35, -6.26, 0, 23, 14, 0),
    (8, 'EA-LIAM-2', 620802, 2, '2001:db8:8::'::inet, 82, 'IE', 'Cork', 51.90, -8.47, 6, 23, 10, 0),
    (9, 'EA-YUKI-1', 620901, 1, '203.0.113.0', 91, 'JP', 'Osaka', 34.69, 135.50, 0, 12, 14, 30),
    (10, 'EA-DIEGO-1', 621001, 1, '203.0.113.0', 101, 'MX', 'Guadalajara', 20.67, -103.35, 12, 22, 8, 24),
    (11, 'EA-INES-1', 621101, 1, '198.51.100.0', 111, 'PT', 'Lisbon', 38.72, -9.14, 0, 23, 14, 0),
    (13, 'EA-FATIMA-1', 621301, 1, '203.0.113.0', 131, 'PK', 'Karachi', 24.86, 67.01, 4, 16, 11, 0),
    (14, 'EA-GEORGE-1', 621401, 1, '203.0.113.0', null, 'GR', 'Athens', 37.98, 23.73, 6, 19, 14, 0),
    (15, 'EA-HANA-1', 621501, 1, '198.51.100.0', 151, 'CZ', 'Prague', 50.08, 14.44, 0, 23, 6, 0),
    (16, 'EA-IVAN-1', 621601, 1, '198.51.100.0', 161, 'BG', 'Sofia', 42.70, 23.32, 0, 23, 14, 0),
    (18, 'EA-KOFI-VPS', 621801, 1, '198.51.100.0', 181, 'GB', 'London', 51.51, -0.13, 0, 23, 14, 0),
    (18, 'EA-KOFI-HOME', 621801, 2, '203.0.113.0', null, 'NG', 'Lagos', 6.52, 3.38, 18, 23, 14, 0),
    (19, 'EA-LENA-1', 621901, 1, '2001:db8:19::', 191, 'AT', 'Vienna', 48.21, 16.37, 6, 22, 14, 0),
    (20, 'EA-MARCO-1', 622001, 1, '198.51.100.0', 201, 'IT', 'Milan', 45.46, 9.19, 0, 23, 14, 0),
    (20, 'EA-MARCO-2', 622002, 2, '203.0.113.0', 202, 'IT', 'Naples', 40.85, 14.27, 8, 21, 5, 0),
    (21, 'EA-NADIA-1', 622101, 1, '203.0.113.0', 211, 'MA', 'Casablanca', 33.57, -7.59, 7, 20, 14, 0),
    (22, 'EA-PETER-1', 622201, 1, '198.51.100.0', 221, 'NL', 'Rotterdam', 51.92, 4.48, 0, 23, 13, 0),
    (23, 'EA-QUYNH-1', 622301, 1, '203.0.113.0', 231, 'VN', 'Hanoi', 21.03, 105.85, 1, 15, 14, 0),
    (24, 'EA-ROSA-1', 622401, 1, '203.0.113.0', null, 'ES', 'Seville', 37.39, -5.98, 8, 20, 7, 0),
    (25, 'EA-SAMIR-1', 622501, 1, '198.51.100.0', 251, 'GB', 'Leeds', 53.80, -1.55, 0, 23, 14, 0),
    (26, 'EA-TAMAR-1', 622601, 1, '2001:db8:26::', 1, 'IL', 'Haifa', 32.79, 34.99, 0, 23, 14, 0),
    (27, 'EA-UWE-1', 622701, 1, '2001:db8:27::', 1, 'DE', 'Leipzig', 51.34, 12.37, 6, 21, 9, 0),
    (28, 'EA-VERA-1', 622801, 1, '2001:db8:28::', 1, 'PT', 'Porto', 41.15, -8.61, 0, 23, 14, 0),
    (29, 'EA-TAMAR-GOLD', 622901, 1, '2001:db8:26::', 2, 'IL', 'Haifa', 32.79, 34.99, 5, 20, 14, 0)
),
hours as (
    select devices.*, hour,
           -- A home connection without a fixed address gets a new one every day.
           network + coalesce(host, 20 + (extract(doy from hour)::int * 7 + n) % 200) as address,
           ('x' || substr(md5(ea || hour::text), 1, 6))::bit(24)::int as noise
    from devices,
         generate_series(date_trunc('hour', now()) - since_days * interval '1 day',
                         now() - interval '10 minutes' - until_hours * interval '1 hour', interval '1 hour') as hour
    where extract(hour from hour at time zone 'UTC') between from_hour and to_hour
),
logged as (
    insert into license_usage_log
        (log_id, logged_at, token_hash, subscription_id, ip_address, ea_instance_id, mt5_account_number, country_code, city,
         latitude, longitude, signals_received, signals_executed, signals_rejected, avg_latency_ms, session_duration_sec)
    select md5(ea || hour::text)::uuid, hour, t.token_hash, t.subscription_id, address, ea, account, country, city,
           latitude, longitude, noise % 9, noise % 9 - (noise % 11 = 0 and noise % 9 > 0)::int, (noise % 11 = 0 and noise % 9 > 0)::int,
           18 + noise % 60, 3600
    from hours
    join license_tokens t on t.token_id = ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid
    on conflict do nothing
),
used as (
    update license_tokens t
    set last_used_at = greatest(t.last_used_at, latest.hour), ip_address = latest.address, ea_instance_id = latest.ea
    from (select distinct on (n) n, hour, address, ea from hours order by n, hour desc) as latest
    where t.token_id = ('00000000-0000-4000-8000-000000000' || 400 + latest.n)::uuid and latest.hour > coalesce(t.last_used_at, '-infinity')
),
registered as (
    insert into license_devices
        (subscription_id, device_key, ea_instance_id, mt5_account_number, ip_address, slot, first_seen_at, last_seen_at,
         last_accepted_at)
    select ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid, account || '|' || ea, ea, account,
           (array_agg(address order by hour desc))[1], slot, min(hour), max(hour), max(hour)
    from hours
    where exists (select from subscriptions where subscription_id = ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid)
    group by n, ea, account, slot
    on conflict do nothing
    returning device_id, subscription_id, ea_instance_id
)
insert into license_device_networks (device_id, network, first_seen_at, last_seen_at)
select device_id, network(set_masklen(address, case family(address) when 4 then 32 else 64 end)), min(hour), max(hour)
from registered
join hours on ea = ea_instance_id
group by 1, 2
on conflict do nothing;

-- The sums that the ingest would have written. Existing hours are not changed.
insert into usage_rollups (
    subscription_id, hour_at, ea_instance_id, mt5_account_number, network, country_code, sessions, session_sec,
    signals_received, signals_executed, signals_rejected, latency_weighted, latency_signals)
select subscription_id, date_bin('1 hour', logged_at, '2000-01-01 00:00Z'), coalesce(ea_instance_id, ''), coalesce(mt5_account_number, 0),
       usage_network(ip_address), coalesce(country_code, 'ZZ'), count(*), coalesce(sum(session_duration_sec), 0),
       sum(signals_received), sum(signals_executed), sum(signals_rejected),
       coalesce(sum(avg_latency_ms::bigint * signals_received), 0),
       coalesce(sum(signals_received) filter (where avg_latency_ms is not null), 0)
from license_usage_log
where subscription_id between '00000000-0000-4000-8000-000000000301' and '00000000-0000-4000-8000-000000000329'
group by 1, 2, 3, 4, 5, 6
on conflict do nothing;
