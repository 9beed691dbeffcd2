-- Invoices for payments of renewals, and credit notes for what went back.
insert into schema_migrations (name) values ('0053_invoices');

-- What a customer wants on invoices. An invoice keeps the details of its time.
create table billing_details (
    user_id    uuid primary key references users (user_id),
    name       text not null,
    address    text,
    country    text,
    tax_id     text,
    updated_at timestamptz not null default now(),
    constraint country_has_two_letters check (country ~ '^[A-Z]{2}$')
);

-- One sequence per issuer and year. A row is locked by the transaction that issues, so numbers have no gaps.
create table invoice_series (
    series      text not null,
    year        int not null,
    last_number int not null default 0,
    constraint one_sequence_a_year primary key (series, year),
    constraint last_number_not_negative check (last_number >= 0)
);

create table invoices (
    number          text primary key,
    series          text not null,
    year            int not null,
    sequence        int not null,
    kind            text not null,
    renewal_id      uuid not null references renewals (renewal_id),
    subscription_id uuid not null references subscriptions (subscription_id),
    user_id         uuid not null references users (user_id),
    -- The time of the ledger's entries.
    booked_at       timestamptz not null,
    issued_at       timestamptz not null,
    corrects        text references invoices (number),
    seller          jsonb not null,
    buyer           jsonb not null,
    tax_country     text not null,
    tax_percent     numeric(5,2) not null,
    paid_with       text not null,
    lines           jsonb not null,
    net_usd         numeric(12,2) not null,
    tax_usd         numeric(12,2) not null,
    gross_usd       numeric(12,2) not null,
    constraint one_number_a_document unique (series, year, sequence),
    constraint kind_is_known check (kind in ('invoice', 'credit_note')),
    constraint credit_note_corrects_an_invoice check ((kind = 'credit_note') = (corrects is not null)),
    constraint net_and_tax_are_gross check (net_usd + tax_usd = gross_usd),
    constraint amounts_not_negative check (gross_usd > 0 and net_usd >= 0 and tax_usd >= 0)
);
create index invoices_of_user on invoices (user_id, issued_at desc);
create index invoices_of_renewal on invoices (renewal_id);
create index invoices_by_issue on invoices (issued_at, series, sequence);
create trigger invoices_are_append_only before update or delete on invoices
    for each row execute function refuse_change_of_evidence();
create trigger invoices_are_never_emptied before truncate on invoices
    for each statement execute function refuse_change_of_evidence();

-- The entries of the platform's ledger that documents contain: each of them is in documents once.
create table invoiced_entries (
    ledger_id  uuid primary key,
    renewal_id uuid not null references renewals (renewal_id)
);
create index invoiced_entries_of_renewal on invoiced_entries (renewal_id);

-- Renewals with new entries. Every write appends a row and waits for nothing; the job that issues deletes it.
create table renewals_to_invoice (
    mark_id    bigint generated always as identity primary key,
    renewal_id uuid not null references renewals (renewal_id) on delete cascade,
    marked_at  timestamptz not null default now()
);
create index renewals_to_invoice_by_time on renewals_to_invoice (marked_at, mark_id);
create index renewals_to_invoice_of_renewal on renewals_to_invoice (renewal_id);

create function mark_paid_renewal() returns trigger language plpgsql as $$
begin
    insert into renewals_to_invoice (renewal_id) values (new.renewal_id);
    return null;
end $$;
create trigger mark_paid_renewal after update of status on renewals
    for each row when (old.status <> 'applied' and new.status = 'applied' and new.paid_with not in ('nothing', 'deferred'))
    execute function mark_paid_renewal();

-- A payment from before this migration has no invoice, so its refund has no credit note.
create function mark_reversed_renewal() returns trigger language plpgsql as $$
begin
    insert into renewals_to_invoice (renewal_id)
    select new.renewal_id
    where exists (select from invoiced_entries e where e.renewal_id = new.renewal_id)
       or exists (select from renewals_to_invoice m where m.renewal_id = new.renewal_id);
    return null;
end $$;
create trigger mark_reversed_renewal after insert or update of refunded_minor, charged_back_minor on reversal_effects
    for each row execute function mark_reversed_renewal();
