-- An event that can't be applied no longer stops the read of later ones: it is tried again by itself.
insert into schema_migrations (name) values ('0072_unapplied_events');

create table unapplied_events (
    provider   text not null,
    event_id   text not null,
    event_type text not null,
    created_at timestamptz not null,
    -- Since then, it can't be applied: charges wait for an hour, and it is tried again for a day.
    failed_at  timestamptz not null default now(),
    tried_at   timestamptz not null default now(),
    -- Of the charge whose success it reports; null if it reports none.
    intent_id  text,
    constraint unapplied_events_come_once primary key (provider, event_id)
);

-- The version before this one reads it.
comment on column payment_event_reads.held_since is 'not used any more';
