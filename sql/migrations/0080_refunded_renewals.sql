-- A charge that could not be booked was refunded while its renewal had the intent of another provider.
insert into schema_migrations (name) values ('0080_refunded_renewals');

-- The renewal lapses when that intent is canceled: nothing is charged for the period without a request.
alter table renewals add column is_refunded boolean not null default false;
