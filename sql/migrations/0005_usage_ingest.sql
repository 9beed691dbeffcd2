-- Recording use: what new rows have arrived for the detector, and the records that could not be taken.
insert into schema_migrations (name) values ('0005_usage_ingest');

-- One row a transaction that inserted usage, by whichever way it came: the licenses and the span of each one's new rows.
-- A row appears when its transaction commits, so claiming (for update skip locked, delete) by arrival_id never steps over
-- one that commits late, as a cursor would. Arrays, so that a batch of 1,000 licenses costs one insert.
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
-- Random identifiers don't compress: trying costs more than the insert.
alter table usage_arrivals
    alter column subscription_ids set storage external,
    alter column earliest_at set storage external,
    alter column latest_at set storage external;

-- The payload is text, not jsonb: it may be no JSON at all, and JSON may hold \u0000, which jsonb refuses.
create table usage_quarantine (
    quarantine_id  uuid primary key default uuid_generate_v4(),
    quarantined_at timestamptz not null default now(),
    source         text not null,
    code           text not null,
    field          text,
    detail         text not null,
    payload        text not null,
    -- SHA-256 of the payload as it came: a message delivered again is quarantined once.
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
