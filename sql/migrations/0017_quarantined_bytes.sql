-- The exact bytes of quarantined payloads that the text column can't contain.
insert into schema_migrations (name) values ('0017_quarantined_bytes');

-- Null if the bytes are the UTF-8 of the text. External: most of them are compressed already.
alter table usage_quarantine add column payload_bytes bytea;
alter table usage_quarantine alter column payload_bytes set storage external;
