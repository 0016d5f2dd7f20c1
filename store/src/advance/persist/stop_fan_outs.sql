-- Stops the items of fan-outs. $1 project, $2 now, $3 the jobs whose items they are.
-- In order, so that two who lock the same jobs can't deadlock.
with live as materialized (
    select id
    from jobs
    where project_id = $1 and parent_job_id = any($3)
      and status::text in ('pending', 'claimed', 'waiting')
    order by id
    for update)
update jobs j
set status = case j.status when 'claimed' then j.status else 'failed' end,
    error_type = case j.status when 'claimed' then j.error_type else 'cancelled' end,
    last_error = case j.status when 'claimed' then j.last_error
                 else 'the step has failed' end,
    completed_at = case j.status when 'claimed' then j.completed_at else $2::timestamptz end,
    cancel_requested = true,
    updated_at = $2
where j.project_id = $1 and j.id = any(array(select id from live))
  and j.status::text in ('pending', 'claimed', 'waiting')
returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.status as "status: JobStatus",
          j.attempt, j.parent_job_id, j.item_index, j.server, j.child_run_id, j.cancel_requested,
          j.error_type, j.last_error
