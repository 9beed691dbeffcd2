-- Refunds and disputes that still change something: before their charge is booked, or while the license has no token.
insert into schema_migrations (name) values ('0039_unapplied_reversals');

create index unapplied_reversals on payment_reversals (subscription_id) where applied_state is distinct from state;
