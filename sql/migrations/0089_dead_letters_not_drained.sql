-- Dead letters that stay in the broker's queue are a trouble of their own.
insert into schema_migrations (name) values ('0089_dead_letters_not_drained');

alter table troubles
    drop constraint cause_is_known,
    add constraint cause_is_known check (cause in (
        'RENEWALS_FAILING', 'TIMER_LATE', 'DEAD_LETTERS', 'DEAD_LETTERS_NOT_DRAINED', 'MAILS_DEAD', 'WEBHOOK_CALLS_DEAD',
        'WEBHOOK_DISABLED', 'DISPUTE_UNANSWERED', 'DISPUTE_DUE', 'DISPUTE_MISSED'));
