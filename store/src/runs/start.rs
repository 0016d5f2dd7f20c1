//! Starts runs: many callers' runs in one transaction.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use mobius_engine::{RunFacts, RunState};
use mobius_types::{
    JobId, JobOptions, JsonObject, ProjectId, RunId, Timestamp, WorkflowId, WorkflowRun,
    WorkflowRunStatus,
};
use sqlx::PgConnection;

use super::NewRun;
use crate::{
    Error, Prepared, Specs,
    advance::{Aftermath, Ledger, LockedRun, Means},
    batch::Outcomes,
    limits::{self, JobTerms},
    pauses::Paused,
    weight::weight_of_object,
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
    pub actor_type: Cow<'static, str>,
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
    /// How its jobs are to be claimed; goes before what its workflow says.
    pub options: JobOptions,
}

impl StartRun {
    /// About how many bytes it carries.
    pub(crate) fn weight(&self) -> usize {
        weight_of_object(&self.inputs)
    }
}

/// A version of a workflow, or a spec of a run's own.
#[derive(Clone)]
pub(crate) struct Saved {
    pub(crate) id: Option<WorkflowId>,
    pub(crate) name: String,
    pub(crate) handle: String,
    pub(crate) version: i32,
    pub(crate) spec: Arc<Prepared>,
}

/// The job that waits for a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParentJob {
    pub(crate) run: RunId,
    pub(crate) job: JobId,
    /// How many ancestors the child has.
    pub(crate) depth: i16,
}

/// Starts the runs that can be started. One that can't (unknown workflow, refused inputs) fails
/// alone. Returns the runs in order, and what is to be done after the commit.
pub(crate) async fn start_batch(
    connection: &mut PgConnection,
    means: &Means<'_>,
    project: ProjectId,
    starts: &[StartRun],
) -> Result<(Outcomes<WorkflowRun>, Aftermath), Error> {
    let (now, paused, saved) = load_workflows(connection, means.specs, project, starts).await?;
    let mut ledger = Ledger::new(now, project, means.limits);
    ledger.pause(paused);
    let mut outcomes = Vec::with_capacity(starts.len());
    for start in starts {
        let planned = find(&saved, start).and_then(|saved| plan(&saved, start, None, &mut ledger));
        outcomes.push(planned.map(|run| ledger.add_run(run)));
    }
    let hand_off = ledger.hand_off(means.takers);
    let shown = |place: usize| ledger.new_run(place).wire.clone();
    let outcomes = outcomes.into_iter().map(|place| place.map(shown)).collect();
    let aftermath = ledger.finish(connection, project, means.terms, hand_off);
    Ok((outcomes, aftermath.await?))
}

/// The newest versions of the saved workflows that the batch names, and the time.
async fn load_workflows(
    connection: &mut PgConnection,
    specs: &Specs,
    project: ProjectId,
    starts: &[StartRun],
) -> Result<(Timestamp, Paused, HashMap<WorkflowId, Saved>), Error> {
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
                  w.latest_version as "version?", v.spec_hash as "spec_hash?",
                  clock.paused_queues as "paused_queues!", clock.paused_actions as "paused_actions!"
           from (
               select mobius_now() as now,
                      array(select name from paused_lanes p
                            where p.project_id = $1 and p.kind = 'queue') as paused_queues,
                      array(select name from paused_lanes p
                            where p.project_id = $1 and p.kind = 'action') as paused_actions) clock
           left join workflows w on w.project_id = $1 and w.id = any($2)
           left join workflow_versions v
             on v.project_id = w.project_id and v.workflow_id = w.id and v.version = w.latest_version"#,
        project.as_uuid(),
        &wanted,
    )
    .fetch_all(&mut *connection)
    .await?;
    let first = rows.first().ok_or(Error::Corrupt("no time".to_owned()))?;
    let now = first.now;
    let paused = Paused::new(&first.paused_queues, &first.paused_actions);
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
                id: Some(id.into()),
                name,
                handle,
                version,
                spec,
            },
        );
    }
    Ok((now, paused, saved))
}

