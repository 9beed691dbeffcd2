-- Whether an operator allowed this device: its alert was closed as a false alarm, or its suspension was lifted as one. Such a device gets
-- a slot of its own beyond the limit. A reopened alert takes this back.
create or replace function is_device_granted(subscription_id uuid, device_key text) returns boolean language sql stable as $$
    select exists (select from suspicious_activity_alerts a
                   where a.subscription_id = $1 and a.status = 'FALSE_POSITIVE' and a.evidence ->> 'device_key' = $2)
        or exists (select from license_suspensions s
                   where s.subscription_id = $1 and s.device_key = $2 and s.closed_how = 'FALSE_POSITIVE'
                     and not exists (select from suspicious_activity_alerts a where a.alert_id = s.alert_id and is_alert_open(a.status))
                     and not exists (select from license_appeals p join suspicious_activity_alerts a on a.alert_id = p.alert_id
                                     where p.suspension_id = s.suspension_id and is_alert_open(a.status)))
$$;
