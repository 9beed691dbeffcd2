-- Index for the queue of open alerts (OPEN and INVESTIGATING). alerts_by_status_and_queue covers one status only.
insert into schema_migrations (name) values ('0076_queue_of_open_alerts');

create index open_alerts_by_queue on suspicious_activity_alerts (
    (case when appealed_at between '1970-01-01 00:00:00+00'::timestamptz and '9000-01-01 00:00:00+00'::timestamptz
          then appealed_at end is not null) desc,
    least(greatest(detected_at, '1970-01-01 00:00:00+00'::timestamptz), '9000-01-01 00:00:00+00'::timestamptz) desc,
    alert_id desc)
    where status in ('OPEN', 'INVESTIGATING');
