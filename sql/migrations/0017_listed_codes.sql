-- Lists show the code of a check beside the status. The view is created again with other columns.
insert into schema_migrations (name) values ('0017_listed_codes');

drop view if exists listed_licenses;
