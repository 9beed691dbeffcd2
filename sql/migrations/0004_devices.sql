-- Devices, rotated tokens and suspensions: the tables that a license check reads besides the platform's.
insert into schema_migrations (name) values ('0004_devices');

-- One row per license, created when it is first needed. Every change of a license first locks this row (insert … on
-- conflict do nothing, then select … for update), so that changes of one license run one after the other.
create table license_states (
    subscription_id uuid primary key references subscriptions (subscription_id) on delete cascade,
    -- Set while the outcome of a renewal is unknown: the license is valid until this time, even if it expired long ago.
    grace_until timestamptz
);

-- One row per license and device. It is kept after the device has lost its slot, so that its return is recognized.
create table license_devices (
    device_id uuid primary key default uuid_generate_v4(),
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    -- The identity under DEVICE_IDENTITY: account|ea, or address|account|ea.
    device_key text not null,
    ea_instance_id varchar(100) not null,
    mt5_account_number bigint not null,
    ip_address inet not null,
    name varchar(100),
    slot smallint,
    beyond_limit boolean not null default false,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    removed_at timestamptz,
    constraint a_device_once_a_license unique (subscription_id, device_key),
    constraint one_device_a_slot unique (subscription_id, slot),
    constraint registered_has_one_place check ((removed_at is null) = ((slot is not null) <> beyond_limit)),
    constraint removed_has_no_place check (removed_at is null or (slot is null and not beyond_limit)),
    constraint slots_count_from_one check (slot > 0),
    constraint mt5_account_number_positive check (mt5_account_number > 0),
    constraint first_seen_before_last check (first_seen_at <= last_seen_at)
) with (fillfactor = 80); -- last_seen_at changes every few seconds: room for heap-only updates

-- The networks of a device: an IPv4 address, or the /64 of an IPv6 address, whose host part changes daily by design.
create table license_device_networks (
    device_id uuid not null references license_devices (device_id) on delete cascade,
    network cidr not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (device_id, network),
    constraint ipv4_whole_ipv6_by_64 check (masklen(network) = case family(network) when 4 then 32 else 64 end)
) with (fillfactor = 80);

-- Replacements of one device by another. Their number within 30 days is limited.
create table license_device_changes (
    change_id bigint generated always as identity primary key,
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    changed_at timestamptz not null,
    replaced_device_id uuid not null references license_devices (device_id) on delete cascade,
    admitted_device_id uuid not null references license_devices (device_id) on delete cascade,
    constraint a_device_replaces_another check (replaced_device_id <> admitted_device_id)
);
create index license_device_changes_by_license on license_device_changes (subscription_id, changed_at);
create index license_device_changes_by_replaced on license_device_changes (replaced_device_id);
create index license_device_changes_by_admitted on license_device_changes (admitted_device_id);

-- A replaced token, the time until which it is still accepted, and the license's current token (updated at each rotation).
create table license_token_replacements (
    token_id uuid primary key references license_tokens (token_id) on delete cascade,
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    replaced_by uuid not null references license_tokens (token_id) on delete cascade,
    replaced_at timestamptz not null default now(),
    overlap_until timestamptz not null,
    constraint a_token_replaces_another check (token_id <> replaced_by),
    constraint overlap_ends_after_replacement check (overlap_until >= replaced_at)
);
create index license_token_replacements_by_license on license_token_replacements (subscription_id);
create index license_token_replacements_by_current on license_token_replacements (replaced_by);

-- The guide's runbook reactivates all tokens of a subscription, including replaced ones. This trigger keeps replaced
-- tokens unchanged without failing the statement for the current token. Their expiry is the end of the overlap, because
-- the ingest server reads only this table.
create function keep_rotated_token_retired() returns trigger language plpgsql as $$
declare
    overlap_end timestamptz;
begin
    select overlap_until into overlap_end from license_token_replacements where token_id = new.token_id;
    if found then
        new.expires_at := least(new.expires_at, overlap_end);
        if new.is_active and overlap_end <= clock_timestamp() then
            new.is_active := false;
            new.revoked_at := coalesce(old.revoked_at, clock_timestamp());
            new.revoked_reason := coalesce(old.revoked_reason, 'Rotated');
        end if;
    end if;
    return new;
end $$;

create trigger keep_rotated_token_retired before update of is_active, expires_at on license_tokens
    for each row execute function keep_rotated_token_retired();

-- Suspensions by this backend. A suspension of the platform without an open row here is not lifted by this backend.
create table license_suspensions (
    suspension_id uuid primary key default uuid_generate_v4(),
    subscription_id uuid not null references subscriptions (subscription_id) on delete cascade,
    cause text not null,
    -- Copied to subscriptions.paused_reason. If the two are equal, this backend has set the platform's state.
    reason text not null,
    -- The new device that caused the suspension. After the suspension is closed, it can't suspend the license again.
    device_key text,
    evidence jsonb not null default '{}',
    alert_id uuid references suspicious_activity_alerts (alert_id) on delete set null,
    previous_state subscription_state not null,
    previous_paused_reason text,
    previous_paused_at timestamptz,
    -- The tokens that the suspension deactivated. Only these are activated again.
    token_ids uuid[] not null default '{}',
    suspended_at timestamptz not null default now(),
    suspended_by uuid,
    closed_at timestamptz,
    closed_by uuid,
    closed_how text,
    constraint cause_known check (cause in ('DEVICE_LIMIT', 'DETECTOR', 'EXPIRY', 'OPERATOR', 'DISPUTE')),
    constraint closed_how_known check (closed_how in ('REINSTATED', 'RUNBOOK', 'OWNER', 'RENEWED', 'FALSE_POSITIVE')),
    constraint closed_says_how check ((closed_at is null) = (closed_how is null)),
    constraint open_has_no_closer check (closed_at is not null or closed_by is null)
);
create unique index one_open_suspension_a_cause on license_suspensions (subscription_id, cause) where closed_at is null;
create index license_suspensions_by_license on license_suspensions (subscription_id, suspended_at desc);
