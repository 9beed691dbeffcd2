-- Renewals: the charges for each period, and the events of the payment providers.
insert into schema_migrations (name) values ('0006_renewals');

-- A range type over uuid: exclusion constraints can compare identifiers without the extension btree_gist.
create type uuid_range as range (subtype = uuid);

create table renewals (
    renewal_id      uuid primary key default uuid_generate_v4(),
    subscription_id uuid not null references subscriptions (subscription_id),
    user_id         uuid not null references users (user_id),
    -- The expiry from which this renewal extends the license.
    period_start    timestamptz not null,
    renewal_type    text not null,
    status          text not null,
    -- The price in force when the renewal was created.
    amount_usd      numeric(10,2),
    price_accepted  boolean not null default false,
    intent_id       text,
    soft_declines   int not null default 0,
    lookups         int not null default 0,
    unknown_since   timestamptz,
    gives_up_at     timestamptz not null,
    next_action_at  timestamptz,
    paid_with       text,
    paid_from       timestamptz,
    paid_until      timestamptz,
    -- Incremented by every claim and every write: a process that has read an older value can't write.
    fence           bigint not null default 0,
    lease_until     timestamptz,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    constraint one_renewal_a_period unique (subscription_id, period_start),
    constraint paid_periods_never_overlap exclude using gist (
        uuid_range(subscription_id, subscription_id, '[]') with &&, tstzrange(paid_from, paid_until) with &&) where (status = 'applied'),
    constraint renewal_type_is_known check (renewal_type in ('auto', 'manual')),
    constraint status_is_known check (status in ('due', 'charging', 'unknown', 'undecided', 'soft_declined', 'hard_declined',
        'needs_authentication', 'awaiting_consent', 'payment_needed', 'not_renewable', 'succeeded', 'applied', 'canceled', 'lapsed')),
    constraint paid_with_is_known check (paid_with in ('nothing', 'wallet', 'card')),
    constraint applied_says_what_was_paid check (
        (status = 'applied') = (paid_with is not null and paid_from is not null and paid_until is not null)),
    constraint unknown_has_an_intent check (status not in ('unknown', 'undecided', 'succeeded') or intent_id is not null),
    constraint amount_not_negative check (amount_usd >= 0),
    constraint period_not_backwards check (paid_until >= paid_from)
) with (fillfactor = 80);
create index renewals_due on renewals (next_action_at) where next_action_at is not null;
create unique index one_renewal_an_intent on renewals (intent_id) where intent_id is not null;
create index renewals_to_decide on renewals (unknown_since) where status = 'undecided';
create trigger renewals_updated_at before update on renewals
    for each row execute function update_updated_at_column();

create table renewal_attempts (
    attempt_id        uuid primary key,
    renewal_id        uuid not null references renewals (renewal_id),
    number            int not null,
    provider          text not null,
    payment_method_id uuid not null,
    request           jsonb not null,
    first_sent_at     timestamptz not null,
    opens_intent      boolean not null,
    status            text not null,
    code              text,
    transaction_id    text,
    updated_at        timestamptz not null default now(),
    constraint attempts_are_numbered unique (renewal_id, number),
    constraint status_is_known check (status in
        ('sent', 'succeeded', 'soft_declined', 'hard_declined', 'needs_authentication', 'canceled', 'never_charged')),
    constraint succeeded_has_a_transaction check (status <> 'succeeded' or transaction_id is not null)
);
create unique index one_open_attempt_a_renewal on renewal_attempts (renewal_id) where status = 'sent';
create unique index a_charge_is_booked_once on renewal_attempts (provider, transaction_id) where transaction_id is not null;

-- A repeated request with the same key must have the same content. The key's lifetime begins with the first request.
create function keep_request_frozen() returns trigger language plpgsql as $$
begin
    raise exception 'the request of attempt % is frozen', old.attempt_id using errcode = 'restrict_violation';
end $$;
create trigger keep_request_frozen before update on renewal_attempts
    for each row when (old.request is distinct from new.request or old.first_sent_at is distinct from new.first_sent_at
                       or old.provider is distinct from new.provider)
    execute function keep_request_frozen();

-- Idempotency-Key of POST …/renew: written in the transaction that restarts the renewal, so that a repeated request has no effect.
create table renewal_requests (
    caller_id       uuid not null,
    idempotency_key text not null,
    subscription_id uuid not null,
    renewal_id      uuid not null references renewals (renewal_id),
    requested_at    timestamptz not null default now(),
    constraint a_key_asks_once primary key (caller_id, idempotency_key),
    constraint key_is_short check (length(idempotency_key) between 1 and 255)
);
create index renewal_requests_by_age on renewal_requests (requested_at);

-- Events of payment providers, one row per event. The row is written in the transaction that applies the event.
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
