-- The one clock: every persisted decision about time reads mobius_now().

create table mobius_clock (
    -- Makes a second row impossible.
    only_row boolean primary key default true check (only_row),
    -- How far the clock is ahead of the server's; only tests and a virtual clock move it.
    ahead interval not null default interval '0'
);

insert into mobius_clock default values;

-- Stable, so that one reading serves a whole statement and may bound an index scan.
create function mobius_now() returns timestamptz
language sql stable
as $$ select clock_timestamp() + (select ahead from mobius_clock) $$;
