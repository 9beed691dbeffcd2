-- A price below the provider's minimum for cards is taken with the next charge of the license.
insert into schema_migrations (name) values ('0026_deferred_payments');

alter table renewals drop constraint paid_with_is_known;
alter table renewals add constraint paid_with_is_known check (paid_with in ('nothing', 'wallet', 'card', 'deferred'));
-- What the payment includes for earlier renewals that were deferred; beside amount_usd.
alter table renewals add column debts_usd numeric(10,2) not null default 0;
-- The renewal whose payment included this deferred one; null while its amount is open.
alter table renewals add column settled_by uuid references renewals (renewal_id);
alter table renewals add constraint only_deferred_is_settled check (settled_by is null or paid_with = 'deferred');
alter table renewals add constraint debts_not_negative check (debts_usd >= 0);
create index open_debts on renewals (subscription_id) where paid_with = 'deferred' and settled_by is null;
