insert into schema_migrations (name) values ('0015_device_removals');

-- A removal by the subscriber is a change without an admitted device.
alter table license_device_changes alter column admitted_device_id drop not null;
