//! Locks runs, and reads what they have stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use mobius_engine::{Limits, Run, RunFacts, RunState, Signal};
use mobius_types::{JobId, JsonObject, ProjectId, RunId, Timestamp, WorkflowRunStatus};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{StoredState, Wanted};
use crate::{Error, Prepared, Specs, limits::JobTerms, pauses::Paused};

/// How many bytes the runs of one transaction, and as much again their signals, may have as JSON.
/// In memory they take several times that. A single run may have more.
pub(in crate::advance) const MAX_BYTES: u32 = 64 * 1024 * 1024;

/// What the history tells of a run: a change of it is news.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    status: WorkflowRunStatus,
    attempt: i32,
    cancel_requested: bool,
}

/// A run whose row this transaction holds, or is about to insert.
pub(crate) struct LockedRun {
    pub(crate) queue: String,
    pub(crate) terms: JobTerms,
    /// The workflow's handle, which workers are told.
    pub(crate) handle: String,
    pub(crate) status: WorkflowRunStatus,
    pub(crate) attempt: i32,
    pub(crate) inputs: JsonObject,
    pub(crate) facts: RunFacts,
    pub(crate) spec: Arc<Prepared>,
    pub(crate) state: RunState,
    /// What nothing has consumed yet, oldest first.
    pub(crate) signals: Vec<Signal>,
    pub(crate) result: Option<JsonObject>,
    pub(crate) error_message: Option<String>,
    pub(crate) cancel_requested: bool,
    pub(crate) cancelled_by: Option<String>,
    /// The job of its parent that waits for it.
    pub(crate) parent_job: Option<JobId>,
    /// Whether its row has to be written.
    pub(crate) changed: bool,
    /// What the history says of it so far; nothing of a new run.
    pub(crate) shown: Option<Shown>,
}

impl LockedRun {
    /// The run as the engine sees it.
    pub(in crate::advance) fn context<'r>(
        &'r mut self,
        limits: &'r Limits,
    ) -> (Run<'r>, &'r mut RunState) {
        let run = Run {
            definition: self.spec.definition(),
            inputs: &self.inputs,
            facts: &self.facts,
            limits,
            signals: &self.signals,
        };
        (run, &mut self.state)
    }

    const fn as_shown(&self) -> Shown {
        Shown {
            status: self.status,
            attempt: self.attempt,
            cancel_requested: self.cancel_requested,
        }
    }

    /// Whether it goes on: it has not ended, and nobody wants it to.
    pub(in crate::advance) fn is_live(&self) -> bool {
        !self.status.is_terminal() && !self.state.is_cancelling()
    }

    /// Whether the history does not say yet how the run stands.
    pub(in crate::advance) fn is_news(&self) -> bool {
        self.shown != Some(self.as_shown())
    }

    /// The history says how the run stands.
    pub(in crate::advance) fn remember_shown(&mut self) {
        self.shown = Some(self.as_shown());
    }
}

/// A run whose row this transaction holds without having read its state.
pub(in crate::advance) struct BareRun {
    pub(in crate::advance) status: WorkflowRunStatus,
    pub(in crate::advance) spec: Arc<Prepared>,
}

/// Runs whose rows this transaction holds.
pub(in crate::advance) struct LockedRuns {
    /// The time after the locks were waited for.
    pub(in crate::advance) now: Timestamp,
    /// What no worker may be given.
    pub(in crate::advance) paused: Paused,
    pub(in crate::advance) whole: HashMap<RunId, LockedRun>,
    /// Those of which only items end.
    pub(in crate::advance) bare: HashMap<RunId, BareRun>,
}

