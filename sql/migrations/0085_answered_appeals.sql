-- An operator's review answers an appeal. The customer can then send another one against the same suspension.
insert into schema_migrations (name) values ('0085_answered_appeals');

alter table license_appeals
    add column answer text constraint answer_says_something check (length(btrim(answer)) between 1 and 2000),
    drop constraint one_appeal_a_suspension;
create index license_appeals_by_suspension on license_appeals (suspension_id, submitted_at desc);
