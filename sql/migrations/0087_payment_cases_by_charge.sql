-- Indexes for the search of a charge that no renewal has.
insert into schema_migrations (name) values ('0087_payment_cases_by_charge');

create index payment_cases_by_subject on payment_cases (subject);
create index payment_cases_by_transaction on payment_cases (transaction_id) where transaction_id is not null;
