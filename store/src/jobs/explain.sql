-- The clauses of the claims, for one job. $1 project, $2 job. A test holds them together.
with clock as materialized (
    select mobius_now() as now)
select clock.now as "now!", j.status as "status!: JobStatus", j.queue as "queue!",
       j.action as "action!", j.server as "server!", j.scheduled_at as "scheduled_at!",
       j.claimed_by, j.child_run_id is not null as "has_child!",
       j.cancel_requested or r.cancel_requested as "cancelling!",
       r.status in ('completed', 'failed') as "run_has_ended!",
       (select p.paused_by from paused_lanes p
        where p.project_id = $1 and p.kind = 'queue' and p.name = j.queue) as queue_paused_by,
       (select p.paused_by from paused_lanes p
        where p.project_id = $1 and p.kind = 'action' and p.name = j.action) as action_paused_by,
       l.id as "limit_id?", case l.kind when 'key' then l.key end as concurrency_key,
       l.max_concurrency as "max_concurrency?", l.rate_limit as "rate_limit?",
       l.rate_per_seconds as "rate_per_seconds?",
       (select count(*) from (
            select from jobs h
            where h.project_id = $1 and h.limit_id = j.limit_id and h.status = 'claimed'
              and h.limit_id is not null
            limit 100000) as held) as "held!",
       greatest(clock.now, l.rate_next_at
           - (l.rate_burst - 1) * l.rate_interval_us * interval '1 microsecond') as token_at,
       -- The same after those ahead have had theirs.
       greatest(clock.now, greatest(clock.now, l.rate_next_at)
           + (ahead.jobs - (l.rate_burst - 1)) * l.rate_interval_us * interval '1 microsecond')
           as turn_at,
       ahead.jobs as "ahead!",
       exists (
           select from workers w
           where w.project_id = $1 and w.last_seen_at > clock.now - interval '2 minutes')
           as "workers_seen!"
from jobs j
cross join clock
join runs r on r.project_id = $1 and r.id = j.run_id
left join job_limits l on l.project_id = $1 and l.id = j.limit_id
-- Those that a claim takes first: of the job's lane, and of its limit in all lanes that are not paused.
-- The first thousand of each lane in the order of the claims are looked at, however many there are.
cross join lateral (
    select count(*) as jobs from (
        select from (
            select o.priority, o.scheduled_at, o.id
            from jobs o
            where o.project_id = $1 and o.queue = j.queue and o.action = j.action
              and o.status = 'pending' and not o.server and o.limit_id is null
              and o.scheduled_at <= clock.now
              and j.limit_id is null
            order by o.priority desc, o.scheduled_at, o.id
            limit 1000) as free
        where (-free.priority, free.scheduled_at, free.id) < (-j.priority, j.scheduled_at, j.id)
        union all
        select from (
            select lane.queue, lane.action
            from limit_lanes lane
            where lane.project_id = $1 and lane.limit_id = j.limit_id
              and ((lane.queue = j.queue and lane.action = j.action)
                   or not exists (
                       select from paused_lanes p
                       where p.project_id = $1
                         and ((p.kind = 'queue' and p.name = lane.queue)
                              or (p.kind = 'action' and p.name = lane.action))))) as lane
        cross join lateral (
            select o.priority, o.scheduled_at, o.id
            from jobs o
            where o.project_id = $1 and o.limit_id = j.limit_id
              and o.queue = lane.queue and o.action = lane.action
              and o.status = 'pending' and not o.server and o.limit_id is not null
              and o.scheduled_at <= clock.now
            order by o.priority desc, o.scheduled_at, o.id
            limit 1000) as limited
        where (-limited.priority, limited.scheduled_at, limited.id)
              < (-j.priority, j.scheduled_at, j.id)
        limit 1000) as counted
    where j.status = 'pending' and not j.server) as ahead
where j.project_id = $1 and j.id = $2
