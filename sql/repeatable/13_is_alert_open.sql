-- An alert is open until a review closes it. C#: AlertStatus.AllOpen; AlertTests compares the two.
-- A single expression: the planner puts it in place of the call, so that it can use the indexes on status, and the unique index
-- one_open_alert_an_incident, whose condition migration 0007 states in the same words.
create or replace function is_alert_open(status text) returns boolean language sql immutable parallel safe as $$
    select status in ('OPEN', 'INVESTIGATING')
$$;
