-- An operator's review answers an appeal. The customer can then send another one against the same suspension.
insert into schema_migrations (name) values ('0085_answered_appeals');

-- The row has the latest appeal; "earlier" has the answered ones, as {alert_id, message, submitted_at, answer}. The constraint on
-- suspension_id stays, because an earlier version needs it to store an appeal.
alter table license_appeals
    add column answer text constraint answer_says_something check (length(btrim(answer)) between 1 and 2000),
    add column earlier jsonb not null default '[]';
