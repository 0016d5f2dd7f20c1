-- Gives items that have not completed all their attempts again. $1 project, $2 now, $3 runs, $4 the
-- visits of their fan-outs. A worker that still holds one has lost it.
with again as materialized (
    select f.job_id, f.max_attempts, f.attempt_timeout_ms
    from fan_outs f
    join unnest($3::uuid[], $4::int[]) as wanted (run_id, visit)
      on wanted.run_id = f.run_id and wanted.visit = f.visit
    where f.project_id = $1 and f.run_id = any($3)),
live as materialized (
    select id, run_id, attempt, claimed_by, claimed_actor, claimed_at, status, error_type, last_error,
           completed_at
    from jobs
    where project_id = $1 and parent_job_id = any(array(select job_id from again))
      and status::text <> 'completed'
    order by id
    for update),
-- The last attempt of a job stands on its row. Where nobody held it, it was kept before.
kept as (
    insert into job_attempts
        (project_id, job_id, run_id, attempt, worker_id, reported_by, error_type, error_message,
         claimed_at, ended_at)
    select $1, id, run_id, attempt, claimed_by,
           case when status = 'failed' then claimed_actor end,
           case when status = 'failed' then coalesce(error_type, 'activity_failed')
                else 'retried' end,
           case when status = 'failed' then coalesce(last_error, '')
                else 'a retry of the run took the job back from its worker' end,
           coalesce(claimed_at, $2), coalesce(completed_at, $2)
    from live
    where claimed_by is not null)
update jobs j
set status = 'waiting',
    max_attempts = j.attempt + again.max_attempts,
    attempt_timeout_ms = again.attempt_timeout_ms,
    rescues = 0,
    retry_policy = null,
    retries = 0,
    claimed_by = null,
    claimed_actor = null,
    heartbeat_at = null,
    lease_expires_at = null,
    attempt_deadline_at = null,
    cancel_requested = false,
    child_run_id = null,
    error_type = null,
    last_error = null,
    completed_at = null,
    updated_at = $2
from again
where j.project_id = $1 and j.id = any(array(select id from live))
  and j.parent_job_id = again.job_id and j.status::text <> 'completed'
returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.status as "status: JobStatus",
          j.attempt, j.parent_job_id, j.item_index, j.server, j.child_run_id, j.cancel_requested,
          j.error_type, j.last_error
