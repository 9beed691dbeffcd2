create or replace function create_suspicious_activity_alert(
    subscription_id uuid, activity_type varchar, severity varchar, description text,
    evidence jsonb default null, auto_action varchar default 'NONE')
returns uuid language sql as $$
    insert into suspicious_activity_alerts
        (subscription_id, user_id, token_hash, activity_type, severity, description, evidence, auto_action_taken)
    values ($1, (select s.subscriber_id from subscriptions s where s.subscription_id = $1),
            (select t.token_hash from v_current_license_tokens t where t.subscription_id = $1), $2, $3, $4, $5, $6)
    returning alert_id
$$;
