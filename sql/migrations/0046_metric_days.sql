-- Counts by day (UTC), for the charts of operators: the counters of metrics have only totals.
insert into schema_migrations (name) values ('0046_metric_days');

create table metric_days (
    day   date not null,
    name  text not null,
    label text not null default '',
    value double precision not null,
    primary key (day, name, label),
    constraint count_not_negative check (value >= 0)
);
