-- Which of the projects have a job that may be claimed now. $1 projects.
with clock as materialized (
    select mobius_now() as now),
lanes as materialized (
    select l.project_id, l.queue, l.action
    from job_lanes l
    where l.project_id = any($1)
      and not exists (
          select from paused_lanes p
          where p.project_id = l.project_id
            and ((p.kind = 'queue' and p.name = l.queue)
                 or (p.kind = 'action' and p.name = l.action))))
select distinct l.project_id
from lanes l
where exists (
        select from jobs j
        where j.project_id = l.project_id and j.queue = l.queue and j.action = l.action
          and j.status = 'pending' and not j.server and j.limit_id is null
          and j.scheduled_at <= (select now from clock))
   or exists (
        select from limit_lanes o
        where o.project_id = l.project_id and o.queue = l.queue and o.action = l.action
          and o.open_at <= (select now from clock) and o.open_at < 'infinity')
