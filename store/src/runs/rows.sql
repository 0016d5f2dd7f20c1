-- Runs as lists show them, newest first. $1 project, $2 ids.
select id, queue, parent_run_id, definition_id, definition_version, workflow_name,
       status as "status: WorkflowRunStatus", attempt,
       inputs as "inputs: Json<JsonObject>",
       metadata as "metadata: Json<BTreeMap<String, String>>",
       cancel_requested, error_message, actor_type, actor_id, initiated_by, external_id,
       created_at, started_at, completed_at, updated_at
from runs
where project_id = $1 and id = any($2)
order by id desc
