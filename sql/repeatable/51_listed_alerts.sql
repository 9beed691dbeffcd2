-- Alerts as the operators' queue shows them: with the latest appeal, whether the license is suspended now, whether an operator can
-- reinstate it, the measure, the customer's answer, the customer's address, whether it is open because an operator reopened it, and what
-- came of it: how the latest suspension that it is about ended, and whether the customer kept the refused device in place of another; and
-- whether the appeal's suspension is still open.
create or replace view listed_alerts as
select
    a.alert_id, a.subscription_id, a.user_id, a.activity_type, a.severity, a.description, a.evidence,
    shown_time(a.detected_at) as detected_at, shown_time(a.updated_at) as updated_at, a.status, a.auto_action_taken,
    past_time(a.resolved_at) as resolved_at, a.resolved_by, a.resolution_notes,
    past_time(a.customer_confirmed_at) as customer_confirmed_at, past_time(a.appealed_at) as appealed_at,
    case when a.appealed_at is not null then coalesce(
        (select p.message from license_appeals p where p.alert_id = a.alert_id order by p.submitted_at desc limit 1),
        -- After another appeal against the same suspension, this one is in "earlier".
        (select e ->> 'message' from license_appeals p cross join jsonb_array_elements(p.earlier) e
         where p.subscription_id = a.subscription_id and e ->> 'alert_id' = a.alert_id::text limit 1)) end as appeal,
    coalesce(is_suspended_by_anyone(a.subscription_id), false) as is_suspended,
    can_reinstate(a.subscription_id) as can_reinstate,
    a.measure, a.asked_at, past_time(a.customer_denied_at) as customer_denied_at, a.confirmed_from_known, a.escalated_at,
    customer_answer(a.asked_at, a.customer_confirmed_at, a.customer_denied_at) as customer_answer,
    (select u.email from users u where u.user_id = a.user_id) as owner_email,
    a.status = 'OPEN' and exists (
        select from audit_log l where l.subject = a.alert_id::text and l.action = 'alert.reopened') as is_reopened,
    (select s.closed_how from license_suspensions s
     where s.subscription_id = a.subscription_id
       and (s.alert_id = a.alert_id
            or exists (select from license_appeals p where p.suspension_id = s.suspension_id and p.alert_id = a.alert_id))
     order by s.suspended_at desc limit 1) as suspension_ended,
    exists (
        select from license_devices d
        join audit_log l on l.action = 'device.kept' and l.subject = d.device_id::text
        where d.subscription_id = a.subscription_id and d.device_key = a.evidence ->> 'device_key' and l.occurred_at >= a.detected_at
    ) as is_device_kept,
    a.appealed_at is not null and exists (
        select from license_appeals p join license_suspensions s on s.suspension_id = p.suspension_id
        where p.alert_id = a.alert_id and s.closed_at is null
    ) as has_open_appeal,
    -- The order of the queue, the highest first: appeals, then uses that the customer denied, then alerts that suspended the license,
    -- then the others by severity. Closed alerts come last. Not by whether the license is suspended now: that is in another table, and no
    -- index could have this order. The indexes of 0086_rank_of_alerts have this expression.
    case when a.status not in ('OPEN', 'INVESTIGATING') then 0
         when a.appealed_at is not null then 7
         when a.customer_denied_at is not null then 6
         when a.measure = 'SUSPENDED' then 5
         when a.severity = 'CRITICAL' then 4
         when a.severity = 'HIGH' then 3
         when a.severity = 'MEDIUM' then 2
         else 1 end as queue_rank
from suspicious_activity_alerts a;
