-- A small platform: its users, the prices of masters, the wallets and cards of subscribers. Every demo file can run again:
-- existing rows are not changed. Identifiers end in 1nn (subscribers), 2nn (masters), 3nn (subscriptions), 4nn (tokens).
insert into users (user_id, email, password_hash, role, created_at) values
    ('00000000-0000-4000-8000-000000000001', 'olga.operator@example.com', 'x', 'operator', now() - interval '400 days'),
    ('00000000-0000-4000-8000-000000000002', 'ingest-server@example.com', 'x', 'service', now() - interval '400 days'),
    ('00000000-0000-4000-8000-000000000201', 'alpine.trend@example.com', 'x', 'master', now() - interval '390 days'),
    ('00000000-0000-4000-8000-000000000202', 'night.scalper@example.com', 'x', 'master', now() - interval '350 days'),
    ('00000000-0000-4000-8000-000000000203', 'gold.swing@example.com', 'x', 'master', now() - interval '300 days'),
    ('00000000-0000-4000-8000-000000000204', 'free.sample@example.com', 'x', 'master', now() - interval '200 days'),
    ('00000000-0000-4000-8000-000000000205', 'unpriced.beta@example.com', 'x', 'master', now() - interval '90 days')
on conflict do nothing;

insert into master_pricing (master_id, performance_fee_pct, monthly_fee_usd, trial_days) values
    ('00000000-0000-4000-8000-000000000201', 20, 49.00, 0),
    ('00000000-0000-4000-8000-000000000202', 25, 79.00, 7),
    ('00000000-0000-4000-8000-000000000203', 15, 29.50, 14),
    ('00000000-0000-4000-8000-000000000204', 0, 0, 0)
on conflict do nothing;

insert into users (user_id, email, password_hash, role, created_at, last_login_at)
select ('00000000-0000-4000-8000-000000000' || 100 + n)::uuid, name || '@example.com', 'x', 'subscriber',
       now() - n * interval '7 days' - interval '40 days', now() - n * interval '3 hours'
from unnest(array[
    'nora.lindqvist', 'tunde.adeyemi', 'mira.kovac', 'jonas.weber', 'amara.okafor',
    'paul.dubois', 'sara.haddad', 'liam.murphy', 'yuki.tanaka', 'diego.romero',
    'ines.carvalho', 'oskar.nilsson', 'fatima.khan', 'george.papas', 'hana.novak',
    'ivan.petrov', 'julia.santos', 'kofi.mensah', 'lena.fischer', 'marco.ricci',
    'nadia.benali', 'peter.jansen', 'quynh.tran', 'rosa.moreno', 'samir.patel',
    'tamar.levi', 'uwe.brandt', 'vera.costa'
]) with ordinality as subscribers (name, n)
on conflict do nothing;

insert into user_wallets (user_id)
select user_id from users where user_id::text like '00000000-0000-4000-8000-0000000001__'
on conflict do nothing;

-- With the platform's own function, so that the ledger is consistent.
select credit_wallet(user_id, amount, 'DEPOSIT', 'Deposit by bank transfer')
from (values (1, 180.00), (3, 120.00), (5, 4.00), (6, 1.50), (7, 60.00), (8, 250.00), (11, 75.00), (13, 10.00),
             (14, 99.00), (16, 49.00), (18, 500.00), (19, 35.00), (21, 82.00), (23, 300.00), (25, 12.00)) as deposits (n, amount)
join user_wallets on user_id = ('00000000-0000-4000-8000-000000000' || 100 + n)::uuid
where not exists (select from billing_ledger where billing_ledger.user_id = user_wallets.user_id);

insert into user_payment_methods
    (payment_method_id, user_id, payment_provider, provider_customer_id, provider_payment_id, payment_type, last_four, brand,
     expiry_month, expiry_year, is_default)
select ('00000000-0000-4000-8000-000000000' || 500 + n)::uuid, ('00000000-0000-4000-8000-000000000' || 100 + n)::uuid,
       'stripe', 'cus_demo_' || n, payment, 'card', last_four, brand,
       extract(month from now() + valid)::int, extract(year from now() + valid)::int, true
from (values
    (1, 'pm_card_visa', '4242', 'visa', interval '20 months'),
    (4, 'pm_card_mastercard', '4444', 'mastercard', interval '9 months'),
    (5, 'pm_card_chargeDeclinedInsufficientFunds', '9995', 'visa', interval '14 months'),
    (6, 'pm_card_chargeDeclinedExpiredCard', '0069', 'visa', interval '-1 month'),
    (9, 'pm_card_authenticationRequired', '3184', 'visa', interval '30 months'),
    (15, 'pm_card_amex', '0005', 'amex', interval '5 months'),
    (18, 'pm_card_visa', '4242', 'visa', interval '27 months'),
    (20, 'pm_card_mastercard', '4444', 'mastercard', interval '11 months'),
    (22, 'pm_card_visa', '4242', 'visa', interval '18 months'),
    (24, 'pm_card_visa', '4242', 'visa', interval '16 days'),
    (26, 'pm_card_visa', '4242', 'visa', interval '15 months'),
    (27, 'pm_card_authenticationRequired', '3184', 'visa', interval '22 months'),
    (28, 'pm_card_mastercard', '4444', 'mastercard', interval '13 months')
) as cards (n, payment, last_four, brand, valid)
on conflict do nothing;
