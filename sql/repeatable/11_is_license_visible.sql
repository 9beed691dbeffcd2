-- Whether a caller sees a license of this subscriber: subscribers see their own licenses, operators (owner_id is null) see all licenses.
-- A single expression, so that the planner inlines it and can use an index on subscriber_id.
create or replace function is_license_visible(subscriber_id uuid, owner_id uuid) returns boolean language sql immutable as $$
    select $2 is null or $1 = $2
$$;
