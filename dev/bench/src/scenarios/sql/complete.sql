-- $1 the jobs.
with completed as (
    update jobs
    set status = 2, completed_at = statement_timestamp(), lease_expires_at = null
    where id = any($1::uuid[]) and status = 1 and worker = 'worker'
    returning run_id),
ended as (
    update runs
    set status = 2, updated_at = statement_timestamp(), completed_at = statement_timestamp()
    where id = any(array(select run_id from completed)))
insert into events (run_id, frames)
select run_id, '[{"type": "job_updated", "data": {"status": "completed"}}, {"type": "run_updated", "data": {"status": "completed"}}]'
from completed
