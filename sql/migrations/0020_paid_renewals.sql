-- A paid renewal stays paid: whatever comes later (a refund, a dispute) is another fact about it.
insert into schema_migrations (name) values ('0020_paid_renewals');

create function keep_renewal_paid() returns trigger language plpgsql as $$
begin
    raise exception 'renewal % is paid and can''t become %', old.renewal_id, new.status using errcode = 'restrict_violation';
end $$;
create trigger renewals_stay_paid before update of status on renewals
    for each row when (old.status = 'applied' and new.status <> 'applied') execute function keep_renewal_paid();
