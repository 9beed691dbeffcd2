-- A claim of a renewal is no change of it: it writes one row and no index.
insert into schema_migrations (name) values ('0049_cheaper_renewals');

-- A claim sets the fence and the end of the lease, and so it left every index with a second entry, because the time of change is in one.
drop trigger renewals_updated_at on renewals;
create trigger renewals_updated_at
    before update of renewal_type, status, amount_usd, price_accepted, intent_id, soft_declines, lookups, unknown_since, gives_up_at,
        next_action_at, paid_with, paid_from, paid_until, lapsed_blocked, is_double, settled_by, debts_usd on renewals
    for each row execute function update_updated_at_column();

-- Room on the page for the row that a claim writes.
alter table renewals set (fillfactor = 50);

-- renewals_by_status has the latest of each status, and so the latest of all.
drop index renewals_by_change;
