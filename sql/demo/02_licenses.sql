-- One license per subscriber, and a second one of Tamar, number 29, which must not be older than her account. Together they have every
-- possible state. A token is "demo-" and the first name: demo-nora; that of the second license is demo-tamar-gold.
-- No automatic renewal is due at the first start, so that the timers change nothing that the stories of the sign-in page say.
with licenses (n, name, master, expires_in, auto_renew, state, paused_reason, revoked, revoked_reason) as (values
    (1, 'nora', 201, interval '24 days', true, 'SYNCED', null, null::interval, null),
    (2, 'tunde', 201, interval '19 days', false, 'SYNCED', null, null, null),
    (3, 'mira', 202, interval '8 days', true, 'SYNCED', null, null, null),
    (4, 'jonas', 203, interval '9 days', true, 'SYNCED', null, null, null),
    (5, 'amara', 201, interval '-1 day', true, 'SYNCED', null, null, null),
    (6, 'paul', 202, interval '-9 days', true, 'SUSPENDED_ADMIN', 'License expired', interval '6 days', 'Expired - grace period ended'),
    (7, 'sara', 201, interval '15 days', true, 'SUSPENDED_ADMIN', 'License suspended: Concurrent sessions detected: 2 active devices',
        interval '5 hours', 'Auto-suspended: Concurrent sessions detected: 2 active devices'),
    (8, 'liam', 203, interval '21 days', true, 'SYNCED', null, null, null),
    (9, 'yuki', 202, interval '12 days', true, 'LOCKED_NO_FUNDS', 'Wallet below the minimum', null, null),
    (10, 'diego', 202, interval '17 days', false, 'PAUSED_TOXIC', 'Spread too wide for this strategy', null, null),
    (11, 'ines', 201, interval '28 days', true, 'DEGRADED_GAP', null, null, null),
    (12, 'oskar', 203, interval '11 days', false, 'SYNCED', null, interval '2 days', 'Canceled by the customer'),
    (13, 'fatima', 204, interval '12 days', true, 'SYNCED', null, null, null),
    (14, 'george', 203, null, false, 'SYNCED', null, null, null),
    (15, 'hana', 201, interval '2 days', false, 'SYNCED', null, null, null),
    (16, 'ivan', 203, interval '9 days', true, 'SYNCED', null, null, null),
    (17, 'julia', 202, interval '20 days', false, 'SUSPENDED_ADMIN', 'License suspended: payment disputed by phone', interval '3 days',
        'Auto-suspended: payment disputed by phone'),
    (18, 'kofi', 202, interval '26 days', true, 'SYNCED', null, null, null),
    (19, 'lena', 203, interval '14 days', true, 'SYNCED', null, null, null),
    (20, 'marco', 201, interval '23 days', true, 'SYNCED', null, null, null),
    (21, 'nadia', 202, interval '10 days', true, 'SYNCED', null, null, null),
    (22, 'peter', 201, interval '29 days', true, 'SYNCED', null, null, null),
    (23, 'quynh', 202, interval '8 days', true, 'SYNCED', null, null, null),
    (24, 'rosa', 203, interval '27 days', true, 'SYNCED', null, null, null),
    (25, 'samir', 205, interval '4 days', true, 'SYNCED', null, null, null),
    (26, 'tamar', 201, interval '22 days', true, 'SYNCED', null, null, null),
    (27, 'uwe', 203, interval '5 days', false, 'SYNCED', null, null, null),
    (28, 'vera', 201, interval '25 days', true, 'SYNCED', null, null, null),
    (29, 'tamar-gold', 203, interval '13 days', true, 'SYNCED', null, null, null)
),
made as (
    insert into subscriptions
        (subscription_id, subscriber_id, master_id, state, paused_reason, paused_at, last_sequence_id, last_signal_at, created_at)
    select ('00000000-0000-4000-8000-000000000' || 300 + n)::uuid,
           ('00000000-0000-4000-8000-000000000' || 100 + case n when 29 then 26 else n end)::uuid,
           ('00000000-0000-4000-8000-000000000' || master)::uuid, state::subscription_state, paused_reason,
           case when paused_reason is not null then now() - coalesce(revoked, interval '1 day') end,
           4000 + 37 * n, now() - n * interval '4 minutes', now() - least(n, 26) * interval '7 days' - interval '35 days'
    from licenses
    on conflict do nothing
    returning subscription_id
)
insert into license_tokens
    (token_id, subscription_id, token_hash, is_active, expires_at, created_at, revoked_at, revoked_reason, metadata)
select ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid, subscription_id, encode(sha256(convert_to('demo-' || name, 'UTF8')), 'hex'),
       revoked is null, now() + expires_in, now() - least(n, 26) * interval '7 days' - interval '35 days', now() - revoked, revoked_reason,
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

-- Renewals with everything that belongs to them: the history, the attempts, the ledger's entries, and the marks from which the timer
-- issues the invoices. What paid the wallet's renewals was deposited for them, so that the balances stay as they are.
with renewals_of (n, renewal_type, amount, status, failure_reason, code, ago) as (values
    (1, 'auto', 49.00, 'applied', null, null, interval '37 days'),
    (3, 'auto', 79.00, 'applied', null, null, interval '37 days'),
    (4, 'auto', 29.50, 'applied', null, null, interval '37 days'),
    (5, 'auto', 49.00, 'soft_declined', 'insufficient_funds', 'insufficient_funds', interval '2 days'),
    (6, 'auto', 79.00, 'lapsed', 'expired_card', 'expired_card', interval '3 days'),
    (8, 'manual', 29.50, 'applied', null, null, interval '33 days'),
    (11, 'auto', 49.00, 'applied', null, null, interval '37 days'),
    (18, 'auto', 79.00, 'applied', null, null, interval '37 days'),
    (20, 'manual', 49.00, 'applied', null, null, interval '33 days'),
    (22, 'auto', 49.00, 'applied', null, null, interval '37 days'),
    (28, 'auto', 49.00, 'applied', null, null, interval '37 days')
),
dated as (
    select r.*, ('00000000-0000-4000-8000-000000000' || 700 + n)::uuid as renewal_id,
           ('00000000-0000-4000-8000-000000000' || 730 + n)::uuid as attempt_id, t.subscription_id, s.subscriber_id,
           t.expires_at - ago as at,
           t.expires_at - case r.status when 'applied' then interval '30 days' else interval '0' end as period_start,
           case r.status when 'applied' then t.expires_at end as paid_until
    from renewals_of r
    join license_tokens t on t.token_id = ('00000000-0000-4000-8000-000000000' || 400 + n)::uuid
    join subscriptions s on s.subscription_id = t.subscription_id
    -- Data of an earlier version has the history already.
    where not exists (select from license_renewal_history h where h.subscription_id = t.subscription_id)
),
made as (
    insert into renewals
        (renewal_id, subscription_id, user_id, period_start, renewal_type, status, amount_usd, soft_declines, gives_up_at, next_action_at,
         paid_with, paid_from, paid_until, created_at, updated_at)
    select renewal_id, subscription_id, subscriber_id, period_start, renewal_type, status, amount, (status = 'soft_declined')::int,
           period_start + interval '3 days', case status when 'soft_declined' then now() + interval '20 hours' end,
           case status when 'applied' then 'wallet' end, case status when 'applied' then period_start end, paid_until, at, at
    from dated
    on conflict do nothing
    returning renewal_id
),
declined as (
    insert into renewal_attempts
        (attempt_id, renewal_id, number, provider, payment_method_id, request, first_sent_at, opens_intent, status, code, updated_at)
    select attempt_id, renewal_id, 1, 'stripe', m.payment_method_id,
           jsonb_build_object(
               'renewal_id', renewal_id, 'subscription_id', subscription_id, 'user_id', subscriber_id, 'amount_minor', (100 * amount)::int,
               'currency', 'usd', 'customer_id', m.provider_customer_id, 'payment_id', m.provider_payment_id,
               'description', 'License renewal from ' || to_char(period_start, 'YYYY-MM-DD'), 'debts_minor', 0, 'attempt', 1),
           at, true, case status when 'lapsed' then 'hard_declined' else status end, code, at
    from dated
    join made using (renewal_id)
    join user_payment_methods m on m.user_id = subscriber_id and m.is_default
    where status <> 'applied'
),
recorded as (
    -- A declined attempt's row has the attempt's id, like those that the backend writes.
    insert into license_renewal_history
        (renewal_id, attempted_at, subscription_id, user_id, renewal_type, amount_usd, previous_expiry, new_expiry, payment_provider,
         status, failure_reason)
    select case status when 'applied' then renewal_id else attempt_id end, at, subscription_id, subscriber_id, renewal_type, amount,
           period_start, paid_until, case when status <> 'applied' then 'stripe' end,
           case status when 'applied' then 'success' else 'failed' end, failure_reason
    from dated
    join made using (renewal_id)
    union all
    select renewal_id, period_start + interval '3 days', subscription_id, subscriber_id, renewal_type, amount, period_start, null, null,
           'failed', 'grace_period_ended'
    from dated
    join made using (renewal_id)
    where status = 'lapsed'
    on conflict do nothing
),
booked as (
    insert into billing_ledger
        (ledger_id, user_id, wallet_id, entry_type, amount_usd, balance_before, balance_after, reference_id, description, created_at)
    select uuid_generate_v4(), subscriber_id, wallet_id, entry_type, amount, case when is_fee then amount else 0 end,
           case when is_fee then 0 else amount end, case when is_fee then renewal_id end,
           case when is_fee then 'License renewal until ' || to_char(paid_until, 'YYYY-MM-DD') else 'Deposit by bank transfer' end,
           at - case when is_fee then interval '0' else interval '1 day' end
    from dated
    join made using (renewal_id)
    join user_wallets on user_id = subscriber_id
    cross join (values ('DEPOSIT'::ledger_entry_type, false), ('FEE_SUBSCRIPTION', true)) as entries (entry_type, is_fee)
    where status = 'applied'
),
paid as (
    update user_wallets set lifetime_fees = lifetime_fees + amount, lifetime_deposits = lifetime_deposits + amount
    from dated
    join made using (renewal_id)
    where user_id = subscriber_id and status = 'applied'
)
insert into renewals_to_invoice (renewal_id, marked_at)
select renewal_id, at
from dated
join made using (renewal_id)
where status = 'applied';

