-- Weekly partitions of the history tables, so that retention drops a partition at once.

-- Makes the partition of the week that holds `day`, unless it is there or rows of that week
-- already lie in the default partition (a moved clock), which then simply keeps them.
create function mobius_ensure_partition(parent text, key_column text, day timestamptz) returns boolean
language plpgsql
as $$
declare
    week_start timestamptz := date_trunc('week', day, 'UTC');
    week_end timestamptz := date_trunc('week', day, 'UTC') + interval '7 days';
    child text := format('%s_%s', parent, to_char(week_start at time zone 'UTC', 'IYYY"w"IW'));
    occupied boolean;
begin
    -- One maker at a time, until the end of its transaction.
    perform pg_advisory_xact_lock(hashtext('mobius_ensure_partition'));
    if to_regclass(child) is not null then
        return false;
    end if;
    execute format('select exists (select from %I where %I >= $1 and %I < $2)',
                   parent || '_default', key_column, key_column)
        into occupied using week_start, week_end;
    if occupied then
        return false;
    end if;
    -- Attached instead of made in place: that locks the parent against nobody who reads or writes.
    execute format('create table %I (like %I including all)', child, parent);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                   parent, child, week_start, week_end);
    return true;
end
$$;

select mobius_ensure_partition(history.parent, history.key_column, mobius_now() + week * interval '7 days')
from (values ('run_events', 'created_at'), ('job_attempts', 'ended_at')) as history (parent, key_column)
cross join generate_series(0, 3) as week;
