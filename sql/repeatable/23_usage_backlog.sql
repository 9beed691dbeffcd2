-- Usage that the detector has not seen yet: the number of batches, and when the oldest was stored (null if there is none).
-- The metrics, the System page and the runbook read it. Both ids grow with the time, so the oldest row is the first of an index.
create or replace view usage_backlog as
select (select count(*) from usage_arrivals) + (select count(*) from unsummed_usage) as batches,
       least((select arrived_at from usage_arrivals order by arrival_id limit 1),
             (select stored_at from unsummed_usage order by batch_id limit 1)) as oldest_at;
