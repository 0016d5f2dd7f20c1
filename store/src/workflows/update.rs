//! Changes workflows; a new spec makes a new version.

use std::sync::Arc;

use mobius_types::{ProjectId, UserId, WorkflowDefinition, WorkflowId, WorkflowVersionId};
use sqlx::PgConnection;

use super::{name_conflict, read};
use crate::{Error, Prepared};

/// What to change of a workflow; an absent field stays as it is.
#[derive(Debug)]
pub struct WorkflowChange {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// Whether agents may call it as a tool.
    pub published_as_tool: Option<bool>,
    /// The spec of the next version, saved already.
    pub spec: Option<Arc<Prepared>>,
}

/// Changes a workflow, and returns it as it is now; `None` when there is no such workflow.
///
/// The update locks the workflow's row, so two new specs at once become two versions.
///
/// # Errors
/// [`Error::Conflict`] when the name is taken, or the database failed.
pub async fn update(
    connection: &mut PgConnection,
    project: ProjectId,
    id: WorkflowId,
    editor: UserId,
    change: WorkflowChange,
) -> Result<Option<WorkflowDefinition>, Error> {
    sqlx::query!(
        "with workflow as (
             update workflows
             set name = coalesce($3, name),
                 description = coalesce($4, description),
                 published_as_tool = coalesce($5, published_as_tool),
                 latest_version = latest_version + case when $6::bytea is null then 0 else 1 end,
                 updated_at = mobius_now()
             where project_id = $1 and id = $2
             returning *)
         insert into workflow_versions
             (project_id, id, workflow_id, version, spec_hash, created_by, created_at)
         select project_id, $7, id, latest_version, $6, $8, updated_at
         from workflow
         where $6::bytea is not null",
        project.as_uuid(),
        id.as_uuid(),
        change.name,
        change.description,
        change.published_as_tool,
        change.spec.as_ref().map(|spec| spec.hash.as_slice()),
        WorkflowVersionId::generate().as_uuid(),
        editor.as_uuid(),
    )
    .execute(&mut *connection)
    .await
    .map_err(|error| name_conflict(error.into()))?;
    read::get(connection, project, id).await
}
