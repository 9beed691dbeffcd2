-- A provider may report the refund that a dispute caused, and the lost dispute: that money counts once.
insert into schema_migrations (name) values ('0073_openings_of_disputes');

-- When the dispute began. Null if the provider doesn't report the refunds that it causes.
alter table payment_reversals add column opened_at timestamptz;
