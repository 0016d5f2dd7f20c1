//! Claims jobs: one transaction hands out many, to many waiting polls.

use std::time::Duration;

use mobius_types::{
    EventType, JobId, JobStatus, JsonObject, ProjectId, RunId, Timestamp, UserId, WorkflowRunStatus,
};
use serde_json::json;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    LeaseTerms,
    marks::{LaneMarks, Mark},
};
use crate::{
    Error,
    advance::JobFrame,
    events::{self, Frames},
};

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
    /// Whether jobs with a limit may wait for which there is room.
    pub limited: bool,
    /// After which time the first of the limits that were looked at lets something through again.
    pub opens_in: Option<Duration>,
}

/// Claims at most one job for each slot, in the order of priority, time and id.
///
/// The first statement never waits for a lock on a run or a job (it skips what others hold), so it
/// can't deadlock with the second, which takes the project's counter. Both share the transaction
/// that the caller has begun. The walks begin at the marks; new ones come back, for after the commit.
///
/// # Errors
/// The database failed; then nothing was claimed.
pub async fn claim(
    connection: &mut PgConnection,
    project: ProjectId,
    filter: &ClaimFilter,
    slots: &[ClaimSlot],
    (terms, marks): (LeaseTerms, &LaneMarks),
) -> Result<(Claimed, Vec<Mark>), Error> {
    let workers: Vec<&str> = slots.iter().map(|slot| slot.worker.as_str()).collect();
    let actors: Vec<Uuid> = slots.iter().map(|slot| slot.actor.as_uuid()).collect();
    let rows = sqlx::query_file_as!(
        Row,
        "src/jobs/claim.sql",
        project.as_uuid(),
        &filter.queues,
        &filter.actions,
        &workers as _,
        &actors,
        terms.lease.as_secs_f64(),
        &marks.queues,
        &marks.actions,
        &marks.since,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut round = Round::of(rows, slots)?;
    events::append(connection, project, round.now, round.frames).await?;
    if round.claimed.look_again {
        // Something was passed over, and stands before them.
        round.marks.clear();
    }
    Ok((round.claimed, round.marks))
}

/// What a statement has claimed, before it is told and committed.
pub(crate) struct Round {
    pub(crate) now: Timestamp,
    pub(crate) frames: Frames,
    pub(crate) claimed: Claimed,
    /// How far it came in each lane.
    pub(crate) marks: Vec<Mark>,
}

impl Round {
    pub(crate) fn of(rows: Vec<Row>, slots: &[ClaimSlot]) -> Result<Self, Error> {
        let Some(first) = rows.first() else {
            return Err(Error::Corrupt("no time".to_owned()));
        };
        let (now, picked, limited) = (first.now, first.picked, first.limited);
        let (mut frames, mut jobs) = (Frames::default(), Vec::with_capacity(rows.len()));
        let mut marks: Vec<Mark> = Vec::new();
        for row in rows {
            let since = row.mark;
            let Some(claim) = row.claim() else { continue };
            if let Some(since) = since {
                advance_mark(&mut marks, &claim.job, since);
            }
            claim.tell(slots, &mut frames);
            jobs.push(claim.job);
        }
        let claimed = Claimed {
            look_again: usize::try_from(picked).unwrap_or(0) > jobs.len(),
            limited,
            opens_in: None,
            jobs,
        };
        Ok(Self {
            now,
            frames,
            claimed,
            marks,
        })
    }
}

/// Notes that the claim came to this job of its lane; the jobs are given in their order.
fn advance_mark(marks: &mut Vec<Mark>, job: &ClaimedJob, since: Timestamp) {
    let of_lane = marks
        .iter_mut()
        .find(|mark| mark.queue == job.queue && mark.action == job.action);
    match of_lane {
        Some(mark) => mark.since = since,
        None => marks.push(Mark {
            queue: job.queue.clone(),
            action: job.action.clone(),
            since,
        }),
    }
}

/// A row as the statement gives it: but for the first three all columns are missing when nothing was
/// claimed.
pub(crate) struct Row {
    pub(crate) now: Timestamp,
    pub(crate) picked: i64,
    pub(crate) limited: bool,
    pub(crate) slot: Option<i64>,
    pub(crate) id: Option<Uuid>,
    pub(crate) run_id: Option<Uuid>,
    pub(crate) step_name: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) parameters: Option<Json<JsonObject>>,
    pub(crate) mark: Option<Timestamp>,
    pub(crate) attempt: Option<i32>,
    pub(crate) timeout_ms: Option<i64>,
    pub(crate) parent_job_id: Option<Uuid>,
    pub(crate) item_index: Option<i32>,
    pub(crate) workflow_handle: Option<String>,
    pub(crate) run_attempt: Option<i32>,
    pub(crate) starts: Option<bool>,
}

impl Row {
    fn claim(self) -> Option<NewClaim> {
        Some(NewClaim {
            branch: self.branch?,
            item: self.parent_job_id.map(JobId::from).zip(self.item_index),
            starts: self.starts?.then_some(self.run_attempt?),
            job: ClaimedJob {
                slot: usize::try_from(self.slot? - 1).ok()?,
                id: self.id?.into(),
                run: self.run_id?.into(),
                workflow_handle: self.workflow_handle?,
                step_name: self.step_name?,
                action: self.action?,
                queue: self.queue?,
                parameters: self.parameters?.0,
                attempt: self.attempt?,
                timeout: self
                    .timeout_ms
                    .and_then(|ms| u64::try_from(ms).ok())
                    .map(Duration::from_millis),
            },
        })
    }
}

/// A job that was just claimed, with what only the history tells of it.
struct NewClaim {
    job: ClaimedJob,
    branch: String,
    item: Option<(JobId, i32)>,
    /// The number of the run's start, if this is its first claim.
    starts: Option<i32>,
}

impl NewClaim {
    /// Adds the frames; that of the run stands before those of its jobs.
    fn tell(&self, slots: &[ClaimSlot], frames: &mut Frames) {
        let job = &self.job;
        if let Some(attempt) = self.starts.filter(|_| frames.next_place(job.run) == 0) {
            let running = json!({ "status": WorkflowRunStatus::Running, "attempt": attempt });
            frames.push(job.run, EventType::RunUpdated, running);
        }
        let frame = JobFrame {
            id: job.id,
            step: &job.step_name,
            action: &job.action,
            branch: &self.branch,
            queue: &job.queue,
            status: JobStatus::Claimed,
            attempt: job.attempt,
            worker: slots.get(job.slot).map(|slot| slot.worker.as_str()),
            item: self.item,
            cancel_requested: false,
            error: None,
        };
        frames.push(job.run, EventType::JobUpdated, frame.to_json());
    }
}

/// Which of the projects have a job that can be claimed now. One cheap look for many polls.
///
/// # Errors
/// The database failed.
pub(crate) async fn projects_with_claimable_jobs(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<Vec<ProjectId>, Error> {
    let projects: Vec<Uuid> = projects.iter().map(|project| project.as_uuid()).collect();
    let found = sqlx::query_file_scalar!("src/jobs/claimable_projects.sql", &projects)
        .fetch_all(connection)
        .await?;
    Ok(found.into_iter().map(Into::into).collect())
}
