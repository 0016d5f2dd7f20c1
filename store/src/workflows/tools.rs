//! Reads published workflows as tools.

use mobius_types::{ProjectId, WorkflowId, WorkflowInput};
use sqlx::{PgConnection, types::Json};

use crate::Error;

/// A published workflow, as far as a caller of it has to know.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The workflow's handle.
    pub handle: String,
    /// What it does, as the workflow or else its newest spec says.
    pub description: String,
    /// The inputs that its newest version declares.
    pub inputs: Vec<WorkflowInput>,
}

/// The project's tools, by handle; at most 1,000.
///
/// # Errors
/// The database failed.
pub async fn list_tools(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Vec<Tool>, Error> {
    let rows = sqlx::query!(
        r#"select w.handle,
                  coalesce(nullif(w.description, ''), s.body ->> 'description', '') as "description!",
                  -- Only this part of the spec, which may be large, is sent.
                  coalesce(s.body -> 'inputs', '[]') as "inputs!: Json<Vec<WorkflowInput>>"
           from workflows w
           join workflow_versions v
             on v.project_id = w.project_id and v.workflow_id = w.id and v.version = w.latest_version
           join specs s on s.project_id = v.project_id and s.hash = v.spec_hash
           where w.project_id = $1 and w.published_as_tool
           order by w.handle
           limit 1000"#,
        project.as_uuid(),
    )
    .fetch_all(connection)
    .await?;
    let tools = rows.into_iter().map(|row| Tool {
        handle: row.handle,
        description: row.description,
        inputs: row.inputs.0,
    });
    Ok(tools.collect())
}

/// The workflow of this handle, published or not: the runs of a tool can be read also when it is
/// not published any more.
///
/// # Errors
/// The database failed.
pub async fn find_by_handle(
    connection: &mut PgConnection,
    project: ProjectId,
    handle: &str,
) -> Result<Option<WorkflowId>, Error> {
    let id = sqlx::query_scalar!(
        "select id from workflows where project_id = $1 and handle = $2",
        project.as_uuid(),
        handle,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(Into::into))
}

/// The published workflow of this handle.
///
/// # Errors
/// The database failed.
pub async fn find_tool(
    connection: &mut PgConnection,
    project: ProjectId,
    handle: &str,
) -> Result<Option<WorkflowId>, Error> {
    let id = sqlx::query_scalar!(
        "select id from workflows where project_id = $1 and handle = $2 and published_as_tool",
        project.as_uuid(),
        handle,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(Into::into))
}
