-- Opens lanes of limits that this transaction holds. $1 project, $2 now, $3 limits of which jobs are
-- held no more, or that let more through than before, then one array a column: lanes in which jobs
-- have begun to wait, by limit, queue and action. Gives back how many it opened.
with waiting as materialized (
    select * from unnest($4::uuid[], $5::text[], $6::text[]) as waiting (limit_id, queue, action)),
freed as (
    update limit_lanes o
    set open_at = $2, is_full = false
    where o.project_id = $1 and o.limit_id = any($3) and (o.is_full or o.open_at > $2)
      and not exists (
          select from waiting w
          where w.limit_id = o.limit_id and w.queue = o.queue and w.action = o.action)
    returning 1),
added as (
    insert into limit_lanes as o (project_id, limit_id, queue, action, open_at)
    select $1, limit_id, queue, action, $2 from waiting
    on conflict (project_id, limit_id, queue, action) do update
    set open_at = $2, is_full = false
    -- Nothing that is added to a lane makes a full limit let more through.
    where o.open_at > $2 and (not o.is_full or o.limit_id = any($3))
    returning 1)
select (select count(*) from freed) + (select count(*) from added) as "opened!"
