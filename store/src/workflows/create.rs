//! Creates workflows.

use std::sync::Arc;

use mobius_types::{ProjectId, UserId, WorkflowDefinition, WorkflowId, WorkflowVersionId};
use sqlx::PgConnection;

use super::{name_conflict, read::Row};
use crate::{Error, Prepared};

/// What a new workflow looks like.
#[derive(Debug)]
pub struct NewWorkflow {
    /// A name for people.
    pub name: String,
    /// A slug, unique in the project.
    pub handle: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether agents may call it as a tool.
    pub published_as_tool: bool,
    /// The spec of version 1, saved already.
    pub spec: Arc<Prepared>,
}

/// Creates a workflow with its version 1.
///
/// # Errors
/// [`Error::Conflict`] when the name or the handle is taken, or the database failed.
pub async fn create(
    connection: &mut PgConnection,
    project: ProjectId,
    creator: UserId,
    new: NewWorkflow,
) -> Result<WorkflowDefinition, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"with clock as materialized (select mobius_now() as now),
           workflow as (
               insert into workflows
                   (project_id, id, handle, name, description, published_as_tool, latest_version,
                    created_by, created_at, updated_at)
               select $1, $2, $3, $4, $5, $6, 1, $7, now, now from clock
               returning *),
           version as (
               insert into workflow_versions
                   (project_id, id, workflow_id, version, spec_hash, created_by, created_at)
               select project_id, $8, id, 1, $9, created_by, created_at from workflow)
           select id, handle, name, description, published_as_tool, latest_version,
                  created_by, created_at, updated_at, null as "spec: _"
           from workflow"#,
        project.as_uuid(),
        WorkflowId::generate().as_uuid(),
        new.handle,
        new.name,
        new.description,
        new.published_as_tool,
        creator.as_uuid(),
        WorkflowVersionId::generate().as_uuid(),
        &new.spec.hash,
    )
    .fetch_one(connection)
    .await
    .map_err(|error| name_conflict(error.into()))?;
    let spec = new.spec.definition.spec().clone();
    Ok(WorkflowDefinition {
        spec: Some(spec),
        ..row.into()
    })
}
