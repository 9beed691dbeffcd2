-- Usage ingest: the arrivals of new rows for the detector, and the quarantine of invalid records.
insert into schema_migrations (name) values ('0005_usage_ingest');

-- One row per transaction that inserted usage, from any source: its licenses, and for each license the time span of its new rows.
-- A row becomes visible when its transaction commits. Claiming rows (for update skip locked, delete) can't miss one that
-- commits late, as a cursor would. The columns are arrays, so that a batch of 1,000 licenses needs one insert.
create table usage_arrivals (
    arrival_id       bigint generated always as identity primary key,
    arrived_at       timestamptz not null default now(),
    subscription_ids uuid[] not null,
    earliest_at      timestamptz[] not null,
    latest_at        timestamptz[] not null,
    constraint a_span_for_each_licence check (cardinality(earliest_at) = cardinality(subscription_ids)
                                              and cardinality(latest_at) = cardinality(subscription_ids)
                                              and cardinality(subscription_ids) > 0)
);
-- Random identifiers can't be compressed; an attempt would cost more than the insert.
alter table usage_arrivals
    alter column subscription_ids set storage external,
    alter column earliest_at set storage external,
    alter column latest_at set storage external;

-- The payload is text and not jsonb: it may not be JSON, and JSON may contain \u0000, which jsonb rejects.
create table usage_quarantine (
    quarantine_id  uuid primary key default uuid_generate_v4(),
    quarantined_at timestamptz not null default now(),
    source         text not null,
    code           text not null,
    field          text,
    detail         text not null,
    payload        text not null,
    -- SHA-256 of the received payload: a message that is delivered again is quarantined once.
    payload_digest bytea not null,
    state          text not null default 'OPEN',
    closed_at      timestamptz,
    closed_by      uuid,
    constraint payload_quarantined_once unique (payload_digest),
    constraint digest_is_sha256 check (octet_length(payload_digest) = 32),
    constraint source_is_known check (source in ('queue', 'dead_letter', 'http', 'replay', 'sql')),
    constraint quarantine_state_is_known check (state in ('OPEN', 'REPLAYED', 'DISCARDED')),
    constraint closed_says_when check ((state = 'OPEN') = (closed_at is null))
);
create index usage_quarantine_quarantined_at on usage_quarantine (quarantined_at desc, quarantine_id desc);
