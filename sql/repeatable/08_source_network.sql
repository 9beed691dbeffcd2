-- The part of an address that distinguishes customers: an IPv4 address, or the /64 of an IPv6 one. C#: SourceNetwork.
-- A single expression, so that the planner inlines it.
create or replace function source_network(address inet) returns cidr language sql immutable parallel safe as $$
    select network(set_masklen(address, case family(address) when 4 then 32 else 64 end))
$$;
