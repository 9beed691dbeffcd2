-- Indexes for the search of devices that a check refused, which no other table has.
insert into schema_migrations (name) values ('0088_alerts_by_refused_device');

create index alerts_by_refused_account on suspicious_activity_alerts ((evidence -> 'refused_device' ->> 'mt5_account_number'))
    where evidence ? 'refused_device';
create index alerts_by_refused_ea on suspicious_activity_alerts
    (lower(evidence -> 'refused_device' ->> 'ea_instance_id') text_pattern_ops)
    where evidence ? 'refused_device';
create index alerts_by_refused_address on suspicious_activity_alerts ((evidence -> 'refused_device' ->> 'ip_address'))
    where evidence ? 'refused_device';
