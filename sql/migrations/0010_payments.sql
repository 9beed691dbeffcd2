-- The customer of a user at a payment provider. It is stored before the first card, so that all cards belong to one customer.
insert into schema_migrations (name) values ('0010_payments');

create table payment_customers (
    user_id              uuid not null references users,
    payment_provider     varchar(50) not null,
    provider_customer_id varchar(255) not null,
    created_at           timestamptz not null default now(),
    constraint one_customer_per_user_and_provider primary key (user_id, payment_provider),
    constraint one_user_per_customer unique (payment_provider, provider_customer_id)
);

-- A webhook about a card contains only the provider's ID.
create index user_payment_methods_provider_payment_id on user_payment_methods (provider_payment_id);
