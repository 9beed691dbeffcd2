-- Monotonic counters. They remain when the counted rows are deleted, survive restarts, and are the same on every instance.
insert into schema_migrations (name) values ('0011_metrics');

create table metric_counters (
    name  text not null,
    label text not null default '',
    value double precision not null,
    primary key (name, label),
    constraint counter_not_negative check (value >= 0)
);

-- Increments that are not in the counters yet. Each is a separate row, so that two transactions that increment the same
-- counter don't wait for each other. Every instance adds them to the counters every few seconds; a reader sums both tables.
create table metric_increments (
    increment_id bigint generated always as identity primary key,
    name         text not null,
    label        text not null default '',
    amount       double precision not null,
    constraint increment_positive check (amount > 0)
);

create function count_alert() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, label, amount)
    -- The type is whatever the platform calls create_suspicious_activity_alert with; a label's values must be few.
    select 'suspicious_activities_total',
           case when new.activity_type in ('MULTIPLE_IPS', 'RAPID_IP_CHANGES', 'UNUSUAL_USAGE_PATTERN', 'CONCURRENT_SESSIONS',
                                           'GEOGRAPHIC_ANOMALY', 'TOO_MANY_DEVICES') then new.activity_type else 'OTHER' end, 1
    union all
    select 'device_violations_total', '', 1 where new.activity_type = 'TOO_MANY_DEVICES';
    return null;
end $$;
create trigger count_alert after insert on suspicious_activity_alerts for each row execute function count_alert();

create function count_device_suspension() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, amount) values ('device_violations_total', 1);
    return null;
end $$;
create trigger count_device_suspension after insert on license_suspensions
    for each row when (new.cause = 'DEVICE_LIMIT') execute function count_device_suspension();

-- An attempt is counted once, when its outcome is known.
create function count_renewal() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.status = new.status then
        return null;
    end if;
    insert into metric_increments (name, label, amount) values (new.renewal_type || '_renewals_total', new.status, 1);
    return null;
end $$;
create trigger count_renewal after insert or update of status on license_renewal_history
    for each row when (new.status in ('success', 'failed')) execute function count_renewal();

-- Existing rows are counted after the triggers are created: creating them locks the tables, so that no row is missed.
insert into metric_counters (name, label, value)
select 'suspicious_activities_total',
       case when activity_type in ('MULTIPLE_IPS', 'RAPID_IP_CHANGES', 'UNUSUAL_USAGE_PATTERN', 'CONCURRENT_SESSIONS',
                                   'GEOGRAPHIC_ANOMALY', 'TOO_MANY_DEVICES') then activity_type else 'OTHER' end, count(*)
from suspicious_activity_alerts group by 2
union all
select renewal_type || '_renewals_total', status, count(*)
from license_renewal_history where status in ('success', 'failed') group by 1, 2
union all
select 'device_violations_total', '', sum(n)
from (select count(*) from suspicious_activity_alerts where activity_type = 'TOO_MANY_DEVICES'
      union all select count(*) from license_suspensions where cause = 'DEVICE_LIMIT') as violations (n);

-- Read at every scrape.
create index usage_quarantine_open on usage_quarantine (source) where state = 'OPEN';
create index outbox_dead on outbox (kind) where dead_at is not null;
