-- The latest attempt of a renewal; no row before the first. A single stable select, so that the planner inlines it.
create or replace function latest_attempt(renewal_id uuid) returns setof renewal_attempts language sql stable as $$
    select * from renewal_attempts a where a.renewal_id = $1 order by a.number desc limit 1
$$;

-- When a payment method was last declined permanently for a renewal; null if it was not, or if its details have changed since.
create or replace function card_declined_at(renewal_id uuid, payment_method_id uuid, changed_at timestamptz) returns timestamptz
    language sql stable as $$
    select max(a.first_sent_at) from renewal_attempts a
    where a.renewal_id = $1 and a.payment_method_id = $2 and a.status = 'hard_declined'
      and (changed_at is null or changed_at <= a.first_sent_at)
$$;

-- The payment method to try once after a permanent decline of the default one; null unless the customer has allowed it. What was tried
-- after the decline stays the next one, so that there is no third. A method that was declined permanently before is none.
create or replace function next_card(renewal_id uuid, person uuid, declined_at timestamptz) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'payment_method_id', m.payment_method_id, 'provider', m.payment_provider, 'customer_id', m.provider_customer_id,
        'payment_id', m.provider_payment_id, 'changed_at', past_time(m.details_changed_at), 'last_four', m.last_four)
    from payment_preferences p
    join user_payment_methods m on m.user_id = p.user_id and m.is_active and not m.is_default
    where p.user_id = person and p.tries_next_method and m.provider_customer_id is not null and m.provider_payment_id is not null
      -- Not make_date, which fails for a month or year that doesn't exist.
      and (m.expiry_year is null or (m.expiry_year, coalesce(m.expiry_month, 12))
          >= (extract(year from now() at time zone 'UTC'), extract(month from now() at time zone 'UTC')))
      and not exists (select from renewal_attempts a
                      where a.renewal_id = $1 and a.payment_method_id = m.payment_method_id and a.status = 'hard_declined'
                        and a.first_sent_at <= coalesce(declined_at, 'infinity'))
      and not exists (select from renewal_attempts a
                      where a.renewal_id = $1 and a.payment_method_id <> m.payment_method_id and a.first_sent_at > declined_at)
    order by exists (select from renewal_attempts a
                     where a.renewal_id = $1 and a.payment_method_id = m.payment_method_id and a.first_sent_at > declined_at) desc,
             m.created_at desc, m.payment_method_id
    limit 1
$$;

-- True if the provider was not asked for its events for 15 minutes, or for three times the last interval if that is longer: this backend
-- was stopped, or the database was restored. Then a charge may have succeeded that is not known here. FetchPaymentEvents asks every five
-- minutes by default. The return is the first request after that (missed_until).
create or replace function has_missed_events(asked_at timestamptz, read_until timestamptz, asked_every interval) returns boolean
language sql stable as $$
    select coalesce(asked_at, read_until) <= now() - greatest(interval '15 minutes', 3 * asked_every)
$$;

-- How long charges wait for a list of which nothing was ever read, for example because the key may not read it. Once a part of it was read,
-- they wait without a limit. After this time, a charge by another provider no longer waits for a list that is out of reach, either.
create or replace function longest_wait_for_a_list() returns interval language sql immutable as $$
    select interval '6 hours'
$$;

-- The providers whose events must be read before anything is charged; the caller leaves out those that are not configured. If there are
-- renewals from before the first request to a provider, then the backup may be older than that request, or the provider is new.
create or replace function unread_providers() returns text[] language sql stable as $$
    select coalesce(array_agg(p.provider order by p.provider), '{}')
    from (values ('paypal'), ('stripe')) as p (provider)
    left join payment_event_reads r on r.provider = p.provider
    where case
        when r.provider is null then exists (select from renewals where created_at <= now() - interval '15 minutes')
        when coalesce(r.asked_at, r.read_until) is null then true
        else has_missed_events(r.asked_at, r.read_until, r.asked_every)
            or coalesce(r.missed_until > case when r.read_until is null then now() - longest_wait_for_a_list() else '-infinity' end, false)
    end
$$;

-- Providers that are asked again, but whose events are still unread long after the return.
create or replace function overdue_providers() returns text[] language sql stable as $$
    select coalesce(array_agg(provider order by provider), '{}')
    from payment_event_reads
    where missed_until <= now() - longest_wait_for_a_list() and not has_missed_events(asked_at, read_until, asked_every)
$$;

-- Whether the events of one of these providers are unread, so that refunds and payments may exist that are not known here. From the return
-- on, this counts for the given time at most; null: without a limit. A return that is noted (note_return) is later than the last request.
create or replace function awaits_events(providers text[], longest interval) returns boolean language sql stable as $$
    select exists (
        select from unnest(unread_providers()) as u (provider)
        left join payment_event_reads r on r.provider = u.provider
        where u.provider = any (providers)
          and not coalesce(
              r.missed_until <= now() - longest
              and (r.missed_until > coalesce(r.asked_at, r.read_until, '-infinity')
                   or not has_missed_events(r.asked_at, r.read_until, r.asked_every)), false))
$$;

