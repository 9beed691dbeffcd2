-- Appeals that earlier versions filed as alerts about unusual usage get their own type.
insert into schema_migrations (name) values ('0083_types_of_earlier_appeals');

-- Only those that are proven to be appeals: the appeal names the alert, whose text and evidence are those that only an appeal wrote. An
-- alert of the detector that got an appeal later has other evidence. Naming the severity makes a trigger mark the health score as due,
-- because an appeal costs no points.
update suspicious_activity_alerts a
set activity_type = 'APPEAL', severity = a.severity
from license_appeals p
join license_suspensions s on s.suspension_id = p.suspension_id
where p.alert_id = a.alert_id and a.activity_type = 'UNUSUAL_USAGE_PATTERN' and a.incident is null
  and a.description = 'Appeal: ' || s.reason and a.evidence ? 'cause' and a.evidence - 'cause' - 'device_key' - 'measure' = '{}';
