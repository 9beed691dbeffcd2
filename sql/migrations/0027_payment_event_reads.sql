-- Until when the provider's list of events was read. Events that no webhook delivered are found there.
insert into schema_migrations (name) values ('0027_payment_event_reads');

create table payment_event_reads (
    provider   text primary key,
    -- All events that were created before this time are applied.
    read_until timestamptz not null
);
