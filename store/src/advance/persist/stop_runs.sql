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
      -- Whom a failed fan-out has told is not told again.
      and not (status::text = 'claimed' and cancel_requested)
    order by id
    for update)
-- What a worker holds goes on until the worker is told, or its lease ends; all else ends now.
update jobs j
set status = case j.status when 'claimed' then j.status else 'failed' end,
    error_type = case j.status when 'claimed' then j.error_type else 'cancelled' end,
    last_error = case j.status when 'claimed' then j.last_error else 'the run has ended' end,
    completed_at = case j.status when 'claimed' then j.completed_at else $2::timestamptz end,
    cancel_requested = true,
    updated_at = $2
where j.project_id = $1 and j.id = any(array(select id from live))
  and j.status::text in ('pending', 'claimed', 'waiting')
returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.status as "status: JobStatus",
          j.attempt, j.parent_job_id, j.item_index, j.server, j.child_run_id, j.cancel_requested,
          j.error_type, j.last_error
