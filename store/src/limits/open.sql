-- Opens lanes of limits that this transaction holds. $1 project, $2 now, $3 limits of which jobs are
-- held no more, or that let more through than before, then one array a column: lanes in which jobs
-- have begun to wait, by limit, queue and action, and after how many seconds the first of them is due.
-- Gives back how many it opened now.
with waiting as materialized (
    select limit_id, queue, action,
           $2::timestamptz + seconds * interval '1 second' as due_at
    from unnest($4::uuid[], $5::text[], $6::text[], $7::float8[])
        as waiting (limit_id, queue, action, seconds)),
-- Those that were closed because nothing in them was due stay so.
freed as (
    update limit_lanes o
    set open_at = $2, is_full = false
    where o.project_id = $1 and o.limit_id = any($3) and o.is_full
      and not exists (
          select from waiting w
          where w.limit_id = o.limit_id and w.queue = o.queue and w.action = o.action)
    returning 1),
added as (
    insert into limit_lanes as o (project_id, limit_id, queue, action, open_at)
    select $1, limit_id, queue, action, due_at from waiting
    on conflict (project_id, limit_id, queue, action) do update
    set open_at = case when o.is_full then $2 else excluded.open_at end, is_full = false
    -- Nothing that is added to a lane makes a full limit let more through.
    where case when o.is_full then o.limit_id = any($3) else o.open_at > excluded.open_at end
    returning o.open_at)
select (select count(*) from freed)
       + (select count(*) from added where open_at <= $2) as "opened!"
