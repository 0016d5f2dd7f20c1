-- Locks limits that may let jobs through, longest ago first. $1 project, $2 queues, $3 actions (empty:
-- any), $4 how many a lane. What another claim holds is passed over, and the next one taken instead.
with clock as materialized (
    select mobius_now() as now),
lanes as materialized (
    select l.queue, l.action
    from job_lanes l
    where l.project_id = $1
      and (cardinality($2::text[]) = 0 or l.queue = any($2))
      and (cardinality($3::text[]) = 0 or l.action = any($3))
      -- With an offset a look-up of each lane's.
      and not exists (
          select from paused_lanes p
          where p.project_id = $1 and p.kind = 'queue' and p.name = l.queue offset 0)
      and not exists (
          select from paused_lanes p
          where p.project_id = $1 and p.kind = 'action' and p.name = l.action offset 0)),
due as materialized (
    select best.limit_id
    from lanes
    cross join lateral (
        select o.limit_id
        from limit_lanes o
        where o.project_id = $1 and o.queue = lanes.queue and o.action = lanes.action
          and o.open_at <= (select now from clock) and o.open_at < 'infinity'
        order by o.open_at
        limit $4) as best),
locked as materialized (
    select held.id
    from lanes
    cross join lateral (
        select l.id
        from limit_lanes o
        join job_limits l on l.project_id = $1 and l.id = o.limit_id
        where o.project_id = $1 and o.queue = lanes.queue and o.action = lanes.action
          and o.open_at <= (select now from clock) and o.open_at < 'infinity'
        order by o.open_at
        limit $4
        for update of l skip locked) as held)
select array(select distinct id from locked) as "locked!",
       (select count(*) from due) > (select count(*) from locked) as "skipped!"
