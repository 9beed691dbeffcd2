-- Which disputes and payment cases the operators were told of by mail.
insert into schema_migrations (name) values ('0024_payment_notices');

alter table payment_reversals add column operators_told_at timestamptz;
alter table payment_cases add column operators_told_at timestamptz;
