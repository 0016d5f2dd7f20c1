-- Locks the jobs whose fence holds. $1 project, $2 jobs, $3 workers, $4 attempts, $5 actors.
with asked as materialized (
    select * from unnest($2::uuid[], $3::text[], $4::int[], $5::uuid[])
        with ordinality as asked (job, worker, attempt, actor, place)),
-- Until the commit no job can end or change hands, so no event of an attempt follows its end.
-- Passes over what another transaction holds: who waits while he holds other jobs can deadlock
-- with one that stops the jobs of a run, in whatever order each of them takes its own.
held as materialized (
    select asked.place, held.*
    from asked
    cross join lateral (
        select j.run_id, j.step_name, j.branch
        from jobs j
        where j.project_id = $1 and j.id = asked.job
          and j.status::text = 'claimed' and j.claimed_by = asked.worker
          and j.attempt = asked.attempt and j.claimed_actor = asked.actor
        for no key update skip locked) as held)
select asked.place as "place!", mobius_now() as "now!", held.run_id as "run_id?",
       held.step_name as "step_name?", held.branch as "branch?",
       -- With an offset a look-up of one row; without, all rows of the project might be hashed.
       exists (
           select from jobs j where j.project_id = $1 and j.id = asked.job offset 0) as "known!",
       held.place is null and exists (
           select from jobs j
           where j.project_id = $1 and j.id = asked.job and j.status::text = 'claimed'
             and j.claimed_by = asked.worker and j.attempt = asked.attempt
             and j.claimed_actor = asked.actor
           offset 0) as "busy!"
from asked
left join held on held.place = asked.place
order by asked.place
