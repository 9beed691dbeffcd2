-- An appeal is an alert for operators. It is not about suspicious use, so suspicious_activities_total doesn't count it.
insert into schema_migrations (name) values ('0081_appeals_are_no_suspicion');

create or replace function count_alert() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, label, amount)
    -- The type is whatever the platform calls create_suspicious_activity_alert with; a label's values must be few.
    select 'suspicious_activities_total',
           case when new.activity_type in ('MULTIPLE_IPS', 'RAPID_IP_CHANGES', 'UNUSUAL_USAGE_PATTERN', 'CONCURRENT_SESSIONS',
                                           'GEOGRAPHIC_ANOMALY', 'TOO_MANY_DEVICES', 'OPENED_UNDER_CLOSE_ONLY')
                then new.activity_type else 'OTHER' end, 1
    where new.activity_type <> 'APPEAL'
    union all
    select 'device_violations_total', '', 1 where new.activity_type = 'TOO_MANY_DEVICES';
    return null;
end $$;
