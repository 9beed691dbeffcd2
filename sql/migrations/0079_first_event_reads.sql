-- The row of a provider is stored before its first read, so that charges can wait for that.
insert into schema_migrations (name) values ('0079_first_event_reads');

alter table payment_event_reads alter column read_until drop not null;

-- Whether a customer has used a provider.
create index user_payment_methods_of_user on user_payment_methods (user_id);
