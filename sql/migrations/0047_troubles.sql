-- Troubles of the backend, one row for each cause. The event feed and mails report them.
insert into schema_migrations (name) values ('0047_troubles');

-- A cause that was seen. The row is deleted when the trouble is closed, or when the cause goes before it was opened.
create table troubles (
    trouble_id uuid primary key default uuid_generate_v4(),
    cause text not null,
    -- What the cause is about: a timer's name, or an id; empty if there is one of its kind only.
    subject text not null,
    -- As last seen.
    details jsonb not null,
    seen_since timestamptz not null,
    last_seen_at timestamptz not null,
    opened_at timestamptz,
    -- The last mail about it.
    told_at timestamptz,
    constraint one_trouble_for_each_cause unique (cause, subject),
    constraint cause_is_known check (cause in (
        'RENEWALS_FAILING', 'TIMER_LATE', 'DEAD_LETTERS', 'MAILS_DEAD', 'WEBHOOK_CALLS_DEAD', 'WEBHOOK_DISABLED', 'DISPUTE_UNANSWERED')),
    constraint details_are_an_object check (jsonb_typeof(details) = 'object'),
    constraint told_after_it_was_opened check (told_at is null or opened_at is not null)
);

-- The lock of the process that looks for troubles.
create table trouble_watch (
    only_row boolean primary key default true,
    looked_at timestamptz not null default '-infinity',
    constraint has_one_row check (only_row)
);
insert into trouble_watch default values;

-- Renewals of the last hours are counted each minute.
create index license_renewal_history_attempted_at on license_renewal_history (attempted_at);

-- Not validated here, because that would read all events under this lock. The next migration does it.
alter table license_events
    drop constraint event_type_is_known,
    add constraint event_type_is_known check (type in (
        'license.first_checked', 'license.renewed', 'license.payment_failed', 'license.expiring', 'license.expired', 'license.suspended',
        'license.reinstated', 'license.revoked', 'device.added', 'device.removed', 'alert.opened', 'alert.reviewed', 'price.agreed',
        'payment.refunded', 'payment.disputed', 'trouble.opened', 'trouble.closed')) not valid;
