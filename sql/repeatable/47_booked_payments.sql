-- Renewals that were booked, at the time of their payment, as reports and trends count them. A row that the platform added to the history
-- has no renewal and is not counted.
create or replace view booked_payments as
select
    h.subscription_id, h.attempted_at as paid_at, r.renewal_id, r.paid_with,
    -- The payment includes the open amounts of deferred renewals.
    r.amount_usd + r.debts_usd as amount_usd,
    -- A free renewal has no payment, and a deferred one is paid with a later one.
    r.paid_with not in ('nothing', 'deferred') as is_paid
from license_renewal_history h
left join renewal_attempts a on a.attempt_id = h.renewal_id -- the row of an attempt has the attempt's id
join renewals r on r.renewal_id = coalesce(a.renewal_id, h.renewal_id)
where h.status = 'success' and r.status = 'applied';
