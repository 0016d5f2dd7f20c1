-- Renews the leases whose fence holds. $1 project, $2 jobs, $3 workers, $4 attempts, $5 actors,
-- $6 the lease in seconds.
with clock as materialized (select mobius_now() as now),
beats as materialized (
    select * from unnest($2::uuid[], $3::text[], $4::int[], $5::uuid[])
        with ordinality as beats (job, worker, attempt, actor, place)),
-- Passes over what another transaction holds: who waits while he holds other jobs can deadlock
-- with one that stops the jobs of a run.
held as materialized (
    select beats.place, held.*
    from beats
    cross join lateral (
        select j.id
        from jobs j
        where j.project_id = $1 and j.id = beats.job
          and j.status::text = 'claimed' and j.claimed_by = beats.worker
          and j.attempt = beats.attempt and j.claimed_actor = beats.actor
        for update skip locked) as held),
renewed as (
    update jobs j
    set heartbeat_at = clock.now,
        lease_expires_at = clock.now + make_interval(secs => $6)
    from clock
    where j.project_id = $1 and j.id = any(array(select id from held))
      and j.status::text = 'claimed'
    returning j.id, j.cancel_requested)
select beats.place as "place!", renewed.cancel_requested as "cancel_requested?",
       -- With an offset a look-up of one row; without, all rows of the project might be hashed.
       exists (
           select from jobs j where j.project_id = $1 and j.id = beats.job offset 0) as "known!",
       held.id is null and exists (
           select from jobs j
           where j.project_id = $1 and j.id = beats.job and j.status::text = 'claimed'
             and j.claimed_by = beats.worker and j.attempt = beats.attempt
             and j.claimed_actor = beats.actor
           offset 0) as "busy!"
from beats
left join held on held.place = beats.place
left join renewed on renewed.id = held.id
