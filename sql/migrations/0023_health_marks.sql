-- Changes that make a license due for scoring, without a lock that another transaction may have to wait for.
insert into schema_migrations (name) values ('0023_health_marks');

-- Each change is a separate row. If it updated license_health instead, an open change of a price would delay the checks of all subscribers
-- of that master. No foreign key: its check would wait for a lock of the subscription. The scoring deletes the rows.
create table health_marks (
    mark_id bigint generated always as identity primary key,
    subscription_id uuid not null
);

create or replace function mark_health_due(license uuid) returns void language sql as $$
    insert into health_marks (subscription_id) select license where license is not null
$$;

-- The platform's facts that the score was computed from (platform_facts_hash): another value makes the license due.
alter table license_health add column platform_facts bigint;
