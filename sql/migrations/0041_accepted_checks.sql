-- When a check of the device last passed. last_seen_at doesn't say that: usage records change it, too, also those of a refused license.
insert into schema_migrations (name) values ('0041_accepted_checks');

-- Null: no check has passed since this migration.
alter table license_devices add column last_accepted_at timestamptz;

-- Only for licenses that are or were refused, because the time is read only for these. The table is locked since the statement above, so
-- checks would wait for a change of all rows.
update license_devices d set last_accepted_at = d.last_seen_at
where d.subscription_id in (
    select p.subscription_id from close_only_periods p
    union
    select s.subscription_id from subscriptions s
    where s.is_active is false or s.state in ('LOCKED_NO_FUNDS', 'PAUSED_TOXIC', 'SUSPENDED_ADMIN'));
