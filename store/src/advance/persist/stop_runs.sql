-- Stops everything of runs. $1 project, $2 now, $3 runs.
with dropped as (
    delete from timers where project_id = $1 and run_id = any($3)),
closed as (
    update interactions
    set status = 'expired', updated_at = $2
    where project_id = $1 and run_id = any($3) and status = 'pending'),
ended as (
    update fan_outs
    set ended_at = $2, next_chunk_at = null
    where project_id = $1 and run_id = any($3) and ended_at is null),
-- Waits while it holds other jobs, so only for transactions that do not: the locks of the runs keep
-- other batches like this one away, and claims, heartbeats and emissions pass over held jobs.
live as materialized (
    select id
    from jobs
    where project_id = $1 and run_id = any($3)
      and status::text in ('pending', 'claimed', 'waiting')
    order by id
    for update)
-- What a worker holds goes on until the worker is told, or its lease ends; all else ends now.
update jobs
set status = case status when 'claimed' then status else 'failed' end,
    error_type = case status when 'claimed' then error_type else 'cancelled' end,
    last_error = case status when 'claimed' then last_error else 'the run has ended' end,
    completed_at = case status when 'claimed' then completed_at else $2::timestamptz end,
    cancel_requested = true,
    updated_at = $2
where project_id = $1 and id = any(array(select id from live))
  and status::text in ('pending', 'claimed', 'waiting')
returning id, run_id, step_name, action, queue, branch, greatest(attempt, 1) as "attempt!",
          status as "status: JobStatus", child_run_id
