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
-- The limits that have jobs in each lane, open or not: no index begins with the lane of those that are
-- closed, so all of the project are read once.
left join (
    select queue, action, array_agg(limit_id) as limits
    from limit_lanes
    where project_id = $1
    group by queue, action) as of_lane
  on of_lane.queue = l.queue and of_lane.action = l.action
cross join lateral (
    select count(*) as jobs from (
        select from unnest(of_lane.limits) as of_limit (id)
        cross join lateral (
            select from jobs j
            where j.project_id = $1 and j.limit_id = of_limit.id
              and j.queue = l.queue and j.action = l.action
              and j.status = 'pending' and not j.server and j.limit_id is not null
            limit $2) as one
        limit $2) as counted) as limited
order by l.queue, l.action
