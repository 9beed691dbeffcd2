-- Whether a caller sees a license of this subscriber: an owner sees their own, an operator (a null owner_id) sees every license.
-- A single expression: the planner puts it in place of the call, so that it can use an index on subscriber_id.
create or replace function is_license_visible(subscriber_id uuid, owner_id uuid) returns boolean language sql immutable as $$
    select $2 is null or $1 = $2
$$;
