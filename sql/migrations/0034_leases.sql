-- Signed leases: with one, an EA goes on while this backend can't be asked.
insert into schema_migrations (name) values ('0034_leases');

-- Every lease until it expires, so that the list of revocations can name each one that ended early. No foreign keys: a deleted license
-- or device must leave its leases in that list.
create table license_leases (
    lease_id uuid primary key,
    subscription_id uuid not null,
    device_id uuid not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    -- Before expires_at if it was revoked.
    ended_at timestamptz,
    -- The order in the list. It is set by one transaction at a time, after the one that ended the lease, so that a reader misses none.
    revocation_number bigint,
    constraint lease_expires_after_issue check (expires_at > issued_at),
    constraint revocation_has_ended check (revocation_number is null or ended_at is not null)
);
create index license_leases_by_license on license_leases (subscription_id, device_id);
create index license_leases_by_expiry on license_leases (expires_at);
create unique index license_leases_revoked on license_leases (revocation_number) where revocation_number is not null;
create index license_leases_unnumbered on license_leases (lease_id) where ended_at is not null and revocation_number is null;
create sequence lease_revocation_numbers owned by license_leases.revocation_number;

-- The device's latest lease: a check reads the row of the device anyway. And on how many days the device was seen.
alter table license_devices
    add column lease_id uuid,
    add column lease_issued_at timestamptz,
    add column lease_expires_at timestamptz,
    add column days_seen smallint not null default 1;

-- Checks and usage both move last_seen_at.
create function count_day_seen() returns trigger language plpgsql as $$
begin
    new.days_seen := least(new.days_seen + 1, 32000);
    return new;
end $$;
create trigger count_day_seen before update of last_seen_at on license_devices
    for each row when ((old.last_seen_at at time zone 'UTC')::date <> (new.last_seen_at at time zone 'UTC')::date)
    execute function count_day_seen();

-- A process that caches the answers of checks must not repeat a lease that ended.
create trigger lease_ended after update of lease_id on license_devices
    for each row when (old.lease_id is not null and new.lease_id is null) execute function license_changed();

-- Ends the leases of a license, or of one of its devices, that expire after a time.
create function end_license_leases(license uuid, device uuid, beyond timestamptz) returns integer language plpgsql as $$
declare
    ended integer;
begin
    -- The device first, as a removal and a new lease lock them.
    update license_devices set lease_id = null, lease_issued_at = null, lease_expires_at = null
    where subscription_id = license and (device is null or device_id = device) and lease_expires_at > beyond;
    update license_leases set ended_at = now()
    where subscription_id = license and (device is null or device_id = device)
      and ended_at is null and expires_at > greatest(beyond, now());
    get diagnostics ended = row_count;
    return ended;
end $$;

create function end_leases_of_suspended() returns trigger language plpgsql as $$
begin
    perform end_license_leases(new.subscription_id, null, '-infinity');
    return null;
end $$;
create trigger end_leases_of_suspended after insert on license_suspensions
    for each row execute function end_leases_of_suspended();

create function end_leases_of_removed() returns trigger language plpgsql as $$
begin
    perform end_license_leases(old.subscription_id, old.device_id, '-infinity');
    return null;
end $$;
create trigger end_leases_of_removed after update of removed_at on license_devices
    for each row when (old.removed_at is null and new.removed_at is not null) execute function end_leases_of_removed();
create trigger end_leases_of_deleted after delete on license_devices
    for each row execute function end_leases_of_removed();
