-- Claims jobs with limits that this transaction holds, at most one for each slot. $1 project, $2
-- queues, $3 actions (empty: any), $4 the slots' workers, $5 their actors, $6 the lease in seconds, $7
-- the limits. A statement of its own after their lock, so that it sees what others have claimed before.
with clock as materialized (
    select mobius_now() as now),
wanted as materialized (
    select cardinality($4::text[]) as jobs),
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
-- How many jobs each limit lets through now. The held ones are counted, never remembered.
limits as materialized (
    select l.id,
           least(
               (select jobs from wanted),
               case when l.max_concurrency is not null then
                   l.max_concurrency - (
                       select count(*) from (
                           select from jobs h
                           where h.project_id = $1 and h.limit_id = l.id and h.status = 'claimed'
                             and h.limit_id is not null
                           limit l.max_concurrency) as held) end,
               l.rate_burst - ceil(
                   extract(epoch from greatest(l.rate_next_at - clock.now, interval '0'))
                   * 1000000 / l.rate_interval_us))::bigint as room
    from job_limits l
    cross join clock
    where l.project_id = $1 and l.id = any($7)),
-- The best jobs of each, as many as it lets through.
limited as materialized (
    select best.*
    from limits
    cross join lateral (
        select j.*
        from limit_lanes o
        join lanes on lanes.queue = o.queue and lanes.action = o.action
        cross join lateral (
            select j.id, j.run_id, j.priority, j.scheduled_at
            from jobs j
            where j.project_id = $1 and j.limit_id = limits.id
              and j.queue = o.queue and j.action = o.action
              and j.status = 'pending' and not j.server and j.limit_id is not null
              and j.scheduled_at <= (select now from clock)
            order by j.priority desc, j.scheduled_at, j.id
            limit limits.room) as j
        where o.project_id = $1 and o.limit_id = limits.id
        order by j.priority desc, j.scheduled_at, j.id
        limit limits.room) as best
    where limits.room > 0),
-- The best ones without a limit take part in the order, and are left to the claim of those.
free as materialized (
    select best.*
    from lanes
    cross join lateral (
        select j.id, j.priority, j.scheduled_at
        from jobs j
        where j.project_id = $1 and j.queue = lanes.queue and j.action = lanes.action
          and j.status = 'pending' and not j.server and j.limit_id is null
          and j.scheduled_at <= (select now from clock)
        order by j.priority desc, j.scheduled_at, j.id
        limit (select jobs from wanted)) as best
    where exists (select from limited)),
chosen as materialized (
    select ranked.id, ranked.run_id
    from (
        select id, run_id, priority, scheduled_at from limited
        union all
        select id, null, priority, scheduled_at from free
        order by priority desc, scheduled_at, id
        limit (select jobs from wanted)) as ranked
    where ranked.run_id is not null),
picked as materialized (
    select j.id, j.run_id, j.priority, j.scheduled_at
    from jobs j
    where j.project_id = $1 and j.id = any(array(select id from chosen))
      and j.status::text = 'pending'
    for update skip locked),
-- From here on as for jobs without limits.
starting as materialized (
    select r.id
    from runs r
    where r.project_id = $1 and r.id = any(array(select run_id from picked))
      and r.status::text = 'queued'
    for update skip locked),
numbered as materialized (
    select p.id, r.workflow_handle, r.attempt as run_attempt, r.status = 'queued' as starts,
           row_number() over (order by p.priority desc, p.scheduled_at, p.id) as slot
    from picked p
    join runs r
      on r.project_id = $1 and r.id = p.run_id and r.id = any(array(select run_id from picked))
    where r.status = 'running' or r.id in (select id from starting)),
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
    cross join lateral (
        select held.ctid as place
        from jobs held
        where held.project_id = $1 and held.id = numbered.id and held.status::text = 'pending'
        offset 0) as found
    where j.ctid = found.place and j.project_id = $1
    returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.parameters, j.attempt,
              j.attempt_timeout_ms, j.parent_job_id, j.item_index, numbered.slot,
              numbered.workflow_handle, numbered.run_attempt, numbered.starts),
started as (
    update runs r
    set status = 'running',
        started_at = coalesce(r.started_at, clock.now),
        updated_at = clock.now
    from clock
    where r.project_id = $1 and r.id = any(array(select id from starting))
      and r.status::text = 'queued'
      and r.id in (select run_id from claimed))
select clock.now as "now!", (select count(*) from chosen) as "picked!", false as "limited!",
       c.slot as "slot?", c.id as "id?", c.run_id as "run_id?", c.step_name as "step_name?",
       c.action as "action?", c.queue as "queue?", c.branch as "branch?",
       c.parameters as "parameters?: Json<JsonObject>",
       null::timestamptz as "mark?", c.attempt as "attempt?", c.attempt_timeout_ms as "timeout_ms?",
       c.parent_job_id as "parent_job_id?", c.item_index as "item_index?",
       c.workflow_handle as "workflow_handle?", c.run_attempt as "run_attempt?",
       c.starts as "starts?"
from clock
left join claimed c on true
order by c.slot
