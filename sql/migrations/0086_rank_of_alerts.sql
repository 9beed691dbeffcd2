-- Indexes for the operators' queue of alerts in the order of listed_alerts.queue_rank, of one status and of open alerts (OPEN and
-- INVESTIGATING). They replace those of the earlier order.
insert into schema_migrations (name) values ('0086_rank_of_alerts');

create index alerts_by_status_and_rank on suspicious_activity_alerts (
    status,
    (case when status not in ('OPEN', 'INVESTIGATING') then 0
          when appealed_at is not null then 7
          when customer_denied_at is not null then 6
          when measure = 'SUSPENDED' then 5
          when severity = 'CRITICAL' then 4
          when severity = 'HIGH' then 3
          when severity = 'MEDIUM' then 2
          else 1 end) desc,
    least(greatest(detected_at, '1970-01-01 00:00:00+00'::timestamptz), '9000-01-01 00:00:00+00'::timestamptz) desc,
    alert_id desc);
create index open_alerts_by_rank on suspicious_activity_alerts (
    (case when status not in ('OPEN', 'INVESTIGATING') then 0
          when appealed_at is not null then 7
          when customer_denied_at is not null then 6
          when measure = 'SUSPENDED' then 5
          when severity = 'CRITICAL' then 4
          when severity = 'HIGH' then 3
          when severity = 'MEDIUM' then 2
          else 1 end) desc,
    least(greatest(detected_at, '1970-01-01 00:00:00+00'::timestamptz), '9000-01-01 00:00:00+00'::timestamptz) desc,
    alert_id desc)
    where status in ('OPEN', 'INVESTIGATING');
drop index alerts_by_status_and_queue;
drop index open_alerts_by_queue;
