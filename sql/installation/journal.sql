-- The first statement of every installation step, in psql and in licensectl. It takes a lock, so that one installer runs at
-- a time (the lock ends with the transaction and works behind a pooler), and creates the journal of installed migrations.
do $do$
begin
    perform pg_advisory_xact_lock(hashtextextended('schema_migrations', 0));
    if to_regclass('schema_migrations') is null then
        create table schema_migrations (
            name         text primary key,
            installed_at timestamptz not null default now()
        );

        -- A hash over all views, functions and triggers of the schema: it tells whether the repeatable files changed any.
        create function schema_definitions() returns text language sql stable as $body$
            select md5(string_agg(definition, e'\n' order by definition collate "C"))
            from (
                select pg_get_functiondef(p.oid) from pg_proc p
                where p.pronamespace = current_schema()::regnamespace and p.prokind in ('f', 'p')
                  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
                union all
                select c.relname || ' ' || pg_get_viewdef(c.oid) from pg_class c
                where c.relnamespace = current_schema()::regnamespace and c.relkind = 'v'
                union all
                select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where c.relnamespace = current_schema()::regnamespace and not t.tgisinternal and t.tgparentid = 0
            ) as definitions (definition)
        $body$;
    end if;
    if to_regclass('schema_fingerprints') is null then
        -- Which repeatable files are installed. If they are unchanged, licensectl locks no table or view.
        create table schema_fingerprints (
            only_row    boolean primary key default true check (only_row),
            files       text not null,
            definitions text not null
        );
    end if;
end
$do$;
