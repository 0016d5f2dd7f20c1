-- Lets fan-outs go on whose items stand back again. $1 project, $2 now, $3 how long this replica has
-- to go on, $4 runs, $5 the visits. What completed after the run had failed counts, too.
with again as materialized (
    select f.job_id
    from fan_outs f
    join unnest($4::uuid[], $5::int[]) as wanted (run_id, visit)
      on wanted.run_id = f.run_id and wanted.visit = f.visit
    where f.project_id = $1 and f.run_id = any($4)),
done as materialized (
    select again.job_id, count(j.id) as items
    from again
    left join jobs j
      on j.project_id = $1 and j.parent_job_id = again.job_id and j.status::text = 'completed'
    group by again.job_id),
counted as (
    update fan_outs f
    set completed = done.items,
        released = done.items,
        failed = 0,
        next_chunk_at = $2::timestamptz + make_interval(secs => $3),
        ended_at = null
    from done
    where f.project_id = $1 and f.job_id = done.job_id)
update jobs j
set status = 'waiting', error_type = null, last_error = null, completed_at = null,
    cancel_requested = false, updated_at = $2
where j.project_id = $1 and j.id = any(array(select job_id from again))
returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.status as "status: JobStatus",
          j.attempt, j.parent_job_id, j.item_index, j.server, j.child_run_id, j.cancel_requested,
          j.error_type, j.last_error
