-- refused_devices replaces them.
insert into schema_migrations (name) values ('0093_drop_indexes_of_evidence');

drop index alerts_by_refused_account;
drop index alerts_by_refused_ea;
drop index alerts_by_refused_address;
