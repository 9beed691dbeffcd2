-- The stored health of each license, its changes, and when it must be scored again.
insert into schema_migrations (name) values ('0009_health');

create table license_health (
    subscription_id uuid primary key references subscriptions (subscription_id) on delete cascade,
    -- Null until the license is scored for the first time.
    score smallint,
    status text,
    contributions jsonb not null default '[]',
    -- Whether the license loses points because it is not used. The next usage restores them.
    is_silent boolean not null default false,
    scored_at timestamptz,
    -- When the license must be scored again: immediately after a change, otherwise when the passage of time changes the score.
    due_at timestamptz not null default now(),
    -- Number of changes. A scoring that began before a change must not postpone the next one.
    marks bigint not null default 0,
    constraint score_from_0_to_100 check (score between 0 and 100),
    constraint scored_says_when check ((score is null) = (scored_at is null) and (score is null) = (status is null))
) with (fillfactor = 80);
create index license_health_due on license_health (due_at);
create index license_health_silent on license_health (subscription_id) where is_silent;

-- The score at the end of each day on which it changed. Between two rows it was constant.
create table license_health_days (
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    day date not null,
    score smallint not null,
    -- The score before the first change of the day; null if there was none.
    previous_score smallint,
    -- The contributions that were added and removed.
    gained jsonb not null default '[]',
    lost jsonb not null default '[]',
    primary key (subscription_id, day),
    constraint score_from_0_to_100 check (score between 0 and 100)
);

create function mark_health_due(license uuid) returns void language sql as $$
    insert into license_health as h (subscription_id) select s.subscription_id from subscriptions s where s.subscription_id = license
    on conflict (subscription_id) do update set due_at = least(h.due_at, now()), marks = h.marks + 1
$$;

-- For this backend's tables that contain the license. The platform's tables get no trigger: every scoring reads them, and
-- each license is scored every few hours.
create function health_facts_changed() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform mark_health_due(old.subscription_id);
    end if;
    if tg_op <> 'DELETE' then
        perform mark_health_due(new.subscription_id);
    end if;
    return null;
end $$;

create trigger health_facts_changed after insert or delete or update of removed_at on license_devices
    for each row execute function health_facts_changed();
create trigger health_facts_changed after insert on license_device_changes
    for each row execute function health_facts_changed();
create trigger health_facts_changed after insert or delete or update of closed_at on license_suspensions
    for each row execute function health_facts_changed();
create trigger health_facts_changed after insert or delete or update of status, severity on suspicious_activity_alerts
    for each row execute function health_facts_changed();
create trigger health_facts_changed after insert or update of status on license_renewal_history
    for each row execute function health_facts_changed();

-- A card affects all licenses of its subscriber, a price those of its master.
create function payment_method_changed() returns trigger language plpgsql as $$
begin
    perform mark_health_due(s.subscription_id) from subscriptions s where s.subscriber_id = coalesce(new.user_id, old.user_id);
    return null;
end $$;
create trigger health_facts_changed after insert or delete or update of is_default, is_active, expiry_month, expiry_year on user_payment_methods
    for each row execute function payment_method_changed();

create function price_changed() returns trigger language plpgsql as $$
begin
    perform mark_health_due(s.subscription_id) from subscriptions s where s.master_id = coalesce(new.master_id, old.master_id);
    return null;
end $$;
create trigger health_facts_changed after insert or delete or update of monthly_fee_usd, is_active on master_pricing
    for each row execute function price_changed();
