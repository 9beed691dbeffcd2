-- Changed licenses, for processes that cache the answers of license checks (VALIDATION_CACHE_SECONDS).
insert into schema_migrations (name) values ('0013_license_changes');

-- One row per license. It is updated at each change of the tables of this backend that a license check reads; a process
-- finds the rows that were written since its last poll. No foreign key: the row remains when the license is deleted.
create table license_changes (
    subscription_id uuid primary key,
    changes bigint not null default 1
) with (fillfactor = 70);

create function license_changed() returns trigger language plpgsql as $$
begin
    insert into license_changes as c (subscription_id)
    values (case when tg_op = 'DELETE' then old.subscription_id else new.subscription_id end)
    on conflict (subscription_id) do update set changes = c.changes + 1;
    return null;
end $$;

-- Without last_seen_at and ip_address, which change at every check.
create trigger license_changed after insert or delete or update of device_key, slot, beyond_limit, removed_at on license_devices
    for each row execute function license_changed();
create trigger license_changed after insert or delete or update of grace_until on license_states
    for each row execute function license_changed();
create trigger license_changed after insert or delete or update on license_token_replacements
    for each row execute function license_changed();
create trigger license_changed after insert or delete or update of cause, reason, device_key, token_ids, closed_at on license_suspensions
    for each row execute function license_changed();
