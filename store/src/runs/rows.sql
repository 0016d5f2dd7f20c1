-- Runs as lists show them, newest first. $1 project, $2 ids.
select r.id, queue, parent_run_id, definition_id, definition_version, workflow_name,
       status as "status: WorkflowRunStatus", attempt,
       inputs as "inputs: Json<JsonObject>",
       metadata as "metadata: Json<BTreeMap<String, String>>",
       cancel_requested, error_message, actor_type, actor_id, initiated_by, external_id,
       created_at, started_at, completed_at, r.updated_at, priority,
       case l.kind when 'key' then l.key end as concurrency_key,
       l.max_concurrency as "max_concurrency?", l.rate_limit as "rate_limit?",
       l.rate_per_seconds as "rate_per_seconds?"
from runs r
left join job_limits l on l.project_id = r.project_id and l.id = r.limit_id
where r.project_id = $1 and r.id = any($2)
order by r.id desc
