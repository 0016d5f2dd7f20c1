//! Gives a claim back that its worker never heard of.

use mobius_types::ProjectId;
use sqlx::PgConnection;

use super::Fence;
use crate::Error;

/// Puts a job back as if it had not been claimed; returns whether it is claimable again.
///
/// The attempt is not spent: nobody was told of it, so its number can be given out again. Of a job
/// that was told to stop meanwhile only the lease ends: its end has to move its run.
///
/// # Errors
/// The database failed; then the lease's end brings the job back.
pub async fn release(
    connection: &mut PgConnection,
    project: ProjectId,
    fence: &Fence,
) -> Result<bool, Error> {
    let done = sqlx::query_file!(
        "src/jobs/release.sql",
        project.as_uuid(),
        fence.job.as_uuid(),
        fence.worker,
        fence.attempt,
        fence.actor.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
