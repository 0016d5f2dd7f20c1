-- The clauses of the claims, for one job. $1 project, $2 job. A test holds them together.
with clock as materialized (
    select mobius_now() as now)
select clock.now as "now!", j.status as "status!: JobStatus", j.queue as "queue!",
       j.action as "action!", j.server as "server!", j.scheduled_at as "scheduled_at!",
       j.claimed_by, j.child_run_id is not null as "has_child!",
       j.cancel_requested or r.cancel_requested as "cancelling!",
       r.status in ('queued', 'running') as "run_goes_on!",
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
       ahead.jobs as "ahead!",
       exists (
           select from workers w
           where w.project_id = $1 and w.last_seen_at > clock.now - interval '2 minutes')
           as "workers_seen!"
from jobs j
cross join clock
join runs r on r.project_id = $1 and r.id = j.run_id
left join job_limits l on l.project_id = $1 and l.id = j.limit_id
cross join lateral (
    select case when j.limit_id is null then (
        select count(*) from (
            select from jobs o
            where o.project_id = $1 and o.queue = j.queue and o.action = j.action
              and o.status = 'pending' and not o.server and o.limit_id is null
              and o.scheduled_at <= clock.now
              and (-o.priority, o.scheduled_at, o.id) < (-j.priority, j.scheduled_at, j.id)
            limit 1000) as counted)
    else (
        select count(*) from (
            select from jobs o
            where o.project_id = $1 and o.limit_id = j.limit_id and o.queue = j.queue
              and o.action = j.action and o.status = 'pending' and not o.server
              and o.limit_id is not null and o.scheduled_at <= clock.now
              and (-o.priority, o.scheduled_at, o.id) < (-j.priority, j.scheduled_at, j.id)
            limit 1000) as counted)
    end as jobs) as ahead
where j.project_id = $1 and j.id = $2
