-- Locks runs. $1 project, $2 ids of jobs whose runs are meant, $3 ids of runs. One row at least,
-- for the time.
with locked as materialized (
    select r.*
    from runs r
    where r.project_id = $1
      -- An array, not a join: whatever the statistics say, each run is one look-up.
      and r.id = any($3 || array(
          select j.run_id from jobs j where j.project_id = $1 and j.id = any($2)))
    order by r.id
    for update)
-- The time is read after the locks were waited for.
select mobius_now() as "now!", r.id as "id?", r.queue as "queue?",
       r.status as "status?: WorkflowRunStatus", r.attempt as "attempt?",
       r.inputs as "inputs?: Json<JsonObject>", r.state as "state?: Json<RunState>",
       r.metadata as "metadata?: Json<BTreeMap<String, String>>",
       r.external_id as "external_id?", r.spec_hash as "spec_hash?",
       r.error_message, r.cancel_requested as "cancel_requested?", r.cancelled_by
from (select) as always left join locked r on true
