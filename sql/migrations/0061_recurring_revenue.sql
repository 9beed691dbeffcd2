-- Recurring revenue by day (UTC), so that the report does not read all licenses.
insert into schema_migrations (name) values ('0061_recurring_revenue');

create table recurring_revenue_days (
    day        date primary key,
    licenses   bigint not null,
    amount_usd numeric not null,
    counted_at timestamptz not null default now()
);
