-- The counters of fan-outs, with what their runs say of how jobs are claimed. $1 project, $2 ids.
select f.job_id, f.run_id, f.branch, f.visit, f.step_name, f.action, f.queue, f.server,
       f.items, f.created, f.released, f.completed, f.failed, f.max_concurrency,
       f.max_failures, f.stores_results, f.attempt_timeout_ms, f.max_attempts,
       f.parameter_bytes, f.ended_at is not null as "ended!",
       r.priority, r.limit_id
from fan_outs f
join runs r on r.project_id = $1 and r.id = f.run_id
where f.project_id = $1 and f.job_id = any($2)
