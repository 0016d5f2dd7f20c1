-- Lets items be claimed that stood back, in their order. $1 project, $2 now, $3 the jobs whose
-- items they are, $4 how many of each.
with wanted as (
    select * from unnest($3::uuid[], $4::bigint[]) as wanted (parent, items)),
picked as materialized (
    select held.id
    from wanted
    cross join lateral (
        select j.id
        from jobs j
        where j.project_id = $1 and j.parent_job_id = wanted.parent and j.status = 'waiting'
        order by j.item_index
        limit wanted.items) as held)
update jobs j
set status = 'pending', scheduled_at = $2, updated_at = $2
where j.project_id = $1 and j.id = any(array(select id from picked))
  and j.status::text = 'waiting'
returning j.id, j.run_id, j.step_name, j.action, j.queue, j.branch, j.status as "status: JobStatus",
          j.attempt, j.parent_job_id, j.item_index, j.server, j.child_run_id, j.cancel_requested,
          j.error_type, j.last_error
