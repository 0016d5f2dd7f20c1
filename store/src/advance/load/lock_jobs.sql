-- Locks jobs. $1 project, $2 ids of jobs, $3 ids of runs of which every job is meant that has not
-- ended. In the order of their ids, so that two of these statements can't deadlock. Who waits for
-- one job while he holds another must hold the job's run too, as this transaction does; all others
-- pass over the jobs that they can't have.
with wanted as materialized (
    select id
    from (
        select unnest($2::uuid[]) as id
        union
        select live.id
        from unnest($3::uuid[]) as ending (run_id)
        cross join lateral (
            select j.id
            from jobs j
            where j.project_id = $1 and j.run_id = ending.run_id
              and j.status::text in ('pending', 'claimed', 'waiting')
            offset 0) as live) as ids
    order by id)
select held.id as "id!", run_id as "run_id!", branch as "branch!", visit as "visit!",
       step_name as "step_name!", action as "action!", queue as "queue!",
       status as "status!: JobStatus", attempt as "attempt!", max_attempts as "max_attempts!",
       rescues as "rescues!", retry_policy, retries as "retries!", attempt_timeout_ms, claimed_by,
       claimed_actor, claimed_at, lease_expires_at, attempt_deadline_at, parent_job_id, item_index,
       child_run_id, limit_id
from wanted
cross join lateral (
    select j.*
    from jobs j
    where j.project_id = $1 and j.id = wanted.id
    for update) as held
