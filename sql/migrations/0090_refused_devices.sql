-- The devices that the evidence of alerts names as refused, for the search. An index of the evidence would make PostgreSQL write every
-- index of the alert again for each repeated refusal, which changes the evidence only: of 10,000 such updates, none was HOT with the
-- indexes of 0088, and 9,954 are without them, with half the WAL. 0091 adds the devices of existing alerts, and 0093 drops the indexes:
-- in one transaction, all alerts would be locked meanwhile.
insert into schema_migrations (name) values ('0090_refused_devices');

create table refused_devices (
    alert_id           uuid not null references suspicious_activity_alerts (alert_id) on delete cascade,
    -- The last one of several in an alert that counts them. Otherwise the one that the alert is about.
    is_last            boolean not null,
    subscription_id    uuid not null,
    detected_at        timestamptz not null,
    ea_instance_id     text,
    mt5_account_number bigint,
    -- As in license_device_networks.
    network            cidr,
    primary key (alert_id, is_last),
    constraint names_a_device check (num_nonnulls(ea_instance_id, mt5_account_number, network) > 0)
);
create index refused_devices_by_account on refused_devices (mt5_account_number, detected_at desc);
create index refused_devices_by_ea on refused_devices (lower(ea_instance_id) text_pattern_ops);
create index refused_devices_by_network on refused_devices (network, detected_at desc);

-- The platform's alerts may have any evidence, so that a value of another shape is left out. Checks of earlier versions wrote newcomer.
create function refused_devices_of(evidence jsonb)
returns table (is_last boolean, ea_instance_id text, mt5_account_number bigint, network cidr) language plpgsql immutable as $$
declare
    device jsonb;
    address inet;
begin
    for is_last, device in
        values (false, coalesce(evidence -> 'refused_device', evidence -> 'newcomer')), (true, evidence -> 'last_refused_device')
    loop
        ea_instance_id := left(device ->> 'ea_instance_id', 100);
        mt5_account_number := case
            when device ->> 'mt5_account_number' ~ '^[0-9]{1,18}$' then (device ->> 'mt5_account_number')::bigint end;
        begin
            -- An IPv4 address mapped into IPv6 counts as IPv4. C#: SourceNetwork.
            address := regexp_replace(device ->> 'ip_address', '^::ffff:(?=[0-9]+[.])', '', 'i')::inet;
        exception when invalid_text_representation then
            address := null;
        end;
        network := network(set_masklen(address, case family(address) when 4 then 32 else 64 end));
        if num_nonnulls(ea_instance_id, mt5_account_number, network) > 0 then
            return next;
        end if;
    end loop;
end $$;

-- What refused_devices_of reads, without the times, which change with each refusal.
create function refused_device_names(evidence jsonb) returns jsonb language sql stable as $$
    select jsonb_agg(jsonb_build_array(device -> 'ea_instance_id', device -> 'mt5_account_number', device -> 'ip_address'))
    from (values (coalesce(evidence -> 'refused_device', evidence -> 'newcomer')), (evidence -> 'last_refused_device')) as named (device)
$$;

-- Runs with the rights of its owner: the platform's role, which raises alerts, may have none on the table.
create function keep_refused_devices() returns trigger language plpgsql security definer as $$
begin
    delete from refused_devices d where d.alert_id = new.alert_id;
    insert into refused_devices (alert_id, is_last, subscription_id, detected_at, ea_instance_id, mt5_account_number, network)
    select new.alert_id, n.is_last, new.subscription_id, new.detected_at, n.ea_instance_id, n.mt5_account_number, n.network
    from refused_devices_of(new.evidence) n
    where new.subscription_id is not null;
    return null;
end $$;
-- This schema, and the caller's temporary objects last: nobody else's table or function may run with the owner's rights.
do $$
begin
    execute format('alter function keep_refused_devices() set search_path = %s, pg_temp', current_setting('search_path'));
end $$;

-- The condition of a trigger runs with the rights of the caller, also where functions are not for everyone by default.
grant execute on function refused_device_names(jsonb) to public;

create trigger keep_refused_devices after insert on suspicious_activity_alerts
    for each row when (new.evidence is not null) execute function keep_refused_devices();
create trigger keep_changed_refused_devices after update of evidence, subscription_id on suspicious_activity_alerts
    for each row when (new.subscription_id is distinct from old.subscription_id
                       or refused_device_names(new.evidence) is distinct from refused_device_names(old.evidence))
    execute function keep_refused_devices();
