-- What was done because of an alert, and the question "was this you?": when it was asked, the answer "no", and the message to operators.
insert into schema_migrations (name) values ('0031_alert_measures');

-- Alerts of the check about a refused device had no word for it.
update suspicious_activity_alerts set evidence = evidence || '{"measure": "REFUSED"}'
where activity_type = 'TOO_MANY_DEVICES' and jsonb_typeof(evidence) = 'object' and evidence ? 'device_key'
  and not evidence ? 'measure';

-- The contract's auto_action_taken has no word for a question or a refusal. The evidence has it: a generated column, because the platform
-- inserts and updates alerts, too.
alter table suspicious_activity_alerts
    add column measure text not null generated always as (
        case when auto_action_taken <> 'SUSPENDED' and evidence ->> 'measure' in ('NOTIFIED', 'ASKED', 'REFUSED')
             then evidence ->> 'measure' else auto_action_taken::text end) stored,
    add column asked_at timestamptz,
    add column customer_denied_at timestamptz,
    add column escalated_at timestamptz;

-- New devices of these licenses wait for an answer already.
update suspicious_activity_alerts set asked_at = detected_at
where status in ('OPEN', 'INVESTIGATING') and incident is not null and measure in ('ASKED', 'REFUSED');
