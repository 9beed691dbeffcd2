-- The year of a number is that of its issue, in UTC.
insert into schema_migrations (name) values ('0066_year_of_issue');

alter table invoices
    add constraint year_is_of_issue check (year = extract(year from issued_at at time zone 'UTC'));
