-- The app's rights in the database: it can read and write rows, but not change tables. The schema's owner runs this after every migration:
--   psql -v ON_ERROR_STOP=1 -v app_role=ROLE -f app-role.sql
grant usage on schema public to :"app_role";
grant select, insert, update, delete on all tables in schema public to :"app_role";
grant execute on all functions in schema public to :"app_role";

-- The two functions that create and drop partitions of license_usage_log run as its owner. A migration may have replaced them.
alter function drop_expired_usage(interval, int) security definer set search_path = public, pg_temp;
alter function ensure_usage_partitions(timestamptz, timestamptz) security definer set search_path = public, pg_temp;
