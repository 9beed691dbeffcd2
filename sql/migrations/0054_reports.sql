-- Indexes of the operators' reports.
insert into schema_migrations (name) values ('0054_reports');

create index renewals_by_period on renewals (period_start);
create index paid_periods_by_end on renewals (paid_until) where status = 'applied';
create index renewal_attempts_by_time on renewal_attempts (first_sent_at);
