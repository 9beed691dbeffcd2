-- After a stop of this backend or a restore of the database, charges wait until the providers' lists of events are read.
insert into schema_migrations (name) values ('0064_missed_events');

-- When the provider was asked for its events last.
alter table payment_event_reads add column asked_at timestamptz;
-- The time between the last two requests: how often the timer runs.
alter table payment_event_reads add column asked_every interval;
-- Charges wait until the list is read up to this time; null if they don't wait.
alter table payment_event_reads add column missed_until timestamptz;
-- The renewal waits, because a charge that is not in this database may have paid it: the license keeps its grace.
alter table renewals add column may_be_paid boolean not null default false;

-- A charge whose renewal is unknown stops other charges of its license until an operator has decided.
create index open_payment_cases_of_license on payment_cases (subscription_id) where decided_at is null;
