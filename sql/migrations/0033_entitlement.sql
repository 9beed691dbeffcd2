-- What a refused EA may still do: manage and close its positions for some days.
insert into schema_migrations (name) values ('0033_entitlement');

-- The first refusal of a license that lets its devices close positions, and none within the 90 days after it. Two processes may write
-- one each at the same moment; the earliest counts. No foreign key: the row of a check must wait for no lock of the license.
create table close_only_periods (
    subscription_id uuid not null,
    began_at timestamptz not null default now(),
    primary key (subscription_id, began_at)
);

-- A license that is suspended for fraud loses the right to close positions.
alter table license_suspensions drop constraint cause_known;
alter table license_suspensions add constraint cause_known
    check (cause in ('DEVICE_LIMIT', 'DETECTOR', 'EXPIRY', 'OPERATOR', 'DISPUTE', 'FRAUD')) not valid;
alter table license_suspensions validate constraint cause_known;
