-- Refunds and disputes with their states, and payments that a person must decide about.
insert into schema_migrations (name) values ('0022_payment_reversals');

-- One row per refund or dispute. It is kept whatever its charge's renewal is, and applied when that is paid.
create table payment_reversals (
    reversal_id     uuid primary key default uuid_generate_v4(),
    provider        text not null,
    kind            text not null,
    -- The provider's id of the refund or dispute; that of the charge for refund_total.
    provider_id     text not null,
    state           text not null,
    amount_minor    bigint not null,
    currency        text not null,
    intent_id       text,
    charge_id       text,
    reason          text,
    evidence_due_at timestamptz,
    -- When the provider reported the state. A state of an earlier time is ignored.
    changed_at      timestamptz not null,
    first_seen_at   timestamptz not null default now(),
    renewal_id      uuid references renewals (renewal_id),
    subscription_id uuid references subscriptions (subscription_id),
    -- The state whose effect the renewal has; null while the renewal isn't paid.
    applied_state   text,
    applied_at      timestamptz,
    constraint reversals_come_once unique (provider, kind, provider_id),
    constraint state_belongs_to_kind check (case kind
        when 'dispute' then state in ('open', 'lost', 'won')
        when 'refund' then state in ('pending', 'succeeded', 'failed')
        else kind = 'refund_total' and state = 'succeeded' end),
    constraint amount_not_negative check (amount_minor >= 0),
    constraint belongs_to_a_license check ((renewal_id is null) = (subscription_id is null)),
    constraint applied_to_a_renewal check ((applied_at is null) = (applied_state is null) and (applied_at is null or renewal_id is not null))
);
create index payment_reversals_of_renewal on payment_reversals (renewal_id) where renewal_id is not null;
create index payment_reversals_of_intent on payment_reversals (intent_id) where intent_id is not null;
create index open_disputes on payment_reversals (subscription_id) where kind = 'dispute' and state = 'open';
create index waiting_reversals on payment_reversals (first_seen_at) where applied_at is null;

-- What the refunds and disputes of a renewal have changed so far: only the difference is changed next time.
create table reversal_effects (
    renewal_id           uuid primary key references renewals (renewal_id),
    share                numeric not null,
    taken                interval not null,
    stopped_auto_renewal boolean not null,
    refunded_minor       bigint not null,
    charged_back_minor   bigint not null,
    updated_at           timestamptz not null default now(),
    constraint share_is_a_part check (share between 0 and 1),
    constraint taken_not_negative check (taken >= interval '0'),
    constraint amounts_not_negative check (refunded_minor >= 0 and charged_back_minor >= 0)
);

-- Payments that can't be applied. Without foreign keys: what an event names may not exist, for example after a restore.
create table payment_cases (
    case_id         uuid primary key default uuid_generate_v4(),
    provider        text not null,
    reason          text not null,
    subject         text not null,
    renewal_id      uuid,
    subscription_id uuid,
    user_id         uuid,
    transaction_id  text,
    amount_minor    bigint,
    currency        text,
    detail          text not null,
    opened_at       timestamptz not null default now(),
    decision        text,
    decided_at      timestamptz,
    decided_by      uuid,
    decided_why     text,
    constraint one_case_a_reason_and_subject unique (provider, reason, subject),
    constraint decision_is_known check (decision in ('credited', 'dismissed', 'applied', 'refunded')),
    constraint decided_has_a_time check ((decision is null) = (decided_at is null))
);
create index open_payment_cases on payment_cases (opened_at) where decided_at is null;
create index payment_cases_of_renewal on payment_cases (renewal_id) where renewal_id is not null;
