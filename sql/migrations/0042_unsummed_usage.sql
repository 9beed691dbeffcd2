-- Usage whose sums, times of last use and arrivals are not written yet. A batch may change such a row for each of its records. Written for
-- many batches together, each row is changed once.
insert into schema_migrations (name) values ('0042_unsummed_usage');

-- One row per transaction that inserted usage, with the keys of its new rows in license_usage_log (parallel arrays). The columns are
-- arrays, so that a batch of 1,000 records needs one insert.
create table unsummed_usage (
    batch_id         bigint generated always as identity primary key,
    stored_at        timestamptz not null default now(),
    subscription_ids uuid[] not null,
    logged_ats       timestamptz[] not null,
    log_ids          uuid[] not null,
    constraint a_key_for_each_record check (cardinality(logged_ats) = cardinality(subscription_ids)
                                            and cardinality(log_ids) = cardinality(subscription_ids)
                                            and cardinality(subscription_ids) > 0)
);
-- Random identifiers can't be compressed; an attempt would cost more than the insert.
alter table unsummed_usage
    alter column subscription_ids set storage external,
    alter column logged_ats set storage external,
    alter column log_ids set storage external;

-- Copies the grants of usage_arrivals: the app's role, and roles of the platform that call record_license_usage, need both tables.
do $$
declare
    privilege record;
begin
    for privilege in
        select acl.privilege_type as name, case when acl.grantee = 0 then 'public' else acl.grantee::regrole::text end as grantee
        from pg_class c cross join lateral aclexplode(c.relacl) acl
        where c.oid = 'usage_arrivals'::regclass and acl.grantee <> c.relowner
    loop
        execute format('grant %s on unsummed_usage to %s', privilege.name, privilege.grantee);
    end loop;
end $$;
