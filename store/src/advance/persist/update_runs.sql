-- Writes runs that have changed. $1 project, $2 now, then one array a column. The rows are looked up
-- as in update_jobs.sql.
update runs r
set status = new.status,
    attempt = new.attempt,
    cancel_requested = new.cancel_requested,
    cancelled_by = new.cancelled_by,
    state = new.state,
    result = new.result,
    error_message = new.error,
    completed_at = case when new.status in ('completed', 'failed') then $2::timestamptz end,
    started_at = coalesce(r.started_at, case new.status when 'running' then $2::timestamptz end),
    updated_at = $2
from unnest($3::uuid[], $4::run_status[], $5::jsonb[], $6::jsonb[], $7::text[], $8::int[],
            $9::bool[], $10::text[])
     as new (id, status, state, result, error, attempt, cancel_requested, cancelled_by)
cross join lateral (
    select held.ctid as place
    from runs held
    where held.project_id = $1 and held.id = new.id
      -- Only a retry takes a run on that has ended.
      and (held.status not in ('completed', 'failed') or new.attempt > held.attempt)
    offset 0) as found
where r.ctid = found.place and r.project_id = $1
