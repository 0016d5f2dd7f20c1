//! Writes the rows of new jobs, many with one statement.

use mobius_engine::{JobError, NewJob};
use mobius_types::{EventType, JobId, JobStatus, JsonObject, ProjectId, RunId, Timestamp};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{ClaimSlot, LeaseTerms};
use crate::{
    Error,
    advance::{JobFrame, millis, shown},
    events::Frames,
    hand_off::Lane,
    limits::{JobTerms, LimitId},
};

/// The class of error of a job that stopped before it had ended.
const CANCELLED: &str = "cancelled";

/// A job that is about to be stored.
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) run: RunId,
    pub(crate) queue: String,
    pub(crate) terms: JobTerms,
    pub(crate) job: NewJob,
    /// The fan-out that it is an item of, and its place there.
    pub(crate) item: Option<(JobId, i32)>,
    /// Whether nobody may claim it yet: an item that stands back, or the parent of items.
    pub(crate) waits: bool,
    /// The worker that takes it at once.
    pub(crate) claim: Option<ClaimSlot>,
    /// Why it failed before it was even stored.
    pub(crate) error: Option<JobError>,
}

impl JobRow {
    const fn status(&self) -> JobStatus {
        match &self.error {
            Some(_) => JobStatus::Failed,
            None if self.waits => JobStatus::Waiting,
            None if self.claim.is_some() => JobStatus::Claimed,
            None => JobStatus::Pending,
        }
    }

    /// Where a claim finds it.
    pub(crate) fn lane(&self) -> Lane<'_> {
        Lane {
            queue: &self.queue,
            action: &self.job.action,
        }
    }

    /// Whether a worker can claim it as soon as it is stored.
    pub(crate) fn is_claimable(&self) -> bool {
        self.status() == JobStatus::Pending && !self.job.server
    }

    /// The limit that its claims count for. The control plane's own work holds nothing.
    pub(crate) fn limit(&self) -> Option<LimitId> {
        self.terms.limit.filter(|_| !self.job.server)
    }

    /// Nothing waits for it any more; `reason` tells people why.
    pub(crate) fn stop(&mut self, reason: &str) {
        self.error = Some(JobError {
            kind: CANCELLED.to_owned(),
            message: reason.to_owned(),
            details: None,
        });
    }

    fn is_stopped(&self) -> bool {
        let error = self.error.as_ref();
        error.is_some_and(|error| error.kind == CANCELLED)
    }
}

/// The rows as columns, the form in which `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    runs: Vec<Uuid>,
    branches: Vec<&'a str>,
    visits: Vec<i32>,
    steps: Vec<&'a str>,
    actions: Vec<&'a str>,
    queues: Vec<&'a str>,
    parameters: Vec<Json<&'a JsonObject>>,
    max_attempts: Vec<i32>,
    timeouts: Vec<Option<i64>>,
    servers: Vec<bool>,
    statuses: Vec<JobStatus>,
    error_types: Vec<Option<&'a str>>,
    errors: Vec<Option<&'a str>>,
    parents: Vec<Option<Uuid>>,
    indexes: Vec<Option<i32>>,
    workers: Vec<Option<&'a str>>,
    actors: Vec<Option<Uuid>>,
    priorities: Vec<i16>,
    limits: Vec<Option<Uuid>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, row: &'a JobRow) {
        self.ids.push(row.id.as_uuid());
        self.runs.push(row.run.as_uuid());
        self.branches.push(&row.job.job.branch);
        self.visits.push(row.job.job.visit);
        self.steps.push(&row.job.step);
        self.actions.push(&row.job.action);
        self.queues.push(&row.queue);
        self.parameters.push(Json(&row.job.parameters));
        self.max_attempts.push(row.job.max_attempts);
        self.timeouts.push(row.job.timeout.map(millis));
        self.servers.push(row.job.server);
        self.statuses.push(row.status());
        let error = row.error.as_ref();
        self.error_types
            .push(error.map(|error| error.kind.as_str()));
        self.errors.push(error.map(|error| error.message.as_str()));
        self.parents
            .push(row.item.map(|(parent, _)| parent.as_uuid()));
        self.indexes.push(row.item.map(|(_, index)| index));
        let claim = row.claim.as_ref();
        self.workers.push(claim.map(|claim| claim.worker.as_str()));
        self.actors.push(claim.map(|claim| claim.actor.as_uuid()));
        self.priorities.push(row.terms.priority);
        self.limits.push(row.limit());
    }
}

/// Inserts the jobs, claimed or claimable from now on unless they stopped, and makes their lanes
/// known.
pub(crate) async fn insert_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    terms: LeaseTerms,
    jobs: &[JobRow],
) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    jobs.iter().for_each(|job| columns.push(job));
    sqlx::query_file!(
        "src/jobs/insert.sql",
        project.as_uuid(),
        now,
        &columns.ids,
        &columns.runs,
        &columns.branches as _,
        &columns.visits,
        &columns.steps as _,
        &columns.actions as _,
        &columns.queues as _,
        &columns.parameters as _,
        &columns.max_attempts,
        &columns.timeouts as _,
        &columns.servers,
        &columns.statuses as _,
        &columns.error_types as _,
        &columns.errors as _,
        &columns.parents as _,
        &columns.indexes as _,
        &columns.workers as _,
        &columns.actors as _,
        terms.lease.as_secs_f64(),
        &columns.priorities,
        &columns.limits as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds the frame of a new job, or of one that stopped before it was stored.
pub(crate) fn push_new(frames: &mut Frames, row: &JobRow) {
    frames.push(row.run, EventType::JobUpdated, frame(row).to_json());
}

/// Adds the frame of a new job that the worker takes at once.
pub(crate) fn push_claimed(frames: &mut Frames, row: &JobRow, worker: &str) {
    let claimed = JobFrame {
        status: JobStatus::Claimed,
        attempt: 1,
        worker: Some(worker),
        ..frame(row)
    };
    frames.push(row.run, EventType::JobUpdated, claimed.to_json());
}

fn frame(row: &JobRow) -> JobFrame<'_> {
    JobFrame {
        id: row.id,
        step: &row.job.step,
        action: &row.job.action,
        branch: &row.job.job.branch,
        queue: &row.queue,
        status: row.status(),
        attempt: 0,
        worker: None,
        item: row.item,
        cancel_requested: row.is_stopped(),
        error: row.error.as_ref().map(shown),
    }
}
