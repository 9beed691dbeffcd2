-- The events, marks and counts of booked renewals are added once for each statement instead of once for each row.
insert into schema_migrations (name) values ('0078_bookings_by_statement');

-- Called by triggers for single rows. The body of an SQL function is parsed and planned at each call; plpgsql keeps its plan.
create or replace function add_license_event(license uuid, event_type text, details jsonb) returns void
    language plpgsql security definer as $$
begin
    insert into license_events (subscription_id, type, data) values (license, event_type, details);
end $$;
create or replace function mark_health_due(license uuid) returns void language plpgsql as $$
begin
    insert into health_marks (subscription_id) select license where license is not null;
end $$;

-- Runs with the rights of its owner, as add_license_event does.
create function add_applied_renewals() returns trigger language plpgsql security definer as $$
begin
    -- A trigger with transition tables can't be limited to columns, so this one also runs after claims.
    if not exists (select from renewals_after where status = 'applied') then
        return null;
    end if;
    insert into license_events (subscription_id, type, data)
    select a.subscription_id, 'license.renewed',
           jsonb_build_object(
                'renewal_id', a.renewal_id, 'renewal_type', a.renewal_type, 'paid_with', a.paid_with, 'amount_usd', a.amount_usd,
                'paid_from', event_time(a.paid_from), 'paid_until', event_time(a.paid_until))
    from renewals_after a
    join renewals_before b on b.renewal_id = a.renewal_id
    where a.status = 'applied' and b.status <> 'applied';
    insert into renewals_to_invoice (renewal_id)
    select a.renewal_id
    from renewals_after a
    join renewals_before b on b.renewal_id = a.renewal_id
    where a.status = 'applied' and b.status <> 'applied' and a.paid_with not in ('nothing', 'deferred');
    return null;
end $$;

-- The plan is made for the rows of the session's first call. A nested loop, the best for one row, would compare each with each later.
alter function add_applied_renewals() set enable_nestloop = off;

-- A trigger needs no permission to execute its function. add_license_event stays open: triggers of the platform's statements call it.
revoke execute on function add_applied_renewals() from public;

-- This schema, and the caller's temporary objects last: nobody else's table or function may run with the owner's rights.
do $$
declare
    adding text;
begin
    foreach adding in array array['add_license_event(uuid, text, jsonb)', 'add_applied_renewals()'] loop
        execute format('alter function %s set search_path = %s, pg_temp', adding, current_setting('search_path'));
    end loop;
end $$;

drop trigger mark_paid_renewal on renewals;
drop function mark_paid_renewal();
drop trigger add_renewal_event on renewals;
create trigger add_applied_renewals after update on renewals
    referencing old table as renewals_before new table as renewals_after
    for each statement execute function add_applied_renewals();

-- The customer's consent. The event of a payment is that of the statement.
create or replace function add_renewal_event() returns trigger language plpgsql as $$
begin
    perform add_license_event(
        new.subscription_id, 'price.agreed', jsonb_build_object('renewal_id', new.renewal_id, 'amount_usd', new.amount_usd));
    return null;
end $$;
create trigger add_renewal_event after update of price_accepted on renewals
    for each row when (new.price_accepted and not old.price_accepted) execute function add_renewal_event();

create function count_added_renewals() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, label, amount)
    select renewal_type || '_renewals_total', status, count(*)
    from history_rows where status in ('success', 'failed')
    group by renewal_type, status;
    insert into health_marks (subscription_id) select subscription_id from history_rows;
    return null;
end $$;
create or replace function count_renewal() returns trigger language plpgsql as $$
begin
    insert into metric_increments (name, label, amount) values (new.renewal_type || '_renewals_total', new.status, 1);
    return null;
end $$;
drop trigger count_renewal on license_renewal_history;
create trigger count_renewal after update of status on license_renewal_history
    for each row when (new.status in ('success', 'failed') and new.status <> old.status) execute function count_renewal();
drop trigger health_facts_changed on license_renewal_history;
create trigger health_facts_changed after update of status on license_renewal_history
    for each row execute function health_facts_changed();
create trigger count_added_renewals after insert on license_renewal_history
    referencing new table as history_rows
    for each statement execute function count_added_renewals();
