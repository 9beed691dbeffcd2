-- The detector's state of each license, the columns of alerts, and customers' appeals.
insert into schema_migrations (name) values ('0007_suspicion');

-- The detector's state, a few kilobytes; the code limits its size. forgiven_at: usage before this time is already in the state.
create table suspicion_states (
    subscription_id uuid primary key references subscriptions (subscription_id) on delete cascade,
    state jsonb not null default '{}',
    forgiven_at timestamptz not null default '-infinity',
    updated_at timestamptz not null default now()
);

-- The guide's table, with additional columns: the findings of one incident update one alert instead of adding alerts.
alter table suspicious_activity_alerts
    add column incident text,
    add column updated_at timestamptz not null default now(),
    add column operators_told_at timestamptz,
    add column appealed_at timestamptz,
    add column customer_confirmed_at timestamptz,
    add column confirmed_from_known boolean not null default false;
create unique index one_open_alert_an_incident on suspicious_activity_alerts (subscription_id, incident)
    where incident is not null and status in ('OPEN', 'INVESTIGATING');
create index suspicious_activity_alerts_queue on suspicious_activity_alerts ((appealed_at is not null) desc, detected_at desc, alert_id desc);
create index suspicious_activity_alerts_untold on suspicious_activity_alerts (detected_at) where operators_told_at is null;

create table license_appeals (
    appeal_id uuid primary key default uuid_generate_v4(),
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    suspension_id uuid not null references license_suspensions (suspension_id) on delete cascade,
    alert_id uuid references suspicious_activity_alerts (alert_id) on delete set null,
    message text not null,
    submitted_at timestamptz not null default now(),
    submitted_by uuid,
    constraint one_appeal_a_suspension unique (suspension_id),
    constraint message_says_something check (length(btrim(message)) between 1 and 2000)
);
create index license_appeals_by_license on license_appeals (subscription_id, submitted_at desc);
create index license_appeals_by_alert on license_appeals (alert_id);
