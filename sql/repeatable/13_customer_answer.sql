-- The state of the question "was this you?" of an alert; null if the customer was neither asked nor answered. C#: CustomerAnswer.
-- A "no" stays, because a later "yes" contradicts it. Silence of 72 hours is a state of its own, for the operators.
create or replace function customer_answer(asked_at timestamptz, confirmed_at timestamptz, denied_at timestamptz)
returns text language sql stable parallel safe as $$
    select case when denied_at is not null then 'DENIED'
                when confirmed_at is not null then 'CONFIRMED'
                when asked_at <= now() - interval '72 hours' then 'UNANSWERED'
                when asked_at is not null then 'WAITING' end
$$;

-- The strength of a measure, in rising order; null for no measure of this list.
create or replace function measure_rank(measure text) returns int language sql immutable parallel safe as $$
    select array_position(array['NONE', 'NOTIFIED', 'ASKED', 'REFUSED', 'SUSPENDED'], measure)
$$;