/// Takes a run through its first step, and notes what that writes. A run whose first step can't
/// even be prepared has ended before it was stored; its row still tells why.
pub(crate) fn plan(
    saved: &Saved,
    start: &StartRun,
    parent: Option<ParentJob>,
    ledger: &mut Ledger<'_>,
) -> Result<NewRun, Error> {
    let now = ledger.now();
    let mut new = describe(saved, start, parent, now);
    let inputs = new
        .spec
        .definition
        .check_inputs(start.inputs.clone())
        .map_err(Error::Invalid)?;
    let facts = RunFacts {
        id: new.wire.id.to_string(),
        attempt: new.wire.attempt,
        metadata: start.metadata.clone().unwrap_or_default(),
        external_id: start.external_id.clone(),
    };
    let options = start.options.clone();
    let options = options.or(definition_options(&new, &inputs, &facts)?);
    let (terms, limit) = limits::terms(ledger.project(), saved, &options);
    new.show(&options, terms);
    new.limit = limit;
    let run = LockedRun {
        terms,
        queue: start.queue.clone(),
        handle: saved.handle.clone(),
        status: new.wire.status,
        attempt: new.wire.attempt,
        inputs,
        facts,
        spec: Arc::clone(&new.spec),
        state: RunState::default(),
        signals: Vec::new(),
        result: None,
        error_message: None,
        cancel_requested: false,
        cancelled_by: None,
        parent_job: parent.map(|parent| parent.job),
        changed: true,
        shown: None,
    };
    let run = ledger.start(new.wire.id, run)?;
    new.wire.status = run.status;
    new.wire.completed_at = run.status.is_terminal().then_some(now);
    new.wire.error_message = run.error_message;
    new.wire.inputs = Some(run.inputs);
    new.state = run.state;
    new.result = run.result;
    Ok(new)
}

/// What its workflow says of how its jobs are claimed.
fn definition_options(
    new: &NewRun,
    inputs: &JsonObject,
    facts: &RunFacts,
) -> Result<JobOptions, Error> {
    let definition = new.spec.definition();
    let options = definition.job_options(inputs, facts);
    options.map_err(Error::Invalid)
}

impl NewRun {
    /// Notes how its jobs are claimed.
    fn show(&mut self, options: &JobOptions, terms: JobTerms) {
        self.terms = terms;
        self.wire.priority = i32::from(terms.priority);
        self.wire.concurrency_key = options.concurrency_key.clone();
        self.wire.max_concurrency = options.max_concurrency.and_then(|it| it.try_into().ok());
        self.wire.rate_limit = options.rate_limit;
    }
}

/// What the start names.
fn find<'s>(
    saved: &'s HashMap<WorkflowId, Saved>,
    start: &StartRun,
) -> Result<Cow<'s, Saved>, Error> {
    match &start.source {
        Source::Workflow(id) => {
            let found = saved.get(id).ok_or(Error::NotFound("workflow"))?;
            Ok(Cow::Borrowed(found))
        }
        Source::Inline(spec) => {
            let name = &spec.definition.spec().name;
            Ok(Cow::Owned(Saved {
                id: None,
                name: name.clone(),
                handle: name.clone(),
                version: 0,
                spec: Arc::clone(spec),
            }))
        }
    }
}

/// The run as it stands before its first step.
fn describe(saved: &Saved, start: &StartRun, parent: Option<ParentJob>, now: Timestamp) -> NewRun {
    let wire = WorkflowRun {
        id: RunId::generate(),
        queue: Some(start.queue.clone()),
        parent_run_id: parent.map(|parent| parent.run),
        definition_id: saved.id,
        definition_version: Some(saved.version),
        ephemeral: Some(saved.id.is_none()),
        workflow_name: saved.name.clone(),
        status: WorkflowRunStatus::Queued,
        attempt: 1,
        inputs: None,
        metadata: start.metadata.clone(),
        cancel_requested: false,
        error_message: None,
        actor_type: Some(start.initiator.actor_type.to_string()),
        actor_id: Some(start.initiator.actor_id.clone()),
        initiated_by: Some(start.initiator.label.clone()),
        external_id: start.external_id.clone(),
        priority: 0,
        concurrency_key: None,
        max_concurrency: None,
        rate_limit: None,
        created_at: now,
        started_at: None,
        completed_at: None,
        updated_at: now,
    };
    NewRun {
        wire,
        handle: saved.handle.clone(),
        spec: Arc::clone(&saved.spec),
        parent,
        state: RunState::default(),
        result: None,
        terms: JobTerms::default(),
        limit: None,
    }
}
