-- A page of runs, newest first. $1 project, $2 the id before which it begins, $3 runs; what a filter
-- does not say is null: $4 status, $5 workflow's name, $6 queue, $7 parent, $8 label of what started
-- them, $9 the caller's id, $10 workflow. An index for each filter: whatever it is, none of the
-- other runs are walked.
select id, queue, parent_run_id, definition_id, definition_version, workflow_name,
       status as "status: WorkflowRunStatus", attempt,
       inputs as "inputs: Json<JsonObject>",
       metadata as "metadata: Json<BTreeMap<String, String>>",
       cancel_requested, error_message, actor_type, actor_id, initiated_by, external_id,
       created_at, started_at, completed_at, updated_at
from runs
where project_id = $1
  and ($2::uuid is null or id < $2)
  and ($4::run_status is null or status = $4)
  and ($5::text is null or workflow_name = $5)
  and ($6::text is null or queue = $6)
  and ($7::uuid is null or parent_run_id = $7)
  and ($8::text is null or initiated_by = $8)
  and ($9::text is null or external_id = $9)
  and ($10::uuid is null or definition_id = $10)
order by id desc
limit $3::bigint + 1
