-- What a payment provider told us, each event once. The row is written in the transaction of its effect.
insert into schema_migrations (name) values ('0006_renewals');

create table payment_events (
    provider text not null,
    event_id text not null,
    event_type text not null,
    created_at timestamptz not null,
    received_at timestamptz not null default now(),
    body jsonb,
    constraint payment_events_come_once primary key (provider, event_id)
);

create index payment_events_by_received_at on payment_events (received_at);