/// Locks the runs, in the order of their ids so that two batches can't deadlock, and reads the
/// time.
pub(in crate::advance) async fn lock_runs(
    connection: &mut PgConnection,
    specs: &Specs,
    project: ProjectId,
    wanted: &Wanted,
) -> Result<LockedRuns, Error> {
    let rows = sqlx::query_file_as!(
        Row,
        "src/advance/load/lock_runs.sql",
        project.as_uuid(),
        &wanted.jobs,
        &wanted.runs,
        i64::from(MAX_BYTES),
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.iter().any(|row| row.too_large) {
        return Err(too_large());
    }
    let last = rows.last().ok_or(Error::Corrupt("no time".to_owned()))?;
    let mut runs = LockedRuns {
        now: last.now,
        paused: Paused::new(&last.paused_queues, &last.paused_actions),
        whole: HashMap::with_capacity(rows.len()),
        bare: HashMap::new(),
    };
    for row in rows {
        let (Some(id), Some(hash)) = (row.id, row.spec_hash.as_deref()) else {
            continue;
        };
        let spec = specs.load(connection, project, hash).await?;
        match row.status {
            Some(status) if row.state.is_none() => {
                runs.bare.insert(id.into(), BareRun { status, spec });
            }
            _ => {
                let run = row.whole(id.into(), spec);
                runs.whole.insert(id.into(), run?);
            }
        }
    }
    Ok(runs)
}

/// A row as the statement gives it: all columns may be missing, because there is one row at least.
struct Row {
    now: Timestamp,
    id: Option<Uuid>,
    queue: Option<String>,
    workflow_handle: Option<String>,
    status: Option<WorkflowRunStatus>,
    attempt: Option<i32>,
    inputs: Option<Json<JsonObject>>,
    state: Option<StoredState>,
    metadata: Option<Json<BTreeMap<String, String>>>,
    external_id: Option<String>,
    spec_hash: Option<Vec<u8>>,
    error_message: Option<String>,
    cancel_requested: Option<bool>,
    cancelled_by: Option<String>,
    parent_job_id: Option<Uuid>,
    priority: Option<i16>,
    limit_id: Option<Uuid>,
    paused_queues: Vec<String>,
    paused_actions: Vec<String>,
    too_large: bool,
}

impl Row {
    /// The run, when its state was read.
    fn whole(self, id: RunId, spec: Arc<Prepared>) -> Result<LockedRun, Error> {
        let missing = || Error::Corrupt(format!("{id} lacks a column"));
        let attempt = self.attempt.ok_or_else(missing)?;
        let mut run = LockedRun {
            queue: self.queue.ok_or_else(missing)?,
            terms: JobTerms {
                priority: self.priority.ok_or_else(missing)?,
                limit: self.limit_id,
            },
            handle: self.workflow_handle.ok_or_else(missing)?,
            status: self.status.ok_or_else(missing)?,
            attempt,
            inputs: self.inputs.ok_or_else(missing)?.0,
            facts: RunFacts {
                id: id.to_string(),
                attempt,
                metadata: self.metadata.map(|Json(it)| it).unwrap_or_default(),
                external_id: self.external_id,
            },
            spec,
            state: self.state.ok_or_else(missing)?.read(id),
            signals: Vec::new(),
            result: None,
            error_message: self.error_message,
            cancel_requested: self.cancel_requested.ok_or_else(missing)?,
            cancelled_by: self.cancelled_by,
            parent_job: self.parent_job_id.map(Into::into),
            changed: false,
            shown: None,
        };
        run.remember_shown();
        Ok(run)
    }
}

/// What a batch fails with that is too large, and has more than one input. The lane then halves it, and halves it
/// again, down to single items if it has to: nobody outside gets to see this.
pub(in crate::advance) fn too_large() -> Error {
    Error::Conflict {
        code: "batch_too_large",
        message: "what the inputs are about is too large for one transaction".to_owned(),
    }
}

/// Whether the run has signals, and may yet come to a step that waits for one.
fn may_consume(run: &LockedRun) -> bool {
    let mut steps = run.spec.definition().spec().steps.iter();
    run.state.stored_signals() > 0 && steps.any(|step| step.wait_signal.is_some())
}

/// Reads the stored signals of those runs that may consume one. The runs' locks keep others from
/// consuming them or adding to them.
pub(in crate::advance) async fn load_signals(
    connection: &mut PgConnection,
    project: ProjectId,
    runs: &mut HashMap<RunId, LockedRun>,
) -> Result<(), Error> {
    let wanted: Vec<Uuid> = runs
        .iter()
        .filter(|(_, run)| may_consume(run))
        .map(|(id, _)| id.as_uuid())
        .collect();
    let sizes = runs.values().filter(|run| may_consume(run));
    let bytes: u64 = sizes.map(|run| run.state.stored_signal_bytes()).sum();
    if wanted.len() > 1 && bytes > u64::from(MAX_BYTES) {
        return Err(too_large());
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query!(
        r#"select run_id, id, name, payload as "payload: Json<JsonObject>" from signals
           where project_id = $1 and run_id = any($2) and consumed_at is null
           order by run_id, seq"#,
        project.as_uuid(),
        &wanted,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        if let Some(run) = runs.get_mut(&row.run_id.into()) {
            run.signals.push(Signal {
                id: row.id.into(),
                name: row.name,
                payload: row.payload.0,
            });
        }
    }
    Ok(())
}
