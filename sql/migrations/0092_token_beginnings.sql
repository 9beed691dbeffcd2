-- The beginning of a token that was made here, for the search: the customer can read it in the settings of the EA. The rest of the token
-- has more than 200 random bits. The platform's tokens have no row: only their hashes are known.
insert into schema_migrations (name) values ('0092_token_beginnings');

create table token_beginnings (
    token_id        uuid primary key references license_tokens (token_id) on delete cascade,
    subscription_id uuid not null,
    beginning       text collate "C" not null,
    constraint twelve_characters check (beginning ~ '^lic_[A-Za-z0-9_-]{8}$')
);
create index token_beginnings_by_beginning on token_beginnings (beginning);
