-- Alerts in every status: new, in progress, resolved, and a false positive.
insert into suspicious_activity_alerts
    (alert_id, detected_at, subscription_id, user_id, token_hash, activity_type, severity, description, evidence, status,
     resolved_at, resolved_by, resolution_notes, auto_action_taken, asked_at)
select ('00000000-0000-4000-8000-000000000' || 800 + n)::uuid, now() - ago, s.subscription_id, s.subscriber_id, t.token_hash,
       activity_type, severity, description, evidence::jsonb, alerts.status,
       case when resolution_notes is not null then now() - ago + interval '40 minutes' end,
       case when resolution_notes is not null then '00000000-0000-4000-8000-000000000001'::uuid end, resolution_notes, auto_action,
       case when evidence like '%ASKED%' then now() - ago end
from (values
    (7, interval '5 hours', 'CONCURRENT_SESSIONS', 'HIGH',
        'Concurrent sessions detected: 2 active devices',
        '{"measure": "SUSPENDED", "device_key": "880731|EA-SARA-3", "device_limit": 2, '
        '"refused_device": {"ea_instance_id": "EA-SARA-3", "mt5_account_number": 880731, "ip_address": "203.0.113.73", "country": "GB", '
        '"city": "Leeds"}}', 'OPEN', null, 'SUSPENDED'),
    (8, interval '3 hours', 'UNUSUAL_USAGE_PATTERN', 'LOW', 'A third device was refused: both slots are in use',
        '{"measure": "REFUSED", "device_key": "620803|EA-LIAM-3", "device_limit": 2, "refusals": 3, '
        '"refused_device": {"ea_instance_id": "EA-LIAM-3", '
        '"mt5_account_number": 620803, "ip_address": "203.0.113.83", "country": "BR", "city": "Recife"}}', 'OPEN', null, 'NONE'),
    (20, interval '26 hours', 'MULTIPLE_IPS', 'MEDIUM', 'Two devices in two cities for five days, never both idle',
        jsonb_build_object('networks_24h', 4, 'measure', 'ASKED', 'devices', jsonb_build_array(
            jsonb_build_object('ea_instance_id', 'EA-MARCO-1', 'account', 622001, 'country', 'IT', 'city', 'Milan',
                               'first_at', now() - interval '6 days', 'last_at', now() - interval '27 hours'),
            jsonb_build_object('ea_instance_id', 'EA-MARCO-2', 'account', 622002, 'country', 'IT', 'city', 'Naples',
                               'first_at', now() - interval '6 days', 'last_at', now() - interval '26 hours')))::text,
        'INVESTIGATING', null, 'NOTIFIED'),
    (19, interval '6 days', 'RAPID_IP_CHANGES', 'LOW', 'Six addresses in a day', '{"networks_24h": 6}', 'FALSE_POSITIVE',
        'IPv6 privacy addresses of one home connection', 'NONE'),
    (18, interval '11 days', 'GEOGRAPHIC_ANOMALY', 'MEDIUM', 'Active in London and Lagos within the hour',
        '{"places": ["London", "Lagos"]}', 'RESOLVED', 'A VPS besides the trader''s home computer: usual for this trader', 'NONE')
) as alerts (n, ago, activity_type, severity, description, evidence, status, resolution_notes, auto_action)
join subscriptions s on s.subscription_id = ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid
join license_tokens t on t.token_id = ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid
on conflict do nothing;

update license_suspensions set alert_id = '00000000-0000-4000-8000-000000000807'
where suspension_id = '00000000-0000-4000-8000-000000000607' and alert_id is null;
