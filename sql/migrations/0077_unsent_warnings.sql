-- A booking removes the unsent warnings about the earlier expiry. Their keys have a common beginning, which is a range in the order of "C".
insert into schema_migrations (name) values ('0077_unsent_warnings');

create index outbox_warnings on outbox (dedup_key collate "C") where dedup_key like 'expiring:%';
