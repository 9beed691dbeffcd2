-- Rows that a sweep left out, so that operators see them while the sweep goes on with the others.
insert into schema_migrations (name) values ('0016_skipped_rows');

create table skipped_rows (
    source        text not null,
    row_id        uuid not null,
    reason        text not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    primary key (source, row_id)
);
create index skipped_rows_by_time on skipped_rows (last_seen_at);
