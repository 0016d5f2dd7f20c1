//! Claims jobs: one statement hands out many, to many waiting polls.

use std::time::Duration;

use mobius_types::{JobId, JsonObject, ProjectId, RunId, UserId};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::LeaseTerms;
use crate::Error;

/// Which jobs a worker takes. An empty list takes any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimFilter {
    /// The queues to take from.
    pub queues: Vec<String>,
    /// The actions it can run.
    pub actions: Vec<String>,
}

/// One job's worth of room at a worker.
#[derive(Debug, Clone)]
pub struct ClaimSlot {
    /// The worker that takes the job.
    pub worker: String,
    /// The actor of its credential.
    pub actor: UserId,
}

/// A job that now has a lease.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Which of the slots took it.
    pub slot: usize,
    /// The job.
    pub id: JobId,
    /// Its run.
    pub run: RunId,
    /// The handle of the run's workflow.
    pub workflow_handle: String,
    /// The step it executes.
    pub step_name: String,
    /// The action to run.
    pub action: String,
    /// The queue it came from.
    pub queue: String,
    /// What the action is given.
    pub parameters: JsonObject,
    /// The number of this attempt; with the worker, the fence.
    pub attempt: i32,
    /// How long this attempt may take.
    pub timeout: Option<Duration>,
}

/// What one round of claiming gave.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The jobs that were claimed, best first.
    pub jobs: Vec<ClaimedJob>,
    /// Whether a job was passed over only because another transaction held its run for a moment:
    /// it is worth looking again at once.
    pub look_again: bool,
}

/// Claims at most one job for each slot, in the order of priority, time and id.
///
/// The statement never waits for a lock on a run or a job (it skips what others hold), so it
/// can't deadlock although it takes the project's counter, which it does last.
///
/// # Errors
/// The database failed; then nothing was claimed.
pub async fn claim(
    connection: &mut PgConnection,
    project: ProjectId,
    filter: &ClaimFilter,
    slots: &[ClaimSlot],
    terms: LeaseTerms,
) -> Result<Claimed, Error> {
    let workers: Vec<&str> = slots.iter().map(|slot| slot.worker.as_str()).collect();
    let actors: Vec<Uuid> = slots.iter().map(|slot| slot.actor.as_uuid()).collect();
    let rows = sqlx::query_file!(
        "src/jobs/claim.sql",
        project.as_uuid(),
        &filter.queues,
        &filter.actions,
        &workers as _,
        &actors,
        terms.lease.as_secs_f64(),
    )
    .fetch_all(connection)
    .await?;
    let picked = rows.first().map_or(0, |row| row.picked);
    let jobs: Vec<ClaimedJob> = rows
        .into_iter()
        .filter_map(|row| {
            let Json(parameters): Json<JsonObject> = row.parameters?;
            Some(ClaimedJob {
                slot: usize::try_from(row.slot? - 1).ok()?,
                id: row.id?.into(),
                run: row.run_id?.into(),
                workflow_handle: row.workflow_handle?,
                step_name: row.step_name?,
                action: row.action?,
                queue: row.queue?,
                parameters,
                attempt: row.attempt?,
                timeout: row
                    .timeout_ms
                    .and_then(|ms| u64::try_from(ms).ok())
                    .map(Duration::from_millis),
            })
        })
        .collect();
    let look_again = usize::try_from(picked).unwrap_or(0) > jobs.len();
    Ok(Claimed { jobs, look_again })
}

/// Which of the projects have a job that can be claimed now. One cheap look for many polls.
///
/// # Errors
/// The database failed.
pub async fn projects_with_claimable_jobs(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<Vec<ProjectId>, Error> {
    let projects: Vec<Uuid> = projects.iter().map(|project| project.as_uuid()).collect();
    let found = sqlx::query_scalar!(
        "with clock as materialized (select mobius_now() as now)
         select distinct l.project_id
         from job_lanes l
         where l.project_id = any($1)
           and exists (
               select from jobs j
               where j.project_id = l.project_id and j.queue = l.queue and j.action = l.action
                 and j.status = 'pending' and not j.server
                 and j.scheduled_at <= (select now from clock))",
        &projects,
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(Into::into).collect())
}
