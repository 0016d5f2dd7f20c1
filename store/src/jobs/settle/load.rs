//! Locks and loads what a batch of settlements works on: first the runs, then their jobs.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use mobius_engine::{JobRef, RetryProgress, RunFacts, RunState};
use mobius_types::{
    JobId, JobStatus, JsonObject, ProjectId, RunId, Timestamp, UserId, WorkflowRunStatus,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Ending, Outcome, Settlement};
use crate::{Error, Prepared, Specs};

/// A run whose row this transaction holds.
pub(super) struct LockedRun {
    pub(super) queue: String,
    pub(super) status: WorkflowRunStatus,
    pub(super) attempt: i32,
    pub(super) inputs: JsonObject,
    pub(super) facts: RunFacts,
    pub(super) spec: Arc<Prepared>,
    pub(super) state: RunState,
    pub(super) result: Option<JsonObject>,
    pub(super) error_message: Option<String>,
    /// Whether its row has to be written.
    pub(super) changed: bool,
}

/// A job whose row this transaction holds.
pub(super) struct LockedJob {
    pub(super) id: JobId,
    pub(super) run: RunId,
    pub(super) job: JobRef,
    pub(super) step: String,
    pub(super) action: String,
    pub(super) queue: String,
    pub(super) status: JobStatus,
    pub(super) attempt: i32,
    pub(super) max_attempts: i32,
    pub(super) rescues: i32,
    pub(super) progress: RetryProgress,
    pub(super) timeout_ms: Option<i64>,
    pub(super) worker: Option<String>,
    pub(super) actor: Option<UserId>,
    pub(super) claimed_at: Option<Timestamp>,
    pub(super) lease_expires_at: Option<Timestamp>,
    pub(super) attempt_deadline_at: Option<Timestamp>,
}

/// Locks the runs of the jobs, in the order of their ids so that two batches can't deadlock, and
/// reads the time.
pub(super) async fn lock_runs(
    connection: &mut PgConnection,
    specs: &Specs,
    project: ProjectId,
    jobs: &[Uuid],
) -> Result<(Timestamp, HashMap<RunId, LockedRun>), Error> {
    let rows = sqlx::query_file!("src/jobs/settle/lock_runs.sql", project.as_uuid(), jobs,)
        .fetch_all(&mut *connection)
        .await?;
    let now = rows
        .last()
        .map(|row| row.now)
        .ok_or(Error::Corrupt("no time".to_owned()))?;
    let mut runs = HashMap::with_capacity(rows.len());
    for row in rows {
        let (
            Some(id),
            Some(queue),
            Some(status),
            Some(attempt),
            Some(inputs),
            Some(state),
            Some(hash),
        ) = (
            row.id,
            row.queue,
            row.status,
            row.attempt,
            row.inputs,
            row.state,
            row.spec_hash,
        )
        else {
            continue;
        };
        let id = RunId::from(id);
        let run = LockedRun {
            queue,
            status,
            attempt,
            inputs: inputs.0,
            facts: RunFacts {
                id: id.to_string(),
                attempt,
                metadata: row
                    .metadata
                    .map(|Json(metadata)| metadata)
                    .unwrap_or_default(),
                external_id: row.external_id,
            },
            spec: specs.load(connection, project, &hash).await?,
            state: state.0,
            result: None,
            error_message: None,
            changed: false,
        };
        runs.insert(id, run);
    }
    Ok((now, runs))
}

/// Locks the jobs. A statement of its own, so that it sees what was committed while the runs'
/// locks were waited for.
pub(super) async fn lock_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    jobs: &[Uuid],
) -> Result<HashMap<JobId, LockedJob>, Error> {
    let rows = sqlx::query!(
        r#"select id, run_id, branch, visit, step_name, action, queue,
                  status as "status: JobStatus", attempt, max_attempts, rescues, retry_policy,
                  retries, attempt_timeout_ms, claimed_by, claimed_actor, claimed_at,
                  lease_expires_at, attempt_deadline_at
           from jobs
           where project_id = $1 and id = any($2)
           order by id
           for update"#,
        project.as_uuid(),
        jobs,
    )
    .fetch_all(connection)
    .await?;
    let jobs = rows.into_iter().map(|row| LockedJob {
        id: row.id.into(),
        run: row.run_id.into(),
        job: JobRef {
            branch: row.branch,
            visit: row.visit,
        },
        step: row.step_name,
        action: row.action,
        queue: row.queue,
        status: row.status,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        rescues: row.rescues,
        progress: RetryProgress {
            policy: row.retry_policy,
            retries: row.retries,
        },
        timeout_ms: row.attempt_timeout_ms,
        worker: row.claimed_by,
        actor: row.claimed_actor.map(Into::into),
        claimed_at: row.claimed_at,
        lease_expires_at: row.lease_expires_at,
        attempt_deadline_at: row.attempt_deadline_at,
    });
    Ok(jobs.map(|job| (job.id, job)).collect())
}

/// Ended attempts by job, attempt, worker and actor.
pub(super) type Replays = HashSet<(JobId, i32, String, UserId)>;

/// Which of the failures that no longer fit their job were reported before by the same fence.
/// Such a report is a repeated request whose first answer was lost, not a late worker.
pub(super) async fn reported_attempts(
    connection: &mut PgConnection,
    project: ProjectId,
    settlements: &[Settlement],
    jobs: &HashMap<JobId, LockedJob>,
) -> Result<Replays, Error> {
    let late: Vec<Uuid> = settlements
        .iter()
        .filter(|settlement| match &settlement.ending {
            Ending::Reported {
                fence,
                outcome: Outcome::Failed { .. },
            } => jobs.get(&settlement.job).is_some_and(|job| {
                job.attempt != fence.attempt || job.status == JobStatus::Pending
            }),
            Ending::Reported {
                outcome: Outcome::Completed { .. },
                ..
            }
            | Ending::LeaseExpired { .. }
            | Ending::TimedOut { .. } => false,
        })
        .map(|settlement| settlement.job.as_uuid())
        .collect();
    if late.is_empty() {
        return Ok(Replays::new());
    }
    let rows = sqlx::query!(
        r#"select job_id, attempt, worker_id, reported_by as "reported_by!" from job_attempts
           where project_id = $1 and job_id = any($2) and reported_by is not null"#,
        project.as_uuid(),
        &late,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                row.job_id.into(),
                row.attempt,
                row.worker_id,
                row.reported_by.into(),
            )
        })
        .collect())
}
