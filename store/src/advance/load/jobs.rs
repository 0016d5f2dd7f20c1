//! Locks jobs, and finds reports that were made before.

use std::collections::{HashMap, HashSet};

use mobius_engine::{JobRef, RetryProgress};
use mobius_types::{JobId, JobStatus, ProjectId, RunId, Timestamp, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Wanted, runs::too_large, wanted::ids};
use crate::{Error, advance::Input, limits::LimitId};

/// A job whose row this transaction holds.
pub(in crate::advance) struct LockedJob {
    pub(in crate::advance) id: JobId,
    pub(in crate::advance) run: RunId,
    pub(in crate::advance) job: JobRef,
    pub(in crate::advance) step: String,
    pub(in crate::advance) action: String,
    pub(in crate::advance) queue: String,
    pub(in crate::advance) status: JobStatus,
    pub(in crate::advance) attempt: i32,
    pub(in crate::advance) max_attempts: i32,
    pub(in crate::advance) rescues: i32,
    pub(in crate::advance) progress: RetryProgress,
    pub(in crate::advance) timeout_ms: Option<i64>,
    pub(in crate::advance) worker: Option<String>,
    pub(in crate::advance) actor: Option<UserId>,
    pub(in crate::advance) claimed_at: Option<Timestamp>,
    pub(in crate::advance) lease_expires_at: Option<Timestamp>,
    pub(in crate::advance) attempt_deadline_at: Option<Timestamp>,
    /// The fan-out that it is an item of, and its place there.
    pub(in crate::advance) item: Option<(JobId, i32)>,
    /// The run that it started and waits for.
    pub(in crate::advance) child: Option<RunId>,
    /// The limit that its claims count for.
    pub(in crate::advance) limit: Option<LimitId>,
}

/// Locks the jobs that the inputs name, and all jobs that have not ended of runs that are to be
/// cancelled. A statement of its own, so that it sees what was committed while the runs' locks
/// were waited for; what a claim holds is waited for and then seen as claimed.
pub(in crate::advance) async fn lock_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    wanted: &Wanted,
) -> Result<HashMap<JobId, LockedJob>, Error> {
    if wanted.jobs.is_empty() && wanted.cancelled.is_empty() {
        return Ok(HashMap::new());
    }
    if wanted.cancelled.len() > 1
        && count_live_jobs(connection, project, &wanted.cancelled).await? > MAX_STOPPED
    {
        return Err(too_large());
    }
    let rows = sqlx::query_file!(
        "src/advance/load/lock_jobs.sql",
        project.as_uuid(),
        &wanted.jobs,
        &wanted.cancelled,
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
        item: row.parent_job_id.map(JobId::from).zip(row.item_index),
        child: row.child_run_id.map(Into::into),
        limit: row.limit_id,
    });
    Ok(jobs.map(|job| (job.id, job)).collect())
}

/// How many jobs of runs a transaction stops or restarts at most, unless it has one input alone:
/// more than the largest run has, and less than two of them.
pub(in crate::advance) const MAX_STOPPED: i64 = 15_000;

/// How many jobs of the runs have not ended, as far as matters for [`MAX_STOPPED`].
pub(in crate::advance) async fn count_live_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    runs: &[Uuid],
) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "jobs!" from (
               select from jobs
               where project_id = $1 and run_id = any($2)
                 and status::text in ('pending', 'claimed', 'waiting')
               limit $3) as counted"#,
        project.as_uuid(),
        runs,
        MAX_STOPPED + 1,
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Ended attempts by job, attempt, worker and actor.
pub(in crate::advance) type Replays = HashSet<(JobId, i32, String, UserId)>;

/// Which of the failures that no longer fit their job were reported before by the same fence.
/// Such a report is a repeated request whose first answer was lost, not a late worker.
pub(in crate::advance) async fn reported_attempts(
    connection: &mut PgConnection,
    project: ProjectId,
    inputs: &[Input],
    jobs: &HashMap<JobId, LockedJob>,
) -> Result<Replays, Error> {
    let late = ids(inputs, |input| {
        let Input::JobEnded(settlement) = input else {
            return None;
        };
        let fence = settlement.ending.reported_failure()?;
        let job = jobs.get(&settlement.job)?;
        // A job without an actor waits for another attempt, or was stopped while it did.
        let is_late = job.attempt != fence.attempt || job.actor.is_none();
        is_late.then(|| job.id.as_uuid())
    });
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
