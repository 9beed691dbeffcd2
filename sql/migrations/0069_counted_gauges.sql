-- Counts that metrics show are kept with the rows that they count, because counting a million licenses at each scrape takes too long.
insert into schema_migrations (name) values ('0069_counted_gauges');

-- A gauge also falls, and of two changes the later one may be added to the counters first.
alter table metric_counters drop constraint counter_not_negative;
alter table metric_increments
    drop constraint increment_positive,
    add constraint increment_changes_something check (amount <> 0);
comment on table metric_counters is
    'Counters only rise. The gauges, whose names begin with "gauge:", also fall. RetainData corrects them by the view counted_gauges.';

-- Run with the rights of their owner: the platform's role, which reviews alerts and deletes licenses, may have none on the table.
-- In an insert, old is null; in a delete, new is null.
create function count_license_health() returns trigger language plpgsql security definer as $$
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
create trigger count_license_health after insert or delete on license_health for each row execute function count_license_health();
create trigger count_changed_health after update of score, status on license_health
    for each row when ((old.score, old.status) is distinct from (new.score, new.status)) execute function count_license_health();

create function count_open_suspensions() returns trigger language plpgsql security definer as $$
begin
    insert into metric_increments (name, label, amount)
    select 'gauge:license_suspensions_open', c.label, sum(c.amount)
    from (values (case when old.closed_at is null then old.cause end, -1),
                 (case when new.closed_at is null then new.cause end, 1)) as c (label, amount)
    where c.label is not null
    group by c.label having sum(c.amount) <> 0;
    return null;
end $$;
create trigger count_open_suspensions after insert or delete on license_suspensions
    for each row execute function count_open_suspensions();
create trigger count_changed_suspensions after update of closed_at, cause on license_suspensions
    for each row execute function count_open_suspensions();

create function count_open_alerts() returns trigger language plpgsql security definer as $$
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
create trigger count_open_alerts after insert or delete on suspicious_activity_alerts for each row execute function count_open_alerts();
create trigger count_changed_alerts after update on suspicious_activity_alerts
    for each row when ((old.status, old.severity, old.measure) is distinct from (new.status, new.severity, new.measure))
    execute function count_open_alerts();

-- This schema, and the caller's temporary objects last: nobody else's table or function may run with the owner's rights.
do $$
declare
    counting text;
begin
    foreach counting in array array['count_license_health', 'count_open_suspensions', 'count_open_alerts'] loop
        execute format('alter function %I() set search_path = %s, pg_temp', counting, current_setting('search_path'));
    end loop;
end $$;

-- Existing rows are counted after the triggers are created: creating them locks the tables, so that no row is missed.
insert into metric_counters (name, label, value)
select 'gauge:licenses', status, count(*) from license_health where score is not null group by status
union all
select 'gauge:license_health_score_distribution', score::text, count(*) from license_health where score is not null group by score
union all
select 'gauge:license_suspensions_open', cause, count(*) from license_suspensions where closed_at is null group by cause
union all
select 'gauge:suspicious_activity_alerts_open', severity, count(*) from suspicious_activity_alerts
where status in ('OPEN', 'INVESTIGATING') group by severity
union all
select 'gauge:suspicious_activity_measures_open', measure, count(*) from suspicious_activity_alerts
where status in ('OPEN', 'INVESTIGATING') group by measure;

-- The alerts whose answers a scrape counts: an answer depends on the time, so its count can't be kept.
create index open_questions on suspicious_activity_alerts (asked_at, customer_confirmed_at, customer_denied_at)
    where status in ('OPEN', 'INVESTIGATING') and measure <> 'SUSPENDED'
      and (asked_at is not null or customer_confirmed_at is not null or customer_denied_at is not null);
