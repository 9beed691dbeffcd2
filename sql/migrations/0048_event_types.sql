-- Reads all events while they can be written.
insert into schema_migrations (name) values ('0048_event_types');

alter table license_events validate constraint event_type_is_known;
