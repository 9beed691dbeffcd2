-- The licenses that a mail is about, by their ids: with the master's name, which the mail shows instead of the id, and the customer's
-- address for mails to operators. Read when a mail is sent, so that the outbox contains no names and no addresses of customers.
create or replace function mail_licenses(model jsonb) returns jsonb language sql stable as $$
    select jsonb_object_agg(l.subscription_id, jsonb_build_object('master', l.master, 'customer', l.email))
    from (select distinct case when id #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (id #>> '{}')::uuid end as id
          from jsonb_path_query(model, 'strict $.**.subscription_id') as id) named
    cross join lateral (select * from listed_licenses where subscription_id = named.id) l
$$;
