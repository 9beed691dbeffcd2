-- The deadline of a dispute is a trouble of its own: before it passes, and when it has passed without evidence.
insert into schema_migrations (name) values ('0063_dispute_deadlines');

alter table troubles
    drop constraint cause_is_known,
    add constraint cause_is_known check (cause in (
        'RENEWALS_FAILING', 'TIMER_LATE', 'DEAD_LETTERS', 'MAILS_DEAD', 'WEBHOOK_CALLS_DEAD', 'WEBHOOK_DISABLED', 'DISPUTE_UNANSWERED',
        'DISPUTE_DUE', 'DISPUTE_MISSED'));
