-- What changes for a license becomes an event in the transaction of the change. Other systems read the events in order.
insert into schema_migrations (name) values ('0037_license_events');

-- No foreign key: the events of a deleted license stay until they are 90 days old. An event takes no lock of the license, so that neither
-- the platform's transactions nor checks wait for one.
create table license_events (
    -- Drawn under the locks of the change. So for two changes that exclude each other, the ids have the order of their commits.
    event_id bigint generated always as identity primary key,
    subscription_id uuid not null,
    type text not null,
    occurred_at timestamptz not null default clock_timestamp(),
    -- No address, mail, token or hash.
    data jsonb not null,
    -- The place in the feed and the number within the license. Both are without gaps. They are given after the commit, by one transaction
    -- at a time: an event that commits later gets a later place, whatever its id is.
    position bigint,
    sequence bigint,
    constraint data_is_an_object check (jsonb_typeof(data) = 'object'),
    constraint event_type_is_known check (type in (
        'license.first_checked', 'license.renewed', 'license.payment_failed', 'license.expiring', 'license.expired', 'license.suspended',
        'license.reinstated', 'license.revoked', 'device.added', 'device.removed', 'alert.opened', 'alert.reviewed', 'price.agreed',
        'payment.refunded', 'payment.disputed')),
    constraint numbers_count_from_one check (position > 0 and sequence > 0),
    constraint both_numbers_or_none check ((position is null) = (sequence is null))
);
create unique index license_events_by_position on license_events (position) where position is not null;
create unique index license_events_by_license on license_events (subscription_id, sequence);
create index license_events_unnumbered on license_events (event_id) where position is null;
create index license_events_by_time on license_events (occurred_at);

-- The lock of whoever gives numbers.
create table license_event_numbering (
    only_row boolean primary key default true,
    last_position bigint not null default 0,
    constraint has_one_row check (only_row)
);
insert into license_event_numbering default values;

-- The last number of each license. It remains when its events are deleted.
create table license_event_sequences (
    subscription_id uuid primary key,
    last_sequence bigint not null
) with (fillfactor = 70);

-- Runs with the rights of its owner: the platform's role, which changes tokens and raises alerts, may have none on the table.
create function add_license_event(license uuid, event_type text, details jsonb) returns void language sql security definer as $$
    insert into license_events (subscription_id, type, data) values (license, event_type, details)
$$;

-- A code as it was written by the platform or the payment provider. Anything that may be text for people is OTHER.
create function event_code(code text) returns text language sql immutable as $$
    select case when split_part(code, ':', 1) ~ '^[A-Za-z][A-Za-z0-9_]{0,49}$' then split_part(code, ':', 1)
                when code is not null then 'OTHER' end
$$;

-- In UTC, whatever the session's time zone is; null for infinity.
create function event_time(at timestamptz) returns text language sql stable as $$
    select case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end
$$;

create function add_device_event() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.removed_at is null and (tg_op = 'DELETE' or new.removed_at is not null) then
        perform add_license_event(
            old.subscription_id, 'device.removed',
            jsonb_build_object('device_id', old.device_id, 'slot', old.slot, 'beyond_limit', old.beyond_limit));
    elsif tg_op <> 'DELETE' and new.removed_at is null and (tg_op = 'INSERT' or old.removed_at is not null) then
        if tg_op = 'INSERT' and not exists (
            select from license_devices d where d.subscription_id = new.subscription_id and d.device_id <> new.device_id) then
            perform add_license_event(
                new.subscription_id, 'license.first_checked', jsonb_build_object('device_id', new.device_id));
        end if;
        perform add_license_event(
            new.subscription_id, 'device.added',
            jsonb_build_object('device_id', new.device_id, 'slot', new.slot, 'beyond_limit', new.beyond_limit));
    end if;
    return null;
end $$;
-- Not of last_seen_at and ip_address, which change with checks and usage.
create trigger add_device_event after insert or delete or update of removed_at on license_devices
    for each row execute function add_device_event();

create function add_suspension_event() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform add_license_event(
            new.subscription_id, case when new.cause = 'EXPIRY' then 'license.expired' else 'license.suspended' end,
            jsonb_build_object('suspension_id', new.suspension_id, 'cause', new.cause, 'alert_id', new.alert_id));
    else
        perform add_license_event(
            new.subscription_id, 'license.reinstated',
            jsonb_build_object('suspension_id', new.suspension_id, 'cause', new.cause, 'how', new.closed_how));
    end if;
    return null;
