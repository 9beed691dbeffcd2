-- Operations: the audit log, the outbox, and the leases of the timers.
insert into schema_migrations (name) values ('0003_operations');

create table audit_log (
    audit_id        bigint generated always as identity primary key,
    occurred_at     timestamptz not null default now(),
    actor_kind      text not null,
    actor_id        uuid,
    action          text not null,
    subscription_id uuid,
    subject         text,
    reason          text,
    before          jsonb,
    after           jsonb,
    constraint actor_kind_is_known check (actor_kind in ('operator', 'owner', 'service', 'system', 'runbook'))
);
create index audit_log_subscription_id on audit_log (subscription_id, occurred_at desc);
create trigger audit_log_is_append_only before update or delete on audit_log
    for each row execute function refuse_change_of_evidence();
create trigger audit_log_is_never_emptied before truncate on audit_log
    for each statement execute function refuse_change_of_evidence();

create table outbox (
    outbox_id   uuid primary key default uuid_generate_v4(),
    kind        text not null,
    dedup_key   text not null unique,
    payload     jsonb not null,
    created_at  timestamptz not null default now(),
    due_at      timestamptz not null default now(),
    attempts    int not null default 0,
    lease_until timestamptz,
    fence       bigint not null default 0,
    sent_at     timestamptz,
    dead_at     timestamptz,
    last_error  text,
    constraint kind_is_known check (kind in ('email', 'alert_webhook', 'event')),
    constraint sent_or_dead_not_both check (sent_at is null or dead_at is null)
);
create index outbox_due_at on outbox (due_at) where sent_at is null and dead_at is null;

create table timer_leases (
    timer_name        text primary key,
    holder            text,
    lease_until       timestamptz,
    fence             bigint not null default 0,
    last_started_at   timestamptz,
    last_finished_at  timestamptz,
    last_succeeded_at timestamptz,
    last_status       text,
    last_counts       jsonb,
    last_error        text,
    next_due_at       timestamptz
);
