-- One open charge per license, periods that the platform put back, and renewals that lapsed because of a suspension.
insert into schema_migrations (name) values ('0021_one_open_charge');

-- An expiry that the platform moves back to the start of a paid period identifies another renewal: repeat_number says how often
-- this start was paid before.
alter table renewals add column repeat_number int not null default 0;
alter table renewals drop constraint one_renewal_a_period;
alter table renewals add constraint one_renewal_a_period unique (subscription_id, period_start, repeat_number);

-- Lapsed while the license was not served. If a suspension was the cause, the renewal is opened again after it.
alter table renewals add column lapsed_blocked boolean not null default false;

-- Charges that were open at this migration beside another one of their license. They are listed for an operator, in the output of the
-- migration and in the audit log, and are left as they are. The constraint holds from now on.
alter table renewals add column is_double boolean not null default false;
do $$
declare
    found record;
begin
    for found in
        select r.renewal_id, r.subscription_id, r.status, r.amount_usd, r.period_start, r.intent_id
        from renewals r
        where r.status in ('charging', 'unknown', 'undecided', 'succeeded')
          and exists (select from renewals o
                      where o.subscription_id = r.subscription_id and o.renewal_id <> r.renewal_id
                        and o.status in ('charging', 'unknown', 'undecided', 'succeeded')
                        and (o.created_at, o.renewal_id) < (r.created_at, r.renewal_id))
        order by r.subscription_id, r.created_at
    loop
        raise warning 'license % has another open charge: renewal % (%), intent %, % USD, period from %',
            found.subscription_id, found.renewal_id, found.status, found.intent_id, found.amount_usd, found.period_start;
        insert into audit_log (actor_kind, action, subscription_id, subject, reason, after)
        values ('system', 'renewal.double_charge_found', found.subscription_id, found.renewal_id::text,
                'another charge of this license was open when the constraint was added', to_jsonb(found));
        update renewals set is_double = true where renewal_id = found.renewal_id;
    end loop;
end $$;
create unique index one_open_charge_a_license on renewals (subscription_id)
    where status in ('charging', 'unknown', 'undecided', 'succeeded') and not is_double;

-- When a run last opened all due renewals. A license that had lapsed before is not charged without a request.
create table renewal_sweeps (
    only_row  boolean primary key default true,
    opened_at timestamptz not null,
    constraint has_one_row check (only_row)
);
