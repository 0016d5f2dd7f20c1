//! Deletes workflows. Their runs keep the spec that they run.

use mobius_types::{ProjectId, WorkflowId};
use sqlx::PgConnection;

use crate::Error;

/// Deletes a workflow with all its versions; returns whether it was there.
///
/// # Errors
/// The database failed.
pub async fn delete(
    connection: &mut PgConnection,
    project: ProjectId,
    id: WorkflowId,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from workflows where project_id = $1 and id = $2",
        project.as_uuid(),
        id.as_uuid(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
