-- Returns every row about a person. Rows are found by the columns that contain a user, their licenses, devices and renewals, so
-- that future tables are included, and by texts that contain the person's identifiers. Hashes of secrets are left out.
create or replace function person_data(person uuid) returns table (table_name text, row_data jsonb) language plpgsql stable as $$
declare
    licenses uuid[] := array(select subscription_id from subscriptions where subscriber_id = person);
    -- The person's identifiers in texts.
    names text[] := array(select person::text union all select unnest(licenses)::text
                          union all select token_hash from license_tokens where subscription_id = any (licenses)
                          union all select email from users where user_id = person
                          union all select provider_customer_id from user_payment_methods
                                    where user_id = person and provider_customer_id is not null);
    part record;
begin
    for part in
        select c.relname as name, string_agg(case a.attname
            when 'payload' then case c.relname
                -- Messages to operators and to the alert webhook are about other persons, too.
                when 'outbox' then '(t.kind = ''email'' and not starts_with(coalesce(t.payload ->> ''template'', ''''), ''operator_'') and '
                else '(' end || 'exists (select from unnest($3) as name where position(name in t.payload::text) > 0))'
            when 'subscription_id' then 't.subscription_id = any ($2)'
            when 'device_id' then 't.device_id in (select d.device_id from license_devices d where d.subscription_id = any ($2))'
            when 'renewal_id' then 't.renewal_id in (select r.renewal_id from renewals r where r.subscription_id = any ($2))'
            when 'subject' then 't.subject = $1::text'
            when 'body' then 'exists (select from unnest($3) as name where position(name in t.body::text) > 0)'
            else format('t.%I = $1', a.attname) end, ' or ') as condition
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
        where c.relnamespace = (select relnamespace from pg_class where oid = 'license_usage_log'::regclass)
          and c.relkind in ('r', 'p') and not c.relispartition
          and (a.attname in ('user_id', 'subscriber_id', 'caller_id', 'actor_id', 'submitted_by', 'subscription_id', 'device_id',
                             'renewal_id', 'subject', 'payload', 'body')
               -- A master is also a person; a master's subscribers are other persons.
               or (c.relname, a.attname) in (('master_pricing', 'master_id'), ('master_price_changes', 'master_id')))
        group by c.relname
        order by c.relname
    loop
        return query execute format(
            'select %L::text, to_jsonb(t) - ''password_hash'' - ''token_hash'' from %I t where %s', part.name, part.name, part.condition)
            using person, licenses, names;
    end loop;
end
$$;

-- Erases a person: deletes their usage, devices, addresses and payment methods. Billing records stay, with the identifiers of the
-- user and the provider only; issued invoices stay unchanged. Returns the numbers of changed rows and of kept ones, by table. Fails
-- while the outcome of a charge is unknown, because the charge may have succeeded and must still be found. The operator must also tell
-- the payment provider to delete the customer that the result names.
create or replace function erase_person(person uuid, operator uuid default null, reason text default null)
returns jsonb language plpgsql as $$
declare
    licenses uuid[] := array(select subscription_id from subscriptions where subscriber_id = person order by 1);
    names text[] := array(select person::text union all select unnest(licenses)::text
                          union all select token_hash from license_tokens where subscription_id = any (licenses)
                          union all select email from users where user_id = person
                          union all select provider_customer_id from user_payment_methods
                                    where user_id = person and provider_customer_id is not null);
    customers jsonb := (select jsonb_agg(distinct payment_provider || ' ' || provider_customer_id)
                        from user_payment_methods where user_id = person and provider_customer_id is not null);
    counts jsonb := '{}';
    touched bigint;
begin
    perform from users where user_id = person for update;
    if not found then
        raise exception 'There is no user %', person using errcode = 'no_data_found';
    end if;
    insert into license_states (subscription_id) select unnest(licenses) on conflict (subscription_id) do nothing;
    perform from license_states where subscription_id = any (licenses) order by subscription_id for update;
    if exists (select from renewals where user_id = person and is_charge_open(status)) then
        raise exception 'The outcome of a charge of user % is unknown: erase the user when it is known', person
            using errcode = 'object_in_use';
    end if;

    -- Waits for running sums of usage, which may have read the person's records. sum_license_usage takes this lock, shared.
    perform pg_advisory_xact_lock(hashtext('sum_license_usage'));
    delete from license_usage_log where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_usage_log', touched);
    delete from usage_rollups where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('usage_rollups', touched);
    delete from usage_quarantine where exists (select from unnest(names) as name where position(name in payload) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('usage_quarantine', touched);
    delete from license_devices where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_devices', touched);

    perform add_license_event(subscription_id, 'license.revoked', jsonb_build_object('cause', 'ERASED', 'accepted_until', null))
    from license_tokens where subscription_id = any (licenses) and is_active;
    update license_tokens set is_active = false, revoked_at = coalesce(revoked_at, now()),
        revoked_reason = case when is_active then 'Erased' else revoked_reason end,
        ip_address = null, ea_instance_id = null, last_used_at = null, metadata = '{}'
    where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_tokens', touched);
    delete from token_beginnings where subscription_id = any (licenses);
    update subscriptions set is_active = false where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('subscriptions', touched);
    update renewals set status = 'canceled', next_action_at = null, fence = fence + 1
    where user_id = person and not is_renewal_final(status);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('renewals', touched);

    update suspicious_activity_alerts set description = 'Erased', evidence = null, token_hash = null, resolution_notes = null,
        resolved_at = coalesce(resolved_at, now()), status = case when is_alert_open(status) then 'RESOLVED' else status end
    where user_id = person or subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('suspicious_activity_alerts', touched);
    update license_suspensions set evidence = '{}', device_key = null where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('license_suspensions', touched);
    delete from suspicion_states where subscription_id = any (licenses);
    delete from license_appeals where subscription_id = any (licenses);
    update dispute_evidence set text = 'Erased', state = case when state = 'requested' then 'refused' else state end,
        next_try_at = null, decided_at = coalesce(decided_at, now())
    where subscription_id = any (licenses);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('dispute_evidence', touched);
    delete from customer_notes where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('customer_notes', touched);
    delete from customer_languages where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('customer_languages', touched);
    -- Issued invoices and credit notes stay as they are: the law asks sellers to keep them.
    delete from billing_details where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('billing_details', touched);
    delete from license_health_days where subscription_id = any (licenses);
    update license_health set score = null, status = null, scored_at = null, contributions = '[]' where subscription_id = any (licenses);

    delete from user_payment_methods where user_id = person;
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('user_payment_methods', touched);
    delete from payment_customers where user_id = person;
    delete from payment_preferences where user_id = person;
    update payment_events set body = null where exists (select from unnest(names) as name where position(name in body::text) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('payment_events', touched);
    update outbox set payload = '{}', dead_at = case when sent_at is null then coalesce(dead_at, now()) end, last_error = 'Erased'
    where exists (select from unnest(names) as name where position(name in payload::text) > 0);
    get diagnostics touched = row_count; counts := counts || jsonb_build_object('outbox', touched);

    update users set email = 'erased-' || user_id || '@erased.invalid', password_hash = '', is_active = false, last_login_at = null
    where user_id = person;
    insert into audit_log (actor_kind, actor_id, action, subject, reason, after)
    values ('operator', operator, 'person.erased', person::text, erase_person.reason, counts);
    return jsonb_build_object(
        'user_id', person, 'rows', counts, 'kept', (
            select jsonb_build_object(
                'invoices', count(*), 'invoices_with_mail_address', count(*) filter (where position('@' in buyer ->> 'name') > 0))
            from invoices where user_id = person),
        'tell_provider', coalesce(customers, '[]'));
end
$$;
