-- A license that stays refused does not get another time to close positions when its first refusal is 90 days old.
insert into schema_migrations (name) values ('0038_close_only_refusals');

-- The latest refusal of the period, at most a day old while the license is refused; null: none after the first.
alter table close_only_periods add column last_refused_at timestamptz;
