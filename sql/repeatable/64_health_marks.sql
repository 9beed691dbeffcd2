-- Makes silent licenses due for scoring that were used again. The scan calls it with the licenses that have new usage.
create or replace function mark_used_licenses_due(used uuid[]) returns void language sql as $$
    insert into health_marks (subscription_id)
    select h.subscription_id from license_health h where h.is_silent and h.subscription_id = any (used)
$$;
