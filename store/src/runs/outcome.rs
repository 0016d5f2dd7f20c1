//! Reads what came of a run, without its spec, inputs and jobs.

use mobius_types::{JsonObject, ProjectId, RunId, WorkflowId, WorkflowRunStatus};
use sqlx::{PgConnection, types::Json};

use crate::Error;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The workflow it was started from.
    pub definition: Option<WorkflowId>,
    /// Where it stands.
    pub status: WorkflowRunStatus,
    /// What it gives back, once completed.
    pub result: Option<JsonObject>,
    /// Why it failed.
    pub error_message: Option<String>,
}

/// What came of a run.
///
/// # Errors
/// The database failed.
pub async fn outcome(
    connection: &mut PgConnection,
    project: ProjectId,
    id: RunId,
) -> Result<Option<Outcome>, Error> {
    let row = sqlx::query!(
        r#"select definition_id, status as "status: WorkflowRunStatus",
                  result as "result: Json<JsonObject>", error_message
           from runs
           where project_id = $1 and id = $2"#,
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Outcome {
        definition: row.definition_id.map(Into::into),
        status: row.status,
        result: row.result.map(|Json(result)| result),
        error_message: row.error_message,
    }))
}
