//! Reads the jobs of a run.
//!
//! A run may have very many jobs, and each may have large parameters: what is read at once is
//! bounded in both.

use mobius_types::{Job, JobStatus, JsonObject, Page, ProjectId, RunId};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    Error,
    cursor::{self, List},
    limits,
};

/// A page ends after the job with which its parameters, as they are stored, become larger than
/// this.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// A page of a run's jobs, oldest first; `None` when there is no such run.
///
/// # Errors
/// A foreign cursor, or the database failed.
pub async fn of_run(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    after: Option<&str>,
    limit: i64,
) -> Result<Option<Page<Job>>, Error> {
    let after = match cursor::decode_key(List::RunJobs, after)? {
        Some(key) => Some(job_behind(run, &key)?),
        None => None,
    };
    if !run_exists(connection, project, run).await? {
        return Ok(None);
    }
    let rows = sqlx::query_file!(
        "src/jobs/page_of_run.sql",
        project.as_uuid(),
        run.as_uuid(),
        after.unwrap_or(Uuid::nil()),
        limit,
        PAGE_BYTES,
    )
    .fetch_all(&mut *connection)
    .await?;
    let found = rows.first().map_or(0, |row| row.found);
    let has_more = usize::try_from(found).is_ok_and(|found| found > rows.len());
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    let jobs = load(connection, project, &ids).await?;
    let key = |job: &Job| [*run.as_uuid().as_bytes(), *job.id.as_uuid().as_bytes()].concat();
    Ok(Some(cursor::page_with(List::RunJobs, jobs, has_more, key)))
}

/// The job that a cursor's key names, if it is one of this run's list.
fn job_behind(run: RunId, key: &[u8]) -> Result<Uuid, Error> {
    let job = key.strip_prefix(run.as_uuid().as_bytes());
    let job = job.and_then(|job| Uuid::from_slice(job).ok());
    job.ok_or(Error::InvalidCursor)
}

/// The newest jobs of a run that exists, oldest of them first.
pub(crate) async fn newest_of_run(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    limit: i64,
) -> Result<Vec<Job>, Error> {
    let rows = sqlx::query_file!(
        "src/jobs/newest_of_run.sql",
        project.as_uuid(),
        run.as_uuid(),
        limit,
        PAGE_BYTES,
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = rows.into_iter().map(|row| row.id).collect();
    load(connection, project, &ids).await
}

/// Whether the project has the run.
pub(super) async fn run_exists(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
) -> Result<bool, Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from runs where project_id = $1 and id = $2) as "exists!""#,
        project.as_uuid(),
        run.as_uuid(),
    )
    .fetch_one(connection)
    .await?;
    Ok(exists)
}

/// The jobs with these ids, oldest first.
async fn load(
    connection: &mut PgConnection,
    project: ProjectId,
    ids: &[Uuid],
) -> Result<Vec<Job>, Error> {
    let rows = sqlx::query!(
        r#"select j.id, run_id, parent_job_id, branch, step_name, action, queue,
                  parameters as "parameters: Json<JsonObject>", status as "status: JobStatus",
                  claimed_by, claimed_at, heartbeat_at, greatest(attempt, 1) as "attempt!",
                  max_attempts, scheduled_at, last_error, created_at, j.updated_at, priority,
                  case l.kind when 'key' then l.key end as concurrency_key,
                  l.max_concurrency as "max_concurrency?", l.rate_limit as "rate_limit?",
                  l.rate_per_seconds as "rate_per_seconds?"
           from jobs j
           left join job_limits l on l.project_id = j.project_id and l.id = j.limit_id
           where j.project_id = $1 and j.id = any($2)
           order by j.id"#,
        project.as_uuid(),
        ids,
    )
    .fetch_all(connection)
    .await?;
    let jobs = rows.into_iter().map(|row| Job {
        id: row.id.into(),
        run_id: row.run_id.into(),
        parent_job_id: row.parent_job_id.map(Into::into),
        path_id: Some(row.branch),
        step_name: row.step_name,
        action: row.action,
        queue: row.queue,
        parameters: Some(row.parameters.0),
        status: row.status,
        claimed_by: row.claimed_by,
        agent_id: None,
        agent_session_id: None,
        claimed_at: row.claimed_at,
        heartbeat_at: row.heartbeat_at,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
        scheduled_at: row.scheduled_at,
        priority: i32::from(row.priority),
        concurrency_key: row.concurrency_key,
        max_concurrency: row.max_concurrency,
        rate_limit: limits::rate(row.rate_limit, row.rate_per_seconds),
        last_error: row.last_error,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(jobs.collect())
}
