-- The gauges that triggers keep in metric_counters and metric_increments (migration 0069), counted in the tables. RetainData compares the
-- two once per day, because loading rows without triggers, or with them after the counts were loaded, changes only one of them.
create or replace view counted_gauges as
select 'gauge:licenses' as name, status as label, count(*)::double precision as value
from license_health where score is not null group by status
union all
select 'gauge:license_health_score_distribution', score::text, count(*) from license_health where score is not null group by score
union all
select 'gauge:license_suspensions_open', cause, count(*) from license_suspensions where closed_at is null group by cause
union all
select 'gauge:suspicious_activity_alerts_open', severity::text, count(*)
from suspicious_activity_alerts where is_alert_open(status) group by severity
union all
select 'gauge:suspicious_activity_measures_open', measure, count(*)
from suspicious_activity_alerts where is_alert_open(status) group by measure;
