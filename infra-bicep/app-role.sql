-- What the app may do in the database: read and write rows, and nothing to tables. Run by the schema's owner after every migration:
--   psql -v ON_ERROR_STOP=1 -v app_role=ROLE -f app-role.sql
grant usage on schema public to :"app_role";
grant select, insert, update, delete on all tables in schema public to :"app_role";
grant execute on all functions in schema public to :"app_role";

-- The two functions that make and drop parts of license_usage_log do it as its owner. A migration may have made them anew.
alter function drop_expired_usage(interval, int) security definer set search_path = public, pg_temp;
alter function ensure_usage_partitions(timestamptz, timestamptz) security definer set search_path = public, pg_temp;
