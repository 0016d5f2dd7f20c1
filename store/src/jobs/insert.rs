//! Writes the rows of new jobs, many with one statement.

use mobius_engine::NewJob;
use mobius_types::{EventType, JobId, JobStatus, JsonObject, ProjectId, RunId, Timestamp};
use serde_json::{Value, json};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Error, advance::millis, events::Frames};

/// A job that is about to be stored.
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) run: RunId,
    pub(crate) queue: String,
    pub(crate) job: NewJob,
    /// Whether its run stopped before it was even stored.
    pub(crate) stopped: bool,
}

impl JobRow {
    const fn status(&self) -> JobStatus {
        if self.stopped {
            JobStatus::Failed
        } else {
            JobStatus::Pending
        }
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
    stopped: Vec<bool>,
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
        self.stopped.push(row.stopped);
    }
}

/// Inserts the jobs, claimable from now on unless they stopped, and makes their lanes known.
pub(crate) async fn insert_jobs(
    connection: &mut PgConnection,
    project: ProjectId,
    now: Timestamp,
    jobs: &[JobRow],
) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    jobs.iter().for_each(|job| columns.push(job));
    sqlx::query!(
        "with new as materialized (
             select * from unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::text[],
                                  $8::text[], $9::text[], $10::jsonb[], $11::int[], $12::bigint[],
                                  $13::bool[], $14::bool[])
                 as new (id, run_id, branch, visit, step_name, action, queue, parameters,
                         max_attempts, timeout_ms, server, stopped)),
         lanes as (
             insert into job_lanes (project_id, queue, action)
             select distinct $1::uuid, queue, action from new
             where not server and not exists (
                 select from job_lanes l
                 where l.project_id = $1 and l.queue = new.queue and l.action = new.action)
             -- In order, so that two transactions with the same new lanes can't deadlock.
             order by queue, action
             on conflict do nothing)
         insert into jobs
             (project_id, id, run_id, branch, visit, step_name, action, queue, parameters, status,
              max_attempts, attempt_timeout_ms, server, scheduled_at, created_at, updated_at,
              cancel_requested, error_type, last_error, completed_at)
         select $1, id, run_id, branch, visit, step_name, action, queue, parameters,
                case when stopped then 'failed'::job_status else 'pending' end,
                max_attempts, timeout_ms, server, $2, $2, $2,
                stopped, case when stopped then 'cancelled' end,
                case when stopped then 'the run has ended' end,
                case when stopped then $2::timestamptz end
         from new",
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
        &columns.stopped,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the stream shows of a new job.
fn frame_of_new(row: &JobRow) -> Value {
    json!({
        "job_id": row.id,
        "step_name": row.job.step,
        "action": row.job.action,
        "branch_id": row.job.job.branch,
        "queue": row.queue,
        "status": row.status(),
        "attempt": 1,
    })
}

/// Adds the frame of a new job, or of one that stopped before it was stored.
pub(crate) fn push_new(frames: &mut Frames, row: &JobRow) {
    frames.push(row.run, EventType::JobUpdated, frame_of_new(row));
}
