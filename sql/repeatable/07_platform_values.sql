-- The platform's columns may contain values that .NET does not have, or that make an expression fail for a whole set. Readers get a
-- value in its place. Each function is a single expression, so that the planner inlines it. License checks depend on that.

-- When a license expires. It never expires if that is infinite or thousands of years ahead.
create or replace function expiry_of(expires_at timestamptz) returns timestamptz language sql immutable parallel safe as $$
    select case when expires_at < '9000-01-01 00:00:00+00' then greatest(expires_at, '1970-01-01 00:00:00+00') end
$$;

-- A time between 1970 and 9000; null for others.
create or replace function past_time(at timestamptz) returns timestamptz language sql immutable parallel safe as $$
    select case when at between '1970-01-01 00:00:00+00' and '9000-01-01 00:00:00+00' then at end
$$;

-- The nearest time between 1970 and 9000; 1970 for null. For times that every row has.
create or replace function shown_time(at timestamptz) returns timestamptz language sql immutable parallel safe as $$
    select least(greatest(at, '1970-01-01 00:00:00+00'), '9000-01-01 00:00:00+00')
$$;

-- An amount; null if it is NaN, which PostgreSQL orders above every number, or infinite.
create or replace function amount_of(amount numeric) returns numeric language sql immutable parallel safe as $$
    select case when amount between -1e12 and 1e12 then amount end
$$;
