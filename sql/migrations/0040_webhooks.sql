-- Receivers of license events over HTTP.
insert into schema_migrations (name) values ('0040_webhooks');

create table webhook_endpoints (
    endpoint_id uuid primary key default uuid_generate_v4(),
    url text not null,
    -- Null for all types, those of later versions included.
    types text[],
    -- The place of the last event that was accepted or that is not sent to this endpoint.
    position bigint not null,
    -- Failed attempts to send the next event.
    attempts int not null default 0,
    failing_since timestamptz,
    due_at timestamptz not null default now(),
    last_error text,
    last_accepted_at timestamptz,
    disabled_at timestamptz,
    disabled_by text,
    lease_until timestamptz,
    -- Raised by each claim and each change, so that a process that sends with older values can't store its result.
    fence bigint not null default 0,
    created_at timestamptz not null default now(),
    created_by uuid,
    constraint url_is_unique unique (url),
    constraint at_least_one_type check (types <> '{}'),
    constraint position_is_a_place check (position >= 0),
    constraint failing_after_attempts check ((failing_since is null) = (attempts = 0)),
    constraint disabled_by_is_known check (disabled_by in ('operator', 'failures', 'gone')),
    constraint disabled_by_somebody check ((disabled_at is null) = (disabled_by is null))
);

-- A secret is derived from a key of the settings, the endpoint and the number. So the database contains no secret.
create table webhook_secrets (
    endpoint_id uuid not null references webhook_endpoints on delete cascade,
    number int not null,
    -- Which of the keys it is derived from.
    key_id text not null,
    created_at timestamptz not null default now(),
    -- When it stops signing; null for the newest one.
    expires_at timestamptz,
    primary key (endpoint_id, number),
    constraint number_counts_from_one check (number > 0)
);