-- Notes the return of a provider that is not asked for its events, for example because the timer is disabled: a limited wait for it
-- begins now. The first request replaces the time.
create or replace function note_return(of_provider text) returns void language sql as $$
    insert into payment_event_reads as r (provider, missed_until) values (of_provider, now())
    on conflict (provider) do update set missed_until = now()
    where coalesce(has_missed_events(r.asked_at, r.read_until, r.asked_every), r.missed_until is null)
      and not coalesce(r.missed_until > coalesce(r.asked_at, r.read_until), false)
$$;

-- Charges that a provider reported for a license and that are not booked: until an operator has decided, nothing is charged, and the
-- license stays valid, because its period may be paid.
create or replace view unbooked_charges as
select c.subscription_id
from payment_cases c
where c.reason in ('unknown_renewal', 'not_booked') and c.decided_at is null;

-- The licenses that a decision about a charge may change, with the ids by which a provider names the charge: those of its cases, decided
-- ones included, and of the renewals that have it as their intent.
create or replace function licenses_of_charge(charging_provider text, ids text[]) returns setof uuid language sql stable as $$
    with cases as (
        select c.subject, c.renewal_id, c.subscription_id from payment_cases c
        where c.provider = charging_provider and (c.subject = any (ids) or c.transaction_id = any (ids))
    )
    select c.subscription_id from cases c where c.subscription_id is not null
    union
    select r.subscription_id from cases c join renewals r on r.renewal_id = c.renewal_id
    union
    select r.subscription_id from renewals r where r.intent_id = any (ids || array(select c.subject from cases c))
$$;

-- The periods of a license that an open or unbooked charge, or one from before a restore, may have paid. Without a renewal, it is the
-- period after the present expiry. A single stable select, so that the planner inlines it.
create or replace function periods_maybe_paid(subscription_id uuid) returns table (renewal_id uuid, period_start timestamptz)
language sql stable as $$
    select r.renewal_id, r.period_start
    from renewals r
    where r.subscription_id = $1 and (is_charge_open(r.status) or (r.may_be_paid and not is_renewal_final(r.status)))
    union all
    select null, (select t.expires_at from v_current_license_tokens t where t.subscription_id = u.subscription_id)
    from unbooked_charges u
    where u.subscription_id = $1
$$;

-- A renewal with all values on which a decision about it depends.
create or replace view renewal_facts as
select
    r.renewal_id, r.subscription_id, r.user_id, r.period_start, r.renewal_type, r.status, r.amount_usd, r.price_accepted, r.intent_id,
    r.soft_declines, r.lookups, r.unknown_since, r.gives_up_at, r.next_action_at, r.paid_with, r.paid_from, r.paid_until, r.fence,
    a.attempt_id, a.number as attempt_number, a.provider as attempt_provider, a.payment_method_id as attempt_payment_method_id, a.request,
    a.first_sent_at, a.opens_intent, a.status as attempt_status, a.code as attempt_code, a.transaction_id,
    t.expires_at, t.auto_renew, t.is_renewable, t.price_usd, t.last_paid_usd, t.wallet_usd,
    t.payment_method_id, t.payment_provider, t.provider_customer_id, t.provider_payment_id, t.expiry_month, t.expiry_year,
    t.details_changed_at, t.renewal_block, r.lapsed_blocked,
    -- While another renewal of the license waits for the provider or the bank, nothing else is charged. If the platform has moved the
    -- expiry, the intent of the other renewal is canceled first.
    exists (select from renewals o
            where o.subscription_id = r.subscription_id and o.renewal_id <> r.renewal_id
              and (is_awaiting_provider(o.status)
                   or (has_intent_left(o.status, o.intent_id) and o.period_start is distinct from t.expires_at)))
        or charged.elsewhere
        as is_another_awaited,
    (select f.last_four from user_payment_methods f where f.payment_method_id = t.payment_method_id) as last_four,
    t.is_disputed, t.is_gone, r.debts_usd, t.debt_usd,
    array(select h.first_sent_at from renewal_attempts h where h.renewal_id = r.renewal_id order by h.number) as attempts_at,
    t.payment_method_id is not null and d.declined_at is not null as is_card_declined,
    case when t.payment_method_id is not null then next_card(r.renewal_id, r.user_id, d.declined_at) end as next_card,
    charged.elsewhere as has_other_charge,
    r.may_be_paid,
    -- Read once for all rows.
    (select unread_providers()) as unread_providers,
    -- A charge by another provider no longer waits for these. A customer who has used the provider may have paid with it.
    array(select p.name from unnest((select overdue_providers())) as p (name)
          where not exists (select from payment_customers c where c.user_id = r.user_id and c.payment_provider = p.name)
            and not exists (select from user_payment_methods m where m.user_id = r.user_id and m.payment_provider = p.name)
    ) as overdue_providers,
    r.is_refunded
from renewals r
join renewal_terms t on t.subscription_id = r.subscription_id
left join lateral latest_attempt(r.renewal_id) a on true
-- A provider reported a charge of this renewal, or of its license, that is not booked: an operator decides before anything else is
-- charged.
cross join lateral (
    select exists (select from payment_cases c
                   where c.renewal_id = r.renewal_id and c.reason in ('paid_twice', 'paid_before') and c.decided_at is null)
           or exists (select from unbooked_charges c where c.subscription_id = r.subscription_id) as elsewhere
    offset 0) charged
-- "offset 0", so that it is computed once.
cross join lateral (
    select card_declined_at(r.renewal_id, t.payment_method_id, t.details_changed_at) as declined_at offset 0) d;
