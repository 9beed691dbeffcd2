-- Licenses about which the policy in force or the policy in shadow has found something, with the strongest open alert of each.
-- An alert of the policy in force counts alone only if it was updated since the shadow observes the license.
create or replace view shadow_comparison as
select
    s.subscription_id, s.policy, s.began_at, real.alert_id, real.measure, real.description, real.detected_at,
    shadow.measure as shadow_measure, shadow.severity as shadow_severity, shadow.activity_type as shadow_activity_type,
    shadow.description as shadow_description, shadow.evidence as shadow_evidence, shadow.detected_at as shadow_detected_at,
    least(real.detected_at, shadow.detected_at) as found_at,
    case when real.alert_id is null then 'ONLY_SHADOW'
         when shadow.measure is null then 'ONLY_IN_FORCE'
         when measure_rank(shadow.measure) > measure_rank(real.measure) then 'STRONGER'
         when measure_rank(shadow.measure) < measure_rank(real.measure) then 'WEAKER'
         else 'SAME' end as difference
from (select subscription_id from shadow_alerts
      union
      select subscription_id from suspicious_activity_alerts where is_alert_open(status) and incident is not null) as found
join shadow_states s using (subscription_id)
left join lateral (
    select a.alert_id, a.measure, a.description, shown_time(a.detected_at) as detected_at, a.updated_at
    from suspicious_activity_alerts a
    where a.subscription_id = s.subscription_id and is_alert_open(a.status) and a.incident is not null
    order by measure_rank(a.measure) desc, a.updated_at desc, a.alert_id limit 1
) as real on true
left join lateral (
    select h.measure, h.severity, h.activity_type, h.description, h.evidence, h.detected_at
    from shadow_alerts h
    where h.subscription_id = s.subscription_id and h.policy = s.policy
    order by measure_rank(h.measure) desc, h.updated_at desc, h.incident limit 1
) as shadow on true
where shadow.measure is not null or real.updated_at >= s.began_at;
