//! Starts runs: many callers' runs in one transaction.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use mobius_engine::{Action, Event, Limits, Run, RunFacts, RunState, advance};
use mobius_types::{
    EventType, JobId, JsonObject, ProjectId, RunId, Timestamp, WorkflowId, WorkflowRun,
    WorkflowRunStatus,
};
use serde_json::json;
use sqlx::PgConnection;

use super::insert::{NewRun, insert};
use crate::{
    Error, Prepared, Specs,
    batch::Outcomes,
    events::{self, Frames},
    jobs::{JobRow, frame_of_new, insert_jobs},
};

/// What a run executes.
#[derive(Debug, Clone)]
pub enum Source {
    /// The newest version of a saved workflow.
    Workflow(WorkflowId),
    /// A spec of its own, saved already.
    Inline(Arc<Prepared>),
}

/// Who or what starts a run.
#[derive(Debug, Clone)]
pub struct Initiator {
    /// `user`, `service_account` or `system`.
    pub actor_type: &'static str,
    /// The actor's id.
    pub actor_id: String,
    /// A label for people, such as the name of an API key.
    pub label: String,
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// What it executes.
    pub source: Source,
    /// The queue for its jobs.
    pub queue: String,
    /// The inputs as given.
    pub inputs: JsonObject,
    /// Labels of the caller's.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// Who starts it.
    pub initiator: Initiator,
}

/// A saved workflow's newest version.
struct Saved {
    name: String,
    handle: String,
    version: i32,
    spec: Arc<Prepared>,
}

/// All that a batch writes.
#[derive(Default)]
struct Writes {
    runs: Vec<NewRun>,
    jobs: Vec<JobRow>,
    frames: Frames,
}

/// Starts the runs that can be started. One that can't (unknown workflow, refused inputs) fails
/// alone. Returns the runs in order.
pub(crate) async fn start_batch(
    connection: &mut PgConnection,
    specs: &Specs,
    limits: &Limits,
    project: ProjectId,
    starts: &[StartRun],
) -> Result<Outcomes<WorkflowRun>, Error> {
    let (now, saved) = load_workflows(connection, specs, project, starts).await?;
    let mut writes = Writes::default();
    let mut outcomes = Vec::with_capacity(starts.len());
    for start in starts {
        outcomes.push(plan(&saved, limits, start, now, &mut writes));
    }
    insert(connection, project, now, &writes.runs).await?;
    insert_jobs(connection, project, now, &writes.jobs).await?;
    events::append(connection, project, now, writes.frames).await?;
    Ok(outcomes)
}

/// The newest versions of the saved workflows that the batch names, and the time.
async fn load_workflows(
    connection: &mut PgConnection,
    specs: &Specs,
    project: ProjectId,
    starts: &[StartRun],
) -> Result<(Timestamp, HashMap<WorkflowId, Saved>), Error> {
    let wanted: HashSet<_> = starts
        .iter()
        .filter_map(|start| match start.source {
            Source::Workflow(id) => Some(id.as_uuid()),
            Source::Inline(_) => None,
        })
        .collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let rows = sqlx::query!(
        r#"select clock.now as "now!", w.id as "id?", w.name as "name?", w.handle as "handle?",
                  w.latest_version as "version?", v.spec_hash as "spec_hash?"
           from (select mobius_now() as now) clock
           left join workflows w on w.project_id = $1 and w.id = any($2)
           left join workflow_versions v
             on v.project_id = w.project_id and v.workflow_id = w.id and v.version = w.latest_version"#,
        project.as_uuid(),
        &wanted,
    )
    .fetch_all(&mut *connection)
    .await?;
    let now = rows
        .first()
        .map(|row| row.now)
        .ok_or(Error::Corrupt("no time".to_owned()))?;
    let mut saved = HashMap::with_capacity(wanted.len());
    for row in rows {
        let (Some(id), Some(name), Some(handle), Some(version), Some(hash)) =
            (row.id, row.name, row.handle, row.version, row.spec_hash)
        else {
            continue;
        };
        let spec = specs.load(connection, project, &hash).await?;
        saved.insert(
            id.into(),
            Saved {
                name,
                handle,
                version,
                spec,
            },
        );
    }
    Ok((now, saved))
}

