-- Whether the customer's next payment method is tried once if the default one is declined permanently. Without a row, it is not.
insert into schema_migrations (name) values ('0050_paypal');

create table payment_preferences (
    user_id           uuid primary key references users,
    tries_next_method boolean not null,
    changed_at        timestamptz not null default now()
);
