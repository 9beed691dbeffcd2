-- Cheaper marks of renewals with new entries: a booking adds one row and one entry of one index.
insert into schema_migrations (name) values ('0060_cheaper_invoice_marks');

-- The job leaves out a renewal that was deleted.
alter table renewals_to_invoice drop constraint renewals_to_invoice_renewal_id_fkey;
drop index renewals_to_invoice_by_time;
drop index renewals_to_invoice_of_renewal;

-- A return without an invoice and without the mark of its payment is of a payment from before the invoices: it has no credit note. Rows
-- from before this migration are of payments, or of returns of payments that are invoiced or marked.
alter table renewals_to_invoice add column is_payment boolean not null default true;
comment on column renewals_to_invoice.marked_at is 'In the future: the renewal could not be invoiced, and is tried again then.';

create or replace function mark_reversed_renewal() returns trigger language plpgsql as $$
begin
    insert into renewals_to_invoice (renewal_id, is_payment) values (new.renewal_id, false);
    return null;
end $$;
