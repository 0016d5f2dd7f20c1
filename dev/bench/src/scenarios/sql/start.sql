-- $1 the ids of the runs, $2 those of their jobs.
with new as (
    select run, job from unnest($1::uuid[], $2::uuid[]) as new (run, job)),
new_runs as (
    insert into runs (id, status, inputs, state)
    select run, 0, '{"n": 1}', '{"branches": [{"id": "main", "step": 0, "visit": 1}]}' from new),
new_jobs as (
    insert into jobs (id, run_id, queue, status, parameters)
    select job, run, 'default', 0, '{"n": 1}' from new)
insert into events (run_id, frames)
select run, '[{"type": "run_updated", "data": {"status": "queued"}}, {"type": "job_updated", "data": {"status": "pending"}}]'
from new
