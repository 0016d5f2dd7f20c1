//! Looks whether a fence holds, for calls that are refused before they reach the job. It locks
//! nothing, so what writes must look for itself.

use mobius_types::ProjectId;
use sqlx::PgConnection;

use super::Fence;
use crate::Error;

/// Whether the worker still holds its attempt.
///
/// # Errors
/// It does not (`LeaseLost`), there is no such job, or the database failed.
pub async fn check_fence(
    connection: &mut PgConnection,
    project: ProjectId,
    fence: &Fence,
) -> Result<(), Error> {
    let held = sqlx::query_scalar!(
        r#"select (status::text = 'claimed' and claimed_by = $3 and attempt = $4
                   and claimed_actor = $5) is true as "held!"
           from jobs where project_id = $1 and id = $2"#,
        project.as_uuid(),
        fence.job.as_uuid(),
        fence.worker,
        fence.attempt,
        fence.actor.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    match held {
        Some(true) => Ok(()),
        Some(false) => Err(Error::LeaseLost),
        None => Err(Error::NotFound("job")),
    }
}
