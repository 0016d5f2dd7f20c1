-- Claims at most one job for each slot; what only the control plane may claim is left alone.
-- $1 project, $2 queues, $3 actions (empty: any), $4 the slots' workers, $5 their actors, $6 the
-- lease in seconds, $7 queues, $8 actions and $9 from when on the walk through that lane begins. One
-- row at least, for what was picked.
with clock as materialized (
    select mobius_now() as now),
wanted as materialized (
    select cardinality($4::text[]) as jobs),
-- The lanes that the filter lets through, but for paused ones.
wide as materialized (
    select l.queue, l.action, coalesce(mark.since, '-infinity') as since
    from job_lanes l
    left join unnest($7::text[], $8::text[], $9::timestamptz[]) as mark (queue, action, since)
      on mark.queue = l.queue and mark.action = l.action
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
-- The best waiting jobs of each. A lane is a short walk along the index of waiting jobs; one that is
-- full of jobs that nobody here can run hides no other. Jobs with a limit are claimed apart. Those of
-- the common priority are walked by themselves, because their time alone then tells where to begin.
candidates as materialized (
    select l.queue, l.action, l.since
    from wide l
    cross join lateral (
        select * from (
            select j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = l.queue and j.action = l.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority > 0
            order by j.priority desc, j.scheduled_at, j.id
            limit (select jobs from wanted)) as urgent
        union all
        select * from (
            select j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = l.queue and j.action = l.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority = 0 and j.scheduled_at >= l.since
            order by j.scheduled_at, j.id
            limit (select jobs from wanted)) as common
        union all
        select * from (
            select j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = l.queue and j.action = l.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority < 0
            order by j.priority desc, j.scheduled_at, j.id
            limit (select jobs from wanted)) as idle
        limit (select jobs from wanted)) as best
    order by best.priority desc, best.scheduled_at, best.id
    limit (select jobs from wanted)),
lanes as materialized (
    select queue, action, since, count(*) as share
    from candidates
    group by queue, action, since),
-- Locks each lane's share, and no row more. What another claim holds is skipped, and the next
-- row of the lane taken instead. Materialized, because the limit must be evaluated once.
picked as materialized (
    select locked.*
    from lanes
    cross join lateral (
        select * from (
            select j.ctid as place, j.run_id, j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = lanes.queue and j.action = lanes.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority > 0
            order by j.priority desc, j.scheduled_at, j.id
            limit lanes.share
            for update skip locked) as urgent
        union all
        select * from (
            select j.ctid as place, j.run_id, j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = lanes.queue and j.action = lanes.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority = 0 and j.scheduled_at >= lanes.since
            order by j.scheduled_at, j.id
            limit lanes.share
            for update skip locked) as common
        union all
        select * from (
            select j.ctid as place, j.run_id, j.priority, j.scheduled_at, j.id
            from jobs j
            where j.project_id = $1 and j.queue = lanes.queue and j.action = lanes.action
              and j.status = 'pending' and not j.server and j.limit_id is null
              and j.scheduled_at <= (select now from clock)
              and j.priority < 0
            order by j.priority desc, j.scheduled_at, j.id
            limit lanes.share
            for update skip locked) as idle
        limit lanes.share) as locked),
-- Which slot takes which. Nothing is joined but by look-ups: the planner believes that there is one
-- row, and would compare each with each. A run whose first job this is gets locked; one that
-- somebody else holds right now is left alone, with its jobs, instead of waited for: a claim that
-- waits could deadlock with a cancellation.
numbered as materialized (
    select p.place, r.workflow_handle, r.attempt as run_attempt, r.status = 'queued' as starts,
           row_number() over (order by p.priority desc, p.scheduled_at, p.id) as slot
    from picked p
    cross join lateral (
        select r.workflow_handle, r.attempt, r.status
        from runs r
        where r.project_id = $1 and r.id = p.run_id
        offset 0) as r
    left join lateral (
        select held.id
        from runs held
        where held.project_id = $1 and held.id = p.run_id
          and held.status::text = 'queued' and r.status = 'queued'
        for update skip locked) as starting on true
    where r.status = 'running' or starting.id is not null),
claimed as (
    update jobs j
    set status = 'claimed',
        attempt = j.attempt + 1,
        claimed_by = ($4::text[])[numbered.slot],
        claimed_actor = ($5::uuid[])[numbered.slot],
        claimed_at = clock.now,
        heartbeat_at = clock.now,
        lease_expires_at = clock.now + make_interval(secs => $6),
        attempt_deadline_at = clock.now + j.attempt_timeout_ms * interval '1 millisecond',
        updated_at = clock.now
    from clock
    cross join numbered
    -- One that had changed before it was locked is not found where it stands now: the next look
    -- claims it.
    where j.ctid = numbered.place and j.project_id = $1 and j.status::text = 'pending'
    returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.parameters, j.attempt,
              j.attempt_timeout_ms, j.parent_job_id, j.item_index, numbered.slot,
              case when j.priority = 0 then j.scheduled_at - interval '250 milliseconds' end as mark,
              numbered.workflow_handle, numbered.run_attempt, numbered.starts),
started as (
    update runs r
    set status = 'running',
        started_at = coalesce(r.started_at, clock.now),
        updated_at = clock.now
    from clock
    where r.project_id = $1 and r.id = any(array(select run_id from claimed where starts))
      and r.status::text = 'queued')
select clock.now as "now!", (select count(*) from picked) as "picked!",
       -- Whether limits of these lanes may let jobs through.
       case when exists (select from limit_lanes o where o.project_id = $1)
            then exists (
                select from wide
                where exists (
                    select from limit_lanes o
                    where o.project_id = $1 and o.queue = wide.queue and o.action = wide.action
                      and o.open_at <= (select now from clock) and o.open_at < 'infinity'))
            else false end as "limited!",
       c.slot as "slot?", c.id as "id?", c.run_id as "run_id?", c.step_name as "step_name?",
       c.action as "action?", c.queue as "queue?", c.branch as "branch?",
       c.parameters as "parameters?: Json<JsonObject>",
       c.mark as "mark?", c.attempt as "attempt?", c.attempt_timeout_ms as "timeout_ms?",
       c.parent_job_id as "parent_job_id?", c.item_index as "item_index?",
       c.workflow_handle as "workflow_handle?", c.run_attempt as "run_attempt?",
       c.starts as "starts?"
from clock
left join claimed c on true
order by c.slot