/// Works out what one start writes.
fn plan(
    saved: &HashMap<WorkflowId, Saved>,
    limits: &Limits,
    start: &StartRun,
    now: Timestamp,
    writes: &mut Writes,
) -> Result<WorkflowRun, Error> {
    let mut run = describe(saved, start, now)?;
    let inputs = run
        .spec
        .definition
        .check_inputs(start.inputs.clone())
        .map_err(Error::Invalid)?;
    let facts = RunFacts {
        id: run.wire.id.to_string(),
        attempt: run.wire.attempt,
        metadata: start.metadata.clone().unwrap_or_default(),
        external_id: start.external_id.clone(),
    };
    let transition = advance(
        &Run {
            definition: &run.spec.definition,
            inputs: &inputs,
            facts: &facts,
            limits,
            state: &RunState::default(),
            signals: &[],
        },
        Event::Started,
        now,
    )
    .map_err(|rejected| Error::Corrupt(format!("a new run was rejected: {rejected}")))?;
    run.wire.inputs = Some(inputs);
    run.state = transition.state;
    apply(&mut run, transition.actions, now, writes);
    let wire = run.wire.clone();
    writes.runs.push(run);
    Ok(wire)
}

/// The run as it stands before its first step.
fn describe(
    saved: &HashMap<WorkflowId, Saved>,
    start: &StartRun,
    now: Timestamp,
) -> Result<NewRun, Error> {
    let (definition, name, handle, version, spec) = match &start.source {
        Source::Workflow(id) => {
            let found = saved.get(id).ok_or(Error::NotFound("workflow"))?;
            (
                Some(*id),
                &found.name,
                &found.handle,
                found.version,
                &found.spec,
            )
        }
        Source::Inline(spec) => {
            let name = &spec.definition.spec().name;
            (None, name, name, 0, spec)
        }
    };
    let wire = WorkflowRun {
        id: RunId::generate(),
        queue: Some(start.queue.clone()),
        parent_run_id: None,
        definition_id: definition,
        definition_version: Some(version),
        ephemeral: Some(definition.is_none()),
        workflow_name: name.clone(),
        status: WorkflowRunStatus::Queued,
        attempt: 1,
        inputs: None,
        metadata: start.metadata.clone(),
        error_message: None,
        actor_type: Some(start.initiator.actor_type.to_owned()),
        actor_id: Some(start.initiator.actor_id.clone()),
        initiated_by: Some(start.initiator.label.clone()),
        external_id: start.external_id.clone(),
        created_at: now,
        started_at: None,
        completed_at: None,
        updated_at: now,
    };
    Ok(NewRun {
        wire,
        handle: handle.clone(),
        spec: Arc::clone(spec),
        state: RunState::default(),
        result: None,
    })
}

/// Carries out what the engine asks for when a run starts. A run whose first step can't even be
/// prepared has ended before it was stored; its row still tells why.
fn apply(run: &mut NewRun, actions: Vec<Action>, now: Timestamp, writes: &mut Writes) {
    let id = run.wire.id;
    let first_job = writes.jobs.len();
    for action in actions {
        match action {
            Action::EnqueueJob(job) => writes.jobs.push(JobRow {
                id: JobId::generate(),
                run: id,
                queue: run.wire.queue.clone().unwrap_or_default(),
                job,
            }),
            Action::CompleteRun { result } => {
                run.wire.status = WorkflowRunStatus::Completed;
                run.wire.completed_at = Some(now);
                run.result = Some(result);
            }
            Action::FailRun { error } => {
                run.wire.status = WorkflowRunStatus::Failed;
                run.wire.completed_at = Some(now);
                run.wire.error_message = Some(error.message);
            }
            // Jobs that were never stored need no stopping.
            Action::StopJobs => writes.jobs.truncate(first_job),
            Action::CompleteJob { .. }
            | Action::RetryJob { .. }
            | Action::RescueJob { .. }
            | Action::FailJob { .. } => {
                unreachable!("a run that starts has no job yet that could end")
            }
            Action::FanOut(_)
            | Action::RestartFanOut { .. }
            | Action::StopFanOut { .. }
            | Action::StartTimer { .. }
            | Action::StopTimer { .. }
            | Action::ConsumeSignal { .. }
            | Action::OpenInteraction(_)
            | Action::CloseInteraction { .. } => {
                unreachable!("no step that waits passes validation yet")
            }
        }
    }
    let status = run.wire.status.as_str();
    let mut data = json!({ "status": status, "attempt": run.wire.attempt });
    if let Some(message) = &run.wire.error_message {
        data["error_message"] = json!(message);
    }
    writes.frames.push(id, EventType::RunUpdated, data);
    for job in &writes.jobs[first_job..] {
        writes
            .frames
            .push(id, EventType::JobUpdated, frame_of_new(job));
    }
}
