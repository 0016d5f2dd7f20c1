//! Reads jobs.

use mobius_types::{Job, JobStatus, JsonObject, ProjectId, RunId};
use sqlx::{PgConnection, types::Json};

use crate::Error;

/// The newest jobs of a run, oldest of them first; `None` when there is no such run.
///
/// # Errors
/// The database failed.
pub async fn of_run(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    limit: i64,
) -> Result<Option<Vec<Job>>, Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from runs where project_id = $1 and id = $2) as "exists!""#,
        project.as_uuid(),
        run.as_uuid(),
    )
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        return Ok(None);
    }
    list_of_run(connection, project, run, limit).await.map(Some)
}

/// The newest jobs of a run that exists, oldest of them first.
pub(crate) async fn list_of_run(
    connection: &mut PgConnection,
    project: ProjectId,
    run: RunId,
    limit: i64,
) -> Result<Vec<Job>, Error> {
    let rows = sqlx::query!(
        r#"select id, run_id, parent_job_id, branch, step_name, action, queue,
                  parameters as "parameters: Json<JsonObject>", status as "status: JobStatus",
                  claimed_by, claimed_at, heartbeat_at, greatest(attempt, 1) as "attempt!",
                  max_attempts, scheduled_at, last_error, created_at, updated_at
           from jobs
           where project_id = $1 and run_id = $2
           order by id desc
           limit $3"#,
        project.as_uuid(),
        run.as_uuid(),
        limit,
    )
    .fetch_all(connection)
    .await?;
    let newest_first = rows.into_iter().map(|row| Job {
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
        last_error: row.last_error,
        created_at: row.created_at,
        updated_at: row.updated_at,
    });
    Ok(newest_first.rev().collect())
}
