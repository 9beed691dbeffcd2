-- An alert is open until a review closes it. C#: AlertStatus.AllOpen; AlertTests compares the two.
-- A single expression, so that the planner inlines it and can use the indexes on status, and the unique index
-- one_open_alert_an_incident, which has the same condition (migration 0007).
create or replace function is_alert_open(status text) returns boolean language sql immutable parallel safe as $$
    select status in ('OPEN', 'INVESTIGATING')
$$;

-- Whether an alert is about who uses the license. The customer is asked about such an alert; others are for operators only: use of
-- a license that has ended, and the customer's own appeal.
create or replace function is_about_use(activity_type text) returns boolean language sql immutable parallel safe as $$
    select activity_type not in ('OPENED_UNDER_CLOSE_ONLY', 'APPEAL')
$$;
