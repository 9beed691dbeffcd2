-- Refunds that operators request, and evidence that they send for disputes. Both are rows before the provider is called.
insert into schema_migrations (name) values ('0025_refunds_and_evidence');

create table refunds (
    refund_id       uuid primary key,
    renewal_id      uuid not null references renewals (renewal_id),
    subscription_id uuid not null references subscriptions (subscription_id),
    -- wallet for a refund to the wallet.
    provider        text not null,
    intent_id       text,
    amount_minor    bigint not null,
    -- What it does to the paid period.
    period          text not null,
    reason          text not null,
    requested_by    uuid,
    requested_at    timestamptz not null default now(),
    state           text not null default 'requested',
    -- While a refund is requested: when it is sent or looked up again. A worker that sends it moves this time into the future.
    next_try_at     timestamptz,
    tries           int not null default 0,
    -- The idempotency key contains this number; a new one begins when the lifetime of the key is over and nothing was refunded.
    key_number      int not null default 1,
    key_used_at     timestamptz,
    -- The provider's id of the refund.
    provider_id     text,
    code            text,
    detail          text,
    decided_at      timestamptz,
    constraint refunded_amount_positive check (amount_minor > 0),
    constraint refund_period_is_known check (period in ('keep', 'shorten', 'end')),
    constraint refund_state_is_known check (state in ('requested', 'made', 'refused')),
    constraint requested_refund_has_a_next_try check ((state = 'requested') = (next_try_at is not null)),
    constraint made_refund_has_an_id check ((state = 'made') = (provider_id is not null)),
    constraint decided_refund_has_a_time check ((state = 'requested') = (decided_at is null)),
    constraint one_refund_a_provider_id unique (provider, provider_id)
);
create index refunds_of_renewal on refunds (renewal_id);
create index refunds_to_send on refunds (next_try_at) where next_try_at is not null;

create table dispute_evidence (
    reversal_id     uuid primary key references payment_reversals (reversal_id),
    subscription_id uuid not null references subscriptions (subscription_id),
    text            text not null,
    requested_by    uuid,
    requested_at    timestamptz not null default now(),
    state           text not null default 'requested',
    next_try_at     timestamptz,
    tries           int not null default 0,
    code            text,
    detail          text,
    decided_at      timestamptz,
    constraint evidence_has_a_length check (length(text) between 1 and 20000),
    constraint evidence_state_is_known check (state in ('requested', 'sent', 'refused')),
    constraint requested_evidence_has_a_next_try check ((state = 'requested') = (next_try_at is not null)),
    constraint decided_evidence_has_a_time check ((state = 'requested') = (decided_at is null))
);
create index evidence_to_send on dispute_evidence (next_try_at) where next_try_at is not null;
