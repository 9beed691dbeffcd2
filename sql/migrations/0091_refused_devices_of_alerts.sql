-- The devices of the alerts that existed before the triggers of 0090.
insert into schema_migrations (name) values ('0091_refused_devices_of_alerts');

insert into refused_devices (alert_id, is_last, subscription_id, detected_at, ea_instance_id, mt5_account_number, network)
select a.alert_id, n.is_last, a.subscription_id, a.detected_at, n.ea_instance_id, n.mt5_account_number, n.network
from suspicious_activity_alerts a cross join lateral refused_devices_of(a.evidence) n
where a.subscription_id is not null and a.evidence ?| array['refused_device', 'newcomer', 'last_refused_device']
on conflict (alert_id, is_last) do nothing;
