-- Reads whose cost doesn't grow with the number of licenses: the comparison of the platform's columns, and the operators' queue of alerts.
insert into schema_migrations (name) values ('0070_bounded_reads');

-- The platform's tables get no trigger, so their columns are compared with those of the last score: a part of the licenses at a time.
create table health_comparison (
    only_row boolean primary key default true,
    -- The next part begins with this license, or with the one after it. The parts follow the order of the ids.
    next_subscription_id uuid not null default '00000000-0000-0000-0000-000000000000',
    constraint has_one_row check (only_row)
);
insert into health_comparison default values;

-- The queue of one status. It is sorted by the times that listed_alerts shows, which are between 1970 and 9000: with the expressions of
-- past_time(appealed_at) and shown_time(detected_at).
create index alerts_by_status_and_queue on suspicious_activity_alerts (
    status,
    (case when appealed_at between '1970-01-01 00:00:00+00'::timestamptz and '9000-01-01 00:00:00+00'::timestamptz
          then appealed_at end is not null) desc,
    least(greatest(detected_at, '1970-01-01 00:00:00+00'::timestamptz), '9000-01-01 00:00:00+00'::timestamptz) desc,
    alert_id desc);
-- No statement sorts by the stored times.
drop index suspicious_activity_alerts_queue;
