-- Locks jobs. $1 project, $2 ids of jobs, $3 ids of runs of which every job is meant that has not
-- ended. In the order of their ids, so that two of these statements can't deadlock. Who waits for
-- one job while he holds another must hold the job's run too, as this transaction does; all others
-- pass over the jobs that they can't have.
select id, run_id, branch, visit, step_name, action, queue,
       status as "status: JobStatus", attempt, max_attempts, rescues, retry_policy,
       retries, attempt_timeout_ms, claimed_by, claimed_actor, claimed_at,
       lease_expires_at, attempt_deadline_at, parent_job_id, item_index, child_run_id,
       limit_id
from jobs
where project_id = $1
  and id = any($2 || array(
      select live.id from jobs live
      where live.project_id = $1 and live.run_id = any($3)
        and live.status::text in ('pending', 'claimed', 'waiting')))
order by id
for update
