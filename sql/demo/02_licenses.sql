-- One license per subscriber; together they have every possible state. A token is "demo-" and the first name: demo-nora.
with licenses (n, name, master, expires_in, auto_renew, state, paused_reason, revoked, revoked_reason) as (values
    (1, 'nora', 201, interval '24 days', true, 'SYNCED', null, null::interval, null),
    (2, 'tunde', 201, interval '19 days', false, 'SYNCED', null, null, null),
    (3, 'mira', 202, interval '3 days', true, 'SYNCED', null, null, null),
    (4, 'jonas', 203, interval '5 days', true, 'SYNCED', null, null, null),
    (5, 'amara', 201, interval '-1 day', true, 'SYNCED', null, null, null),
    (6, 'paul', 202, interval '-9 days', true, 'SUSPENDED_ADMIN', 'License expired', interval '6 days', 'Expired - grace period ended'),
    (7, 'sara', 201, interval '15 days', true, 'SUSPENDED_ADMIN', 'License suspended: Concurrent sessions detected: 2 active devices',
        interval '5 hours', 'Auto-suspended: Concurrent sessions detected: 2 active devices'),
    (8, 'liam', 203, interval '21 days', true, 'SYNCED', null, null, null),
    (9, 'yuki', 202, interval '12 days', true, 'LOCKED_NO_FUNDS', 'Wallet below the minimum', null, null),
    (10, 'diego', 202, interval '17 days', false, 'PAUSED_TOXIC', 'Spread too wide for this strategy', null, null),
    (11, 'ines', 201, interval '28 days', true, 'DEGRADED_GAP', null, null, null),
    (12, 'oskar', 203, interval '11 days', false, 'SYNCED', null, interval '2 days', 'Canceled by the customer'),
    (13, 'fatima', 204, interval '2 days', true, 'SYNCED', null, null, null),
    (14, 'george', 203, null, false, 'SYNCED', null, null, null),
    (15, 'hana', 201, interval '2 days', false, 'SYNCED', null, null, null),
    (16, 'ivan', 203, interval '9 days', true, 'SYNCED', null, null, null),
    (17, 'julia', 202, interval '20 days', false, 'SUSPENDED_ADMIN', 'License suspended: payment disputed by phone', interval '3 days',
        'Auto-suspended: payment disputed by phone'),
    (18, 'kofi', 202, interval '26 days', true, 'SYNCED', null, null, null),
    (19, 'lena', 203, interval '14 days', true, 'SYNCED', null, null, null),
    (20, 'marco', 201, interval '23 days', true, 'SYNCED', null, null, null),
    (21, 'nadia', 202, interval '6 days', true, 'SYNCED', null, null, null),
    (22, 'peter', 201, interval '29 days', true, 'SYNCED', null, null, null),
    (23, 'quynh', 202, interval '8 days', true, 'SYNCED', null, null, null),
    (24, 'rosa', 203, interval '27 days', true, 'SYNCED', null, null, null),
    (25, 'samir', 205, interval '4 days', true, 'SYNCED', null, null, null)
),
made as (
    insert into subscriptions
        (subscription_id, subscriber_id, master_id, state, paused_reason, paused_at, last_sequence_id, last_signal_at, created_at)
    select ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid, ('00000000-0000-4000-8000-000000000' || 100 + n)::uuid,
           ('00000000-0000-4000-8000-000000000' || master)::uuid, state::subscription_state, paused_reason,
           case when paused_reason is not null then now() - coalesce(revoked, interval '1 day') end,
           4000 + 37 * n, now() - n * interval '4 minutes', now() - n * interval '7 days' - interval '35 days'
    from licenses
    on conflict do nothing
    returning subscription_id
)
insert into license_tokens
    (token_id, subscription_id, token_hash, is_active, expires_at, created_at, revoked_at, revoked_reason, metadata)
select ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid, subscription_id, encode(sha256(convert_to('demo-' || name, 'UTF8')), 'hex'),
       revoked is null, now() + expires_in, now() - n * interval '7 days' - interval '35 days', now() - revoked, revoked_reason,
       jsonb_build_object('auto_renew', auto_renew)
from licenses
join made on subscription_id = ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid;

insert into license_suspensions
    (suspension_id, subscription_id, cause, reason, device_key, evidence, previous_state, token_ids, suspended_at, suspended_by)
select ('00000000-0000-4000-8000-000000000' || 600 + n)::uuid, subscription_id, cause, paused_reason, device_key, evidence::jsonb, 'SYNCED',
       array[token_id], revoked_at, suspended_by::uuid
from (values
    (6, 'EXPIRY', null, '{}', null),
    (7, 'DEVICE_LIMIT', '880731|EA-SARA-3', '{"measure": "SUSPENDED", "device_key": "880731|EA-SARA-3", "device_limit": 2, '
        '"refused_device": {"ea_instance_id": "EA-SARA-3", "mt5_account_number": 880731, "ip_address": "203.0.113.73", "country": "GB", '
        '"city": "Leeds"}}', null),
    (17, 'OPERATOR', null, '{}', '00000000-0000-4000-8000-000000000001')
) as suspensions (n, cause, device_key, evidence, suspended_by)
join subscriptions on subscription_id = ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid and state = 'SUSPENDED_ADMIN'
join license_tokens using (subscription_id)
on conflict do nothing;

-- Ivan's token was rotated two hours ago; the old one, demo-ivan-old, is accepted for one more day.
insert into license_tokens (token_id, subscription_id, token_hash, expires_at, created_at)
select '00000000-0000-4000-8000-000000000499', subscription_id, encode(sha256('demo-ivan-old'), 'hex'),
       now() + interval '1 day', now() - interval '300 days'
from subscriptions where subscription_id = '00000000-0000-4000-8000-000000000316'
on conflict do nothing;
insert into license_token_replacements (token_id, subscription_id, replaced_by, replaced_at, overlap_until)
select token_id, subscription_id, '00000000-0000-4000-8000-000000000416', now() - interval '2 hours', expires_at
from license_tokens where token_id = '00000000-0000-4000-8000-000000000499'
on conflict do nothing;

insert into license_renewal_history
    (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, previous_expiry, new_expiry,
     payment_provider, status, failure_reason)
select ('00000000-0000-4000-8000-000000000' || 700 + n)::uuid, t.expires_at - coalesce(ago, interval '33 days'),
       t.subscription_id, s.subscriber_id,
       renewal_type, amount, t.expires_at - case when ago is null then interval '30 days' else interval '0' end,
       case when ago is null then t.expires_at end, provider, status, failure_reason
from (values
    (1, 'auto', 49.00, null, 'success', null, null::interval),
    (3, 'auto', 79.00, null, 'success', null, null),
    (4, 'auto', 29.50, 'stripe', 'success', null, null),
    (5, 'auto', 49.00, 'stripe', 'failed', 'insufficient_funds', interval '2 days'),
    (6, 'auto', 79.00, 'stripe', 'failed', 'expired_card', interval '3 days'),
    (8, 'manual', 29.50, null, 'success', null, null),
    (11, 'auto', 49.00, null, 'success', null, null),
    (18, 'auto', 79.00, 'stripe', 'success', null, null),
    (20, 'manual', 49.00, 'stripe', 'success', null, null),
    (22, 'auto', 49.00, 'stripe', 'success', null, null)
) as renewals (n, renewal_type, amount, provider, status, failure_reason, ago)
join license_tokens t on t.token_id = ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid
join subscriptions s on s.subscription_id = t.subscription_id
on conflict do nothing;
