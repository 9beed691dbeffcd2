-- The language that a customer chose on the pages, for mails. Customers without a row get mails in the language of the settings.
insert into schema_migrations (name) values ('0057_customer_languages');

create table customer_languages (
    user_id   uuid primary key references users,
    language  text not null,
    chosen_at timestamptz not null default now(),
    constraint language_is_a_code check (language ~ '^[a-z]{2,3}(-[A-Za-z]{2,4})?$')
);
