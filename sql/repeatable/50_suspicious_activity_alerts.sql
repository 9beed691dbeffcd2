-- The only function that raises alerts, for the check, the scan, appeals and the platform. It fills in the subscriber and the current
-- token. The next scan sends operators the mail and the webhook for every open alert above LOW. If an incident has an open alert, that
-- alert is updated. Its measure becomes stronger or stays, because a measure that was taken lasts until a review.
create or replace function raise_alert(
    subscription_id uuid, activity_type varchar, severity varchar, description text, evidence jsonb, auto_action varchar,
    detected_at timestamptz default now(), incident text default null, token_hash varchar default null)
returns table (alert_id uuid, user_id uuid, is_new boolean) language sql as $$
    insert into suspicious_activity_alerts as a
        (detected_at, updated_at, subscription_id, user_id, token_hash,
         activity_type, severity, description, evidence, incident, auto_action_taken)
    values ($7, $7, $1, (select s.subscriber_id from subscriptions s where s.subscription_id = $1),
            coalesce($9, (select t.token_hash from v_current_license_tokens t where t.subscription_id = $1)),
            $2, $3, $4, $5, $8, $6)
    on conflict (subscription_id, incident) where incident is not null and is_alert_open(status)
    do update set severity = excluded.severity, activity_type = excluded.activity_type, description = excluded.description,
                  evidence = case when measure_rank(a.measure) > measure_rank(excluded.measure)
                                  then coalesce(excluded.evidence, '{}') || jsonb_build_object('measure', a.measure)
                                  else excluded.evidence end,
                  updated_at = excluded.detected_at,
                  -- SUSPENDED stays, and NOTIFIED does not become NONE.
                  auto_action_taken = case when a.auto_action_taken = 'SUSPENDED' or excluded.auto_action_taken = 'NONE'
                                           then a.auto_action_taken else excluded.auto_action_taken end
    returning a.alert_id, a.user_id, a.xmax = 0
$$;

-- The platform's function; name, parameters and result are a contract.
create or replace function create_suspicious_activity_alert(
    subscription_id uuid, activity_type varchar, severity varchar, description text,
    evidence jsonb default null, auto_action varchar default 'NONE')
returns uuid language sql as $$
    select r.alert_id from raise_alert($1, $2, $3, $4, $5, $6) as r
$$;
