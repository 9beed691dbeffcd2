-- If a function with fewer parameters exists, gives its grants to the new one with more parameters, and drops it.
create or replace function replace_function(old_signature text, new_signature text) returns void language plpgsql as $$
declare
    old_function regprocedure := to_regprocedure(old_signature);
    new_function regprocedure := new_signature::regprocedure;
    grantee text;
begin
    if old_function is null then
        return;
    end if;
    -- Without a list, everyone may execute a function.
    if (select proacl from pg_proc where oid = old_function) is not null then
        execute format('revoke execute on function %s from public', new_function);
        for grantee in
            select case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end
                   || case when acl.is_grantable then ' with grant option' else '' end
            from pg_proc, aclexplode(proacl) as acl
            where oid = old_function and acl.grantee <> proowner
        loop
            execute format('grant execute on function %s to %s', new_function, grantee);
        end loop;
    end if;
    execute format('drop function %s', old_function);
end
$$;
