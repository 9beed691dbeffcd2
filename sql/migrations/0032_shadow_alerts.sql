-- A policy in shadow: what it would have found, beside the real alerts. Nothing acts on these rows.
insert into schema_migrations (name) values ('0032_shadow_alerts');

-- They belong to the detector's state, whose row the scan has locked: a key of subscriptions would wait for whoever has locked that.
-- policy: the key of the policy that made the row; rows of another policy are replaced or removed.
create table shadow_states (
    subscription_id uuid primary key references suspicion_states (subscription_id) on delete cascade,
    policy text not null,
    state jsonb not null,
    began_at timestamptz not null default now()
);

create table shadow_alerts (
    subscription_id uuid not null references suspicion_states (subscription_id) on delete cascade,
    incident text not null,
    policy text not null,
    activity_type text not null,
    severity text not null,
    measure text not null,
    description text not null,
    evidence jsonb not null,
    detected_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (subscription_id, incident),
    constraint measure_is_known check (measure in ('NONE', 'NOTIFIED', 'ASKED', 'REFUSED', 'SUSPENDED'))
);
