-- Claims at most one job for each slot; what only the control plane may claim is left alone.
-- $1 project, $2 queues, $3 actions (empty: any), $4 the slots' workers, $5 their actors, $6 the
-- lease in seconds.
with clock as materialized (
    select mobius_now() as now),
wanted as materialized (
    select cardinality($4::text[]) as jobs),
-- The best waiting jobs of every lane that the filter lets through. Each lane is one short walk
-- along the index of waiting jobs; a lane full of jobs that nobody here can run hides no other.
candidates as materialized (
    select l.queue, l.action
    from job_lanes l
    cross join lateral (
        select j.priority, j.scheduled_at, j.id
        from jobs j
        where j.project_id = $1 and j.queue = l.queue and j.action = l.action
          and j.status = 'pending' and not j.server
          and j.scheduled_at <= (select now from clock)
        order by j.priority desc, j.scheduled_at, j.id
        limit (select jobs from wanted)) as best
    where l.project_id = $1
      and (cardinality($2::text[]) = 0 or l.queue = any($2))
      and (cardinality($3::text[]) = 0 or l.action = any($3))
    order by best.priority desc, best.scheduled_at, best.id
    limit (select jobs from wanted)),
lanes as materialized (
    select queue, action, count(*) as share from candidates group by queue, action),
-- Locks each lane's share, and no row more. What another claim holds is skipped, and the next
-- row of the lane taken instead. Materialized, because the limit must be evaluated once.
picked as materialized (
    select locked.*
    from lanes
    cross join lateral (
        select j.id, j.run_id, j.priority, j.scheduled_at
        from jobs j
        where j.project_id = $1 and j.queue = lanes.queue and j.action = lanes.action
          and j.status = 'pending' and not j.server
          and j.scheduled_at <= (select now from clock)
        order by j.priority desc, j.scheduled_at, j.id
        limit lanes.share
        for update skip locked) as locked),
-- Runs whose first job this is. A run that somebody else holds right now is left alone, with
-- its jobs, instead of waited for: a claim that waits could deadlock with a cancellation.
starting as materialized (
    select r.id
    from runs r
    where r.project_id = $1 and r.id = any(array(select run_id from picked))
      and r.status::text = 'queued'
    for update skip locked),
slots as materialized (
    select worker, actor, ordinality as slot
    from unnest($4::text[], $5::uuid[]) with ordinality as s (worker, actor, ordinality)),
numbered as materialized (
    select p.id, row_number() over (order by p.priority desc, p.scheduled_at, p.id) as slot
    from picked p
    join runs r
      on r.project_id = $1 and r.id = p.run_id and r.id = any(array(select run_id from picked))
    where r.status = 'running' or r.id in (select id from starting)),
claimed as (
    update jobs j
    set status = 'claimed',
        attempt = j.attempt + 1,
        claimed_by = slots.worker,
        claimed_actor = slots.actor,
        claimed_at = clock.now,
        heartbeat_at = clock.now,
        lease_expires_at = clock.now + make_interval(secs => $6),
        attempt_deadline_at = clock.now + j.attempt_timeout_ms * interval '1 millisecond',
        updated_at = clock.now
    from numbered
    join slots using (slot)
    cross join clock
    where j.project_id = $1 and j.id = numbered.id
      -- As text, here and for runs: a walk along all waiting ones of the project is no choice.
      and j.status::text = 'pending'
      -- Arrays beside the joins make every access a look-up by key, whatever the statistics say.
      and j.id = any(array(select id from numbered))
    returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.parameters, j.attempt,
              j.attempt_timeout_ms, j.claimed_by, numbered.slot),
started as (
    update runs r
    set status = 'running',
        started_at = coalesce(r.started_at, clock.now),
        updated_at = clock.now
    from clock
    where r.project_id = $1 and r.id = any(array(select id from starting))
      and r.status::text = 'queued'
      and r.id in (select run_id from claimed)
    returning r.id, r.attempt),
-- What the history tells of it: one row a run, the run's own frame first.
frames as (
    select c.run_id,
           case when s.id is null then '[]'::jsonb
                else jsonb_build_array(jsonb_build_object(
                    'type', 'run_updated',
                    'data', jsonb_build_object('status', 'running', 'attempt', s.attempt)))
           end
           || jsonb_agg(jsonb_build_object(
                  'type', 'job_updated',
                  'data', jsonb_build_object(
                      'job_id', 'job_' || replace(c.id::text, '-', ''),
                      'step_name', c.step_name,
                      'action', c.action,
                      'branch_id', c.branch,
                      'queue', c.queue,
                      'status', 'claimed',
                      'attempt', c.attempt,
                      'worker_id', c.claimed_by))
                  order by c.slot) as frames
    from claimed c
    left join started s on s.id = c.run_id
    group by c.run_id, s.id, s.attempt),
placed as (
    select run_id, frames,
           sum(jsonb_array_length(frames)) over (order by run_id) as ends
    from frames),
counter as (
    update project_counters
    set event_seq = event_seq + (select max(ends) from placed)
    where project_id = $1 and exists (select from placed)
    returning event_seq - (select max(ends) from placed) as base),
history as (
    insert into run_events (project_id, first_seq, last_seq, run_id, created_at, frames)
    select $1, base + ends - jsonb_array_length(frames) + 1, base + ends, run_id, clock.now, frames
    from placed cross join counter cross join clock)
select (select count(*) from picked) as "picked!",
       c.slot as "slot?", c.id as "id?", c.run_id as "run_id?", c.step_name as "step_name?",
       c.action as "action?", c.queue as "queue?", c.parameters as "parameters?: Json<JsonObject>",
       c.attempt as "attempt?", c.attempt_timeout_ms as "timeout_ms?",
       r.workflow_handle as "workflow_handle?"
from (select) as always
left join claimed c on true
left join runs r
  on r.project_id = $1 and r.id = c.run_id and r.id = any(array(select run_id from picked))
order by c.slot
