-- The results of comparing the books with the provider's statement, one row per day (UTC).
insert into schema_migrations (name) values ('0028_payment_comparisons');

create table payment_comparisons (
    provider    text not null,
    day         date not null,
    compared_at timestamptz not null,
    differences int not null,
    constraint one_comparison_a_day primary key (provider, day),
    constraint differences_not_negative check (differences >= 0)
);

-- The books of a day: the charges that were booked in it.
create index booked_charges on renewal_attempts (updated_at) where status = 'succeeded';
