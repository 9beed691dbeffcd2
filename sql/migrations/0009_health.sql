-- The stored health of each license, what changed it, and when it is to be judged again.
insert into schema_migrations (name) values ('0009_health');

create table license_health (
    subscription_id uuid primary key references subscriptions (subscription_id) on delete cascade,
    -- Null until it is judged for the first time.
    score smallint,
    status text,
    contributions jsonb not null default '[]',
    -- Loses points for silence: the first use brings them back.
    is_silent boolean not null default false,
    scored_at timestamptz,
    -- When it is to be judged again: at once after a change, else when time alone will change it.
    due_at timestamptz not null default now(),
    -- Counts the changes; a judgement that began before one doesn't put off the next.
    marks bigint not null default 0,
    constraint score_from_0_to_100 check (score between 0 and 100),
    constraint scored_says_when check ((score is null) = (scored_at is null) and (score is null) = (status is null))
) with (fillfactor = 80);
create index license_health_due on license_health (due_at);
create index license_health_silent on license_health (subscription_id) where is_silent;

-- The score on each day on which it changed, at the day's end; between two rows it stayed.
create table license_health_days (
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    day date not null,
    score smallint not null,
    -- The score before that day's first change; null where there was none.
    previous_score smallint,
    -- What changed it: the contributions that came and went.
    gained jsonb not null default '[]',
    lost jsonb not null default '[]',
    primary key (subscription_id, day),
    constraint score_from_0_to_100 check (score between 0 and 100)
);

create function mark_health_due(license uuid) returns void language sql as $$
    insert into license_health as h (subscription_id) select s.subscription_id from subscriptions s where s.subscription_id = license
    on conflict (subscription_id) do update set due_at = least(h.due_at, now()), marks = h.marks + 1
$$;

-- For our own tables that name the license. The platform's carry no trigger of ours: a license's judgement looks at them
-- whenever it is made, and none is older than a few hours.
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

-- A card or a price concerns all licenses of its owner.
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
