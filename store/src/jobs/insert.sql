-- Inserts jobs, and makes their lanes known. $1 project, $2 now, then one array a column; $21 how long a
-- lease holds, in seconds.
with new as materialized (
    select * from unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::text[],
                         $8::text[], $9::text[], $10::jsonb[], $11::int[], $12::bigint[],
                         $13::bool[], $14::job_status[], $15::text[], $16::text[],
                         $17::uuid[], $18::int[], $19::text[], $20::uuid[], $22::smallint[],
                         $23::uuid[])
        as new (id, run_id, branch, visit, step_name, action, queue, parameters,
                max_attempts, timeout_ms, server, status, error_type, error, parent,
                item_index, worker, actor, priority, limit_id)),
lanes as (
    insert into job_lanes (project_id, queue, action)
    select distinct $1::uuid, queue, action from new
    where not server and not exists (
        select from job_lanes l
        where l.project_id = $1 and l.queue = new.queue and l.action = new.action)
    -- In order, so that two transactions with the same new lanes can't deadlock.
    order by queue, action
    on conflict do nothing)
insert into jobs
    (project_id, id, run_id, branch, visit, step_name, action, queue, parameters, status,
     max_attempts, attempt_timeout_ms, server, parent_job_id, item_index,
     scheduled_at, created_at, updated_at, cancel_requested, error_type, last_error,
     completed_at, attempt, claimed_by, claimed_actor, claimed_at, heartbeat_at,
     lease_expires_at, attempt_deadline_at, priority, limit_id)
select $1, id, run_id, branch, visit, step_name, action, queue, parameters, status,
       max_attempts, timeout_ms, server, parent, item_index, $2, $2, $2,
       error_type is not distinct from 'cancelled', error_type, error,
       case when status = 'failed' then $2::timestamptz end,
       case status when 'claimed' then 1 else 0 end, worker, actor,
       case status when 'claimed' then $2::timestamptz end,
       case status when 'claimed' then $2::timestamptz end,
       case status when 'claimed' then $2::timestamptz + make_interval(secs => $21) end,
       case status when 'claimed'
           then $2::timestamptz + timeout_ms * interval '1 millisecond' end,
       priority, limit_id
from new
