-- Inserts runs, and what lists find them by. $1 project, $2 now, then one array a column.
with new as materialized (
    select *
    from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::int[], $8::text[],
                $9::text[], $10::bytea[], $11::run_status[], $12::jsonb[], $13::jsonb[],
                $14::jsonb[], $15::jsonb[], $16::text[], $17::text[], $18::text[],
                $19::text[], $20::text[], $21::timestamptz[], $22::uuid[],
                $23::smallint[], $24::timestamptz[], $25::smallint[], $26::uuid[])
         as new (id, queue, parent, definition, version, name, handle, hash, status,
                 inputs, metadata, state, result, error, actor_type, actor_id, label,
                 external_id, completed_at, parent_job, depth, started_at, priority, limit_id)),
labels as (
    insert into run_labels
        (project_id, run_id, workflow_name, queue, initiated_by, definition_id,
         external_id, parent_run_id)
    select $1, id, name, queue, label, definition, external_id, parent from new)
insert into runs
    (project_id, id, queue, parent_run_id, definition_id, definition_version,
     workflow_name, workflow_handle, spec_hash, status, attempt, inputs, metadata, state,
     result, error_message, actor_type, actor_id, initiated_by, external_id,
     created_at, completed_at, updated_at, parent_job_id, depth, started_at,
     priority, limit_id)
select $1, new.id, new.queue, new.parent, new.definition, new.version,
       new.name, new.handle, new.hash, new.status, 1, new.inputs, new.metadata, new.state,
       new.result, new.error, new.actor_type, new.actor_id, new.label, new.external_id,
       $2, new.completed_at, $2, new.parent_job, new.depth, new.started_at,
       new.priority, new.limit_id
from new
