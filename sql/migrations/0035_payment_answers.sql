-- Refunds and evidence without a certain answer are payment cases, until the provider answers. What the customer decides about auto-renewal
-- after a lost dispute stays, even if the dispute is won later.
insert into schema_migrations (name) values ('0035_payment_answers');

alter table payment_cases drop constraint decision_is_known;
alter table payment_cases add constraint decision_is_known
    check (decision in ('credited', 'dismissed', 'applied', 'refunded', 'answered'));
alter table reversal_effects add column is_switched_since boolean not null default false;
-- Since when events that can't be applied hold up the reads; null if none does.
alter table payment_event_reads add column held_since timestamptz;
