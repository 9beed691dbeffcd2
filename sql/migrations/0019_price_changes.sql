-- Prices over time: the first renewal needs a consent if the price is above that at subscribing.
insert into schema_migrations (name) values ('0019_price_changes');

create table master_price_changes (
    -- No foreign key: a change of a price must not fail because of this table.
    master_id       uuid not null,
    changed_at      timestamptz not null default now(),
    monthly_fee_usd numeric not null,
    constraint one_price_at_a_time primary key (master_id, changed_at)
);

-- Only active prices are recorded: nobody can subscribe at another one.
create function record_price_change() returns trigger language plpgsql as $$
begin
    insert into master_price_changes (master_id, changed_at, monthly_fee_usd)
    values (new.master_id, now(), new.monthly_fee_usd)
    on conflict on constraint one_price_at_a_time do update set monthly_fee_usd = excluded.monthly_fee_usd;
    return null;
end $$;
create trigger record_price_change after insert or update of master_id, monthly_fee_usd, is_active on master_pricing
    for each row when (new.master_id is not null and new.is_active and new.monthly_fee_usd between 0 and 1e12)
    execute function record_price_change();

-- The present price is known to be in force since the last change of its row.
insert into master_price_changes (master_id, changed_at, monthly_fee_usd)
select master_id, coalesce(updated_at, created_at, now()), monthly_fee_usd
from master_pricing
where master_id is not null and is_active and monthly_fee_usd between 0 and 1e12;
