-- What the operators' search finds. Each parameter is one meaning of the text that an operator typed; for a null, no table is read. At most
-- `most` rows of each kind are returned. Every part reads an index; a part of an address reads the index of addresses, unless it is the
-- whole address of a user: then only this user is found.
create or replace function find_customers(
    address_part text, account bigint, network cidr, first_id uuid, last_id uuid, whole_token_hash text, first_hash text, last_hash text,
    token_beginning text, ea_beginning text, provider_object text, invoice_number text, most int)
    returns table (kind text, id uuid, user_id uuid, subscription_id uuid, label text, detail text)
    language plpgsql stable as $$
#variable_conflict use_column
begin
    if address_part is not null then
        return query
            select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text from users u where u.email = address_part;
        if not found then
            return query
                with hits as materialized (
                    select u.email from users u where strpos(u.email, address_part) > 0 order by u.email limit most)
                select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
                from hits h join users u on u.email = h.email
                order by u.email;
        end if;
    end if;
    if first_id is not null then
        return query
            (select 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
             from users u where u.user_id between first_id and last_id order by u.user_id limit most)
            union all
            (select 'license', s.subscription_id, s.subscriber_id, s.subscription_id, s.subscription_id::text, null::text
             from subscriptions s where s.subscription_id between first_id and last_id order by s.subscription_id limit most)
            union all
            (select 'alert', a.alert_id, a.user_id, a.subscription_id, a.alert_id::text, a.activity_type::text
             from suspicious_activity_alerts a where a.alert_id between first_id and last_id order by a.alert_id limit most)
            union all
            (select 'payment', r.renewal_id, r.user_id, r.subscription_id, r.renewal_id::text, r.status
             from renewals r where r.renewal_id between first_id and last_id order by r.renewal_id limit most)
            union all
            -- Keys of requests to a provider name the attempt.
            (select 'payment', r.renewal_id, r.user_id, r.subscription_id, r.renewal_id::text, r.status
             from renewal_attempts a join renewals r on r.renewal_id = a.renewal_id
             where a.attempt_id between first_id and last_id order by a.attempt_id limit most)
            union all
            (select 'case', c.case_id, coalesce(c.user_id, s.subscriber_id), c.subscription_id, c.subject, c.detail
             from payment_cases c left join subscriptions s on s.subscription_id = c.subscription_id
             where c.case_id between first_id and last_id order by c.case_id limit most)
            union all
            (select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
             from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
             where d.device_id between first_id and last_id order by d.device_id limit most);
    end if;
    if account is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.mt5_account_number = account
            order by d.removed_at is not null, d.last_seen_at desc, d.device_id
            limit most;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.mt5_account_number = account
            order by d.detected_at desc
            limit most;
    end if;
    if ea_beginning is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from license_devices d join subscriptions s on s.subscription_id = d.subscription_id
            -- Operators of text_pattern_ops, so that the index is used by every plan.
            where lower(d.ea_instance_id) ~>=~ ea_beginning and lower(d.ea_instance_id) ~<~ (ea_beginning || chr(1114111))
            order by lower(d.ea_instance_id) using ~<~
            limit most;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where lower(d.ea_instance_id) ~>=~ ea_beginning and lower(d.ea_instance_id) ~<~ (ea_beginning || chr(1114111))
            order by lower(d.ea_instance_id) using ~<~
            limit most;
    end if;
    if network is not null then
        return query
            select 'device', d.device_id, s.subscriber_id, d.subscription_id, d.ea_instance_id::text, d.mt5_account_number::text
            from (select n.device_id, n.last_seen_at from license_device_networks n where n.network = find_customers.network
                  order by n.last_seen_at desc, n.device_id limit most) n
            join license_devices d on d.device_id = n.device_id
            join subscriptions s on s.subscription_id = d.subscription_id
            order by n.last_seen_at desc, d.device_id;
        return query
            select 'refused_device', d.alert_id, s.subscriber_id, d.subscription_id, d.ea_instance_id, d.mt5_account_number::text
            from refused_devices d join subscriptions s on s.subscription_id = d.subscription_id
            where d.network = find_customers.network
            order by d.detected_at desc
            limit most;
    end if;
    if whole_token_hash is not null or first_hash is not null then
        return query
            select 'token', t.token_id, s.subscriber_id, t.subscription_id, left(t.token_hash, 12)::text,
                   case when t.is_active then 'active' else 'revoked' end
            -- With both conditions in one, a plan for any values reads the whole index in its order.
            from ((select w.token_hash from license_tokens w where w.token_hash = whole_token_hash)
                  union
                  (select h.token_hash from license_tokens h where h.token_hash between first_hash and last_hash
                   order by h.token_hash limit most)) f
            join license_tokens t on t.token_hash = f.token_hash
            join subscriptions s on s.subscription_id = t.subscription_id
            order by t.token_hash
            limit most;
    end if;
    if token_beginning is not null then
        return query
            select 'token', t.token_id, s.subscriber_id, t.subscription_id, left(t.token_hash, 12)::text,
                   case when t.is_active then 'active' else 'revoked' end
            from token_beginnings b
            join license_tokens t on t.token_id = b.token_id
            join subscriptions s on s.subscription_id = t.subscription_id
            where b.beginning >= left(token_beginning, 12) and b.beginning < left(token_beginning, 12) || '~'
            order by b.beginning
            limit most;
    end if;
    if provider_object is not null then
        return query
            select distinct on (p.renewal_id) 'payment', p.renewal_id, r.user_id, r.subscription_id, provider_object, r.status
            from (select a.renewal_id from renewal_attempts a
                  where a.provider in ('stripe', 'paypal') and a.transaction_id = provider_object
                  union all
                  select i.renewal_id from renewals i where i.intent_id = provider_object
                  union all
                  select v.renewal_id from payment_reversals v
                  where v.provider in ('stripe', 'paypal') and v.kind in ('refund', 'refund_total', 'dispute')
                    and v.provider_id = provider_object
                  union all
                  select f.renewal_id from refunds f
                  where f.provider in ('stripe', 'paypal') and f.provider_id = provider_object) p
            join renewals r on r.renewal_id = p.renewal_id;
        -- No renewal may have the payment.
        return query
            select 'case', c.case_id, coalesce(c.user_id, s.subscriber_id), c.subscription_id, provider_object, c.detail
            from (select b.case_id from payment_cases b where b.subject = provider_object
                  union
                  select t.case_id from payment_cases t where t.transaction_id = provider_object) f
            join payment_cases c on c.case_id = f.case_id
            left join subscriptions s on s.subscription_id = c.subscription_id
            order by c.opened_at desc
            limit most;
        return query
            select 'dispute', v.reversal_id, null::uuid, null::uuid, provider_object, v.reason
            from payment_reversals v
            where v.provider in ('stripe', 'paypal') and v.kind = 'dispute' and v.provider_id = provider_object and v.renewal_id is null;
        return query
            select distinct 'customer', u.user_id, u.user_id, null::uuid, u.email::text, u.role::text
            from (select c.user_id from payment_customers c
                  where c.payment_provider in ('stripe', 'paypal') and c.provider_customer_id = provider_object
                  union all
                  select m.user_id from user_payment_methods m
                  where m.provider_payment_id = provider_object or m.provider_customer_id = provider_object) p
            join users u on u.user_id = p.user_id;
    end if;
    if invoice_number is not null then
        return query
            select 'invoice', i.renewal_id, i.user_id, i.subscription_id, i.number, i.kind from invoices i where i.number = invoice_number;
    end if;
end
$$;

select replace_function(
           'find_customers(text, bigint, cidr, uuid, uuid, text, text, text, text, text, int)',
           'find_customers(text, bigint, cidr, uuid, uuid, text, text, text, text, text, text, text, int)'),
       replace_function(
           'find_customers(text, bigint, cidr, uuid, uuid, text, text, text, text, text, text, int)',
           'find_customers(text, bigint, cidr, uuid, uuid, text, text, text, text, text, text, text, int)');

-- For the code of before 0092, which runs on this schema while the new one is deployed.
create or replace function find_customers(
    address_part text, account bigint, network cidr, first_id uuid, last_id uuid, whole_token_hash text, first_hash text, last_hash text,
    ea_beginning text, provider_object text, invoice_number text, most int)
    returns table (kind text, id uuid, user_id uuid, subscription_id uuid, label text, detail text)
    language sql stable as $$
    select * from find_customers(
        address_part, account, network, first_id, last_id, whole_token_hash, first_hash, last_hash, null::text, ea_beginning,
        provider_object, invoice_number, most)
$$;
