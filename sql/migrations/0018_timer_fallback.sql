-- The work of a timer that stopped firing is done after requests and queue batches (TIMER_FALLBACK).
insert into schema_migrations (name) values ('0018_timer_fallback');

alter table timer_leases
    add column known_since      timestamptz not null default now(), -- a timer that has never run is silent since then
    add column fallback_at      timestamptz, -- when the last slice of its work outside the timer began
    add column fallback_is_done boolean not null default true, -- whether that slice left no work
    add column fallback_runs    bigint not null default 0;
