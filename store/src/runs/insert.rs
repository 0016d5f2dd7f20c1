//! Writes the rows of new runs, many with one statement.

use std::{collections::BTreeMap, sync::Arc};

use mobius_engine::RunState;
use mobius_types::{
    JsonObject, ProjectId, RunId, Timestamp, WorkflowId, WorkflowRun, WorkflowRunStatus,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::ParentJob;
use crate::{
    Error, Prepared,
    limits::{JobTerms, NewLimit},
};

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
    pub(crate) terms: JobTerms,
    /// What it says of its limit.
    pub(crate) limit: Option<NewLimit>,
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
    priorities: Vec<i16>,
    limits: Vec<Option<Uuid>>,
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
        self.priorities.push(run.terms.priority);
        self.limits.push(run.terms.limit);
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
    sqlx::query_file!(
        "src/runs/insert.sql",
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
        &columns.priorities,
        &columns.limits as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
