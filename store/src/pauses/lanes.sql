-- The lanes of a project. $1 project, $2 how many, and how many waiting jobs are counted of each.
select l.queue as "queue!", l.action as "action!",
       least($2, plain.jobs + limited.jobs) as "waiting!",
       exists (
           select from paused_lanes p
           where p.project_id = $1
             and ((p.kind = 'queue' and p.name = l.queue)
                  or (p.kind = 'action' and p.name = l.action))) as "paused!"
from (
    select queue, action from job_lanes
    where project_id = $1
    order by queue, action
    limit $2) as l
cross join lateral (
    select count(*) as jobs from (
        select from jobs j
        where j.project_id = $1 and j.queue = l.queue and j.action = l.action
          and j.status = 'pending' and not j.server and j.limit_id is null
        limit $2) as counted) as plain
cross join lateral (
    select count(*) as jobs from (
        select from limit_lanes o
        join jobs j
          on j.project_id = $1 and j.limit_id = o.limit_id
         and j.queue = l.queue and j.action = l.action
         and j.status = 'pending' and not j.server and j.limit_id is not null
        where o.project_id = $1 and o.queue = l.queue and o.action = l.action
        limit $2) as counted) as limited
order by l.queue, l.action