-- A card was charged, too, for the period that Vera's wallet paid: an operator must decide. The mail about
-- it counts as sent.
insert into payment_cases
    (provider, reason, subject, renewal_id, subscription_id, user_id, transaction_id, amount_minor, currency, detail, opened_at,
     operators_told_at)
select 'stripe', 'paid_twice', 'pi_demo_28', renewal_id, subscription_id, user_id, 'ch_demo_28', 4900, 'usd',
       'The period was already paid in another way.', now() - interval '2 days', now() - interval '2 days'
from renewals where renewal_id = '00000000-0000-4000-8000-000000000728'
on conflict do nothing;

-- Demo charges don't wait for the first read of the providers' events, because the timer may start days later.
insert into payment_event_reads (provider, asked_at, asked_every)
values ('paypal', now(), interval '1 day'), ('stripe', now(), interval '1 day')
on conflict do nothing;

-- The recurring revenue of the last weeks, which the backend counts every day.
insert into recurring_revenue_days (day, licenses, amount_usd)
select day::date, count(*), sum(monthly_fee_usd)
from generate_series((now() at time zone 'UTC')::date - 60, (now() at time zone 'UTC')::date - 1, interval '1 day') as day
join subscriptions s on s.created_at < day and s.subscription_id::text like '00000000-0000-4000-8000-0000000003__'
join license_tokens t on t.subscription_id = s.subscription_id and (t.metadata ->> 'auto_renew')::boolean
join master_pricing p on p.master_id = s.master_id and monthly_fee_usd > 0
group by day
on conflict do nothing;
