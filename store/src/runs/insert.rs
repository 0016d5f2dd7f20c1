//! Writes the rows of new runs, many with one statement.

use std::{collections::BTreeMap, sync::Arc};

use mobius_engine::RunState;
use mobius_types::{
    JsonObject, ProjectId, RunId, Timestamp, WorkflowId, WorkflowRun, WorkflowRunStatus,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::ParentJob;
use crate::{Error, Prepared};

/// A run that is about to be stored.
pub(crate) struct NewRun {
    /// The run as clients see it.
    pub(crate) wire: WorkflowRun,
    /// The workflow's handle, which workers are told.
    pub(crate) handle: String,
    pub(crate) spec: Arc<Prepared>,
    pub(crate) parent: Option<ParentJob>,
    pub(crate) state: RunState,
    pub(crate) result: Option<JsonObject>,
}

/// The rows as columns, the form in which `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    queues: Vec<&'a str>,
    parents: Vec<Option<Uuid>>,
    definitions: Vec<Option<Uuid>>,
    versions: Vec<i32>,
    names: Vec<&'a str>,
    handles: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    statuses: Vec<WorkflowRunStatus>,
    inputs: Vec<Json<&'a Option<JsonObject>>>,
    metadata: Vec<Option<Json<&'a BTreeMap<String, String>>>>,
    states: Vec<Json<&'a RunState>>,
    results: Vec<Option<Json<&'a JsonObject>>>,
    errors: Vec<Option<&'a str>>,
    actor_types: Vec<Option<&'a str>>,
    actor_ids: Vec<Option<&'a str>>,
    labels: Vec<Option<&'a str>>,
    external_ids: Vec<Option<&'a str>>,
    started: Vec<Option<Timestamp>>,
    completed: Vec<Option<Timestamp>>,
    parent_jobs: Vec<Option<Uuid>>,
    depths: Vec<i16>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, run: &'a NewRun) {
        let wire = &run.wire;
        self.ids.push(wire.id.as_uuid());
        self.queues.push(wire.queue.as_deref().unwrap_or_default());
        self.parents.push(wire.parent_run_id.map(RunId::as_uuid));
        self.definitions
            .push(wire.definition_id.map(WorkflowId::as_uuid));
        self.versions.push(wire.definition_version.unwrap_or(0));
        self.names.push(&wire.workflow_name);
        self.handles.push(&run.handle);
        self.hashes.push(&run.spec.hash);
        self.statuses.push(wire.status);
        self.inputs.push(Json(&wire.inputs));
        self.metadata.push(wire.metadata.as_ref().map(Json));
        self.states.push(Json(&run.state));
        self.results.push(run.result.as_ref().map(Json));
        self.errors.push(wire.error_message.as_deref());
        self.actor_types.push(wire.actor_type.as_deref());
        self.actor_ids.push(wire.actor_id.as_deref());
        self.labels.push(wire.initiated_by.as_deref());
        self.external_ids.push(wire.external_id.as_deref());
        self.started.push(wire.started_at);
        self.completed.push(wire.completed_at);
        self.parent_jobs.push(run.parent.map(|it| it.job.as_uuid()));
        self.depths.push(run.parent.map_or(0, |it| it.depth));
    }
}

/// Inserts the runs.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    runs: &[NewRun],
) -> Result<(), Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    runs.iter().for_each(|run| columns.push(run));
    sqlx::query!(
        "with new as materialized (
             select *
             from unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::int[], $8::text[],
                         $9::text[], $10::bytea[], $11::run_status[], $12::jsonb[], $13::jsonb[],
                         $14::jsonb[], $15::jsonb[], $16::text[], $17::text[], $18::text[],
                         $19::text[], $20::text[], $21::timestamptz[], $22::uuid[],
                         $23::smallint[], $24::timestamptz[])
                  as new (id, queue, parent, definition, version, name, handle, hash, status,
                          inputs, metadata, state, result, error, actor_type, actor_id, label,
                          external_id, completed_at, parent_job, depth, started_at)),
         labels as (
             insert into run_labels
                 (project_id, run_id, workflow_name, queue, initiated_by, definition_id,
                  external_id, parent_run_id)
             select $1, id, name, queue, label, definition, external_id, parent from new)
         insert into runs
             (project_id, id, queue, parent_run_id, definition_id, definition_version,
              workflow_name, workflow_handle, spec_hash, status, attempt, inputs, metadata, state,
              result, error_message, actor_type, actor_id, initiated_by, external_id,
              created_at, completed_at, updated_at, parent_job_id, depth, started_at)
         select $1, new.id, new.queue, new.parent, new.definition, new.version,
                new.name, new.handle, new.hash, new.status, 1, new.inputs, new.metadata, new.state,
                new.result, new.error, new.actor_type, new.actor_id, new.label, new.external_id,
                $2, new.completed_at, $2, new.parent_job, new.depth, new.started_at
         from new",
        project.as_uuid(),
        now,
        &columns.ids,
        &columns.queues as _,
        &columns.parents as _,
        &columns.definitions as _,
        &columns.versions,
        &columns.names as _,
        &columns.handles as _,
        &columns.hashes as _,
        &columns.statuses as _,
        &columns.inputs as _,
        &columns.metadata as _,
        &columns.states as _,
        &columns.results as _,
        &columns.errors as _,
        &columns.actor_types as _,
        &columns.actor_ids as _,
        &columns.labels as _,
        &columns.external_ids as _,
        &columns.completed as _,
        &columns.parent_jobs as _,
        &columns.depths,
        &columns.started as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