end $$;
create trigger add_suspension_event after insert on license_suspensions
    for each row when (new.closed_at is null) execute function add_suspension_event();
create trigger add_reinstatement_event after update of closed_at on license_suspensions
    for each row when (old.closed_at is null and new.closed_at is not null) execute function add_suspension_event();

create function add_renewal_event() returns trigger language plpgsql as $$
begin
    if new.price_accepted and not old.price_accepted then
        perform add_license_event(
            new.subscription_id, 'price.agreed', jsonb_build_object('renewal_id', new.renewal_id, 'amount_usd', new.amount_usd));
    end if;
    if new.status = 'applied' and old.status <> 'applied' then
        perform add_license_event(
            new.subscription_id, 'license.renewed',
            jsonb_build_object(
                'renewal_id', new.renewal_id, 'renewal_type', new.renewal_type, 'paid_with', new.paid_with, 'amount_usd', new.amount_usd,
                'paid_from', event_time(new.paid_from), 'paid_until', event_time(new.paid_until)));
    end if;
    return null;
end $$;
create trigger add_renewal_event after update of status, price_accepted on renewals
    for each row when ((new.price_accepted and not old.price_accepted) or (new.status = 'applied' and old.status <> 'applied'))
    execute function add_renewal_event();

-- Not if the grace ended, which is license.expired, nor if nothing was charged and the payment is tried again.
create function add_payment_failed_event() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or old.status <> 'failed' or old.failure_reason is distinct from new.failure_reason then
        perform add_license_event(
            new.subscription_id, 'license.payment_failed',
            jsonb_build_object(
                'attempt_id', new.renewal_id, 'renewal_type', new.renewal_type, 'reason', event_code(new.failure_reason),
                'amount_usd', new.amount_usd, 'expires_at', event_time(new.previous_expiry)));
    end if;
    return null;
end $$;
create trigger add_payment_failed_event after insert or update of status, failure_reason on license_renewal_history
    for each row when (new.status = 'failed' and new.failure_reason is distinct from 'grace_period_ended'
                       and new.failure_reason is distinct from 'never_charged')
    execute function add_payment_failed_event();

create function add_refund_event() returns trigger language plpgsql as $$
begin
    if new.refunded_minor <> coalesce(old.refunded_minor, 0) then
        perform add_license_event(
            r.subscription_id, 'payment.refunded',
            jsonb_build_object('renewal_id', new.renewal_id, 'refunded_usd', round(new.refunded_minor / 100.0, 2),
                               'paid_until', event_time(r.paid_until)))
        from renewals r where r.renewal_id = new.renewal_id;
    end if;
    return null;
end $$;
create trigger add_refund_event after insert or update of refunded_minor on reversal_effects
    for each row execute function add_refund_event();

create function add_dispute_event() returns trigger language plpgsql as $$
begin
    perform add_license_event(
        new.subscription_id, 'payment.disputed',
        jsonb_build_object('dispute_id', new.reversal_id, 'renewal_id', new.renewal_id, 'state', upper(new.state),
                           'amount_minor', new.amount_minor, 'currency', event_code(new.currency)));
    return null;
end $$;
create trigger add_dispute_event after insert on payment_reversals
    for each row when (new.kind = 'dispute' and new.subscription_id is not null) execute function add_dispute_event();
create trigger add_dispute_change_event after update of state, subscription_id on payment_reversals
    for each row when (new.kind = 'dispute' and new.subscription_id is not null
                       and (old.state <> new.state or old.subscription_id is null))
    execute function add_dispute_event();

create function add_alert_event() returns trigger language plpgsql as $$
begin
    perform add_license_event(
        new.subscription_id, case when tg_op = 'INSERT' then 'alert.opened' else 'alert.reviewed' end,
        case when tg_op = 'INSERT'
             then jsonb_build_object('alert_id', new.alert_id, 'activity_type', event_code(new.activity_type), 'severity', new.severity,
                                     'measure', new.measure, 'status', new.status)
             else jsonb_build_object('alert_id', new.alert_id, 'status', new.status) end);
    return null;
end $$;
create trigger add_alert_event after insert on suspicious_activity_alerts
    for each row when (new.subscription_id is not null) execute function add_alert_event();
create trigger add_review_event after update of status on suspicious_activity_alerts
    for each row when (new.subscription_id is not null and old.status <> new.status) execute function add_alert_event();

-- This schema, and the caller's temporary objects last: nobody else's table or function may run with the owner's rights.
do $$ begin
    execute format('alter function add_license_event(uuid, text, jsonb) set search_path = %s, pg_temp', current_setting('search_path'));
end $$;
