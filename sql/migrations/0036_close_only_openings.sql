-- Usage records say how many positions a device opened and closed. Openings although only closing is allowed become an alert.
insert into schema_migrations (name) values ('0036_close_only_openings');

-- Devices from before leases were counted as seen on one day. Their usage says on which days it was more. A lease needs seven at most.
-- First, because the changes of tables below lock them.
update license_devices d
set days_seen = seen.days
from license_devices device
cross join lateral (
    select count(distinct (r.hour_at at time zone 'UTC')::date) as days
    from usage_rollups r
    where r.subscription_id = device.subscription_id and r.hour_at > greatest(device.first_seen_at, now() - interval '30 days')
      and r.ea_instance_id = device.ea_instance_id and r.mt5_account_number = device.mt5_account_number
) seen
where d.device_id = device.device_id and device.removed_at is null and device.days_seen < seen.days;

-- Null: not reported. No check: TimescaleDB can't add one while chunks are compressed. Whoever stores records has the ranges.
alter table license_usage_log
    add column opened int,
    add column closed int;

-- The alert about positions that were opened in the period: one at most. No foreign key, as with the license.
alter table close_only_periods add column alert_id uuid;

create or replace function count_alert() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, label, amount)
    -- The type is whatever the platform calls create_suspicious_activity_alert with; a label's values must be few.
    select 'suspicious_activities_total',
           case when new.activity_type in ('MULTIPLE_IPS', 'RAPID_IP_CHANGES', 'UNUSUAL_USAGE_PATTERN', 'CONCURRENT_SESSIONS',
                                           'GEOGRAPHIC_ANOMALY', 'TOO_MANY_DEVICES', 'OPENED_UNDER_CLOSE_ONLY')
                then new.activity_type else 'OTHER' end, 1
    union all
    select 'device_violations_total', '', 1 where new.activity_type = 'TOO_MANY_DEVICES';
    return null;
end $$;
