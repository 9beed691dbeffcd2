-- The platform's columns subscriptions.state and is_active may be null: then the state is SYNCED, and the subscription is active.
-- Single expressions, so that the planner inlines them. License checks depend on that.
create or replace function subscription_state_of(state subscription_state) returns subscription_state
    language sql immutable parallel safe as $$
    select coalesce(state, 'SYNCED')
$$;

create or replace function is_subscription_active(is_active boolean) returns boolean language sql immutable parallel safe as $$
    select is_active is not false
$$;
