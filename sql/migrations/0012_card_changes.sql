-- A card that was renewed by its bank may be charged again, although its ID at the provider is the same.
insert into schema_migrations (name) values ('0012_card_changes');

alter table user_payment_methods add column details_changed_at timestamptz;
