//! Reads workflows and their versions.

use mobius_types::{
    Page, ProjectId, Timestamp, UserId, WorkflowDefinition, WorkflowId, WorkflowSpec,
    WorkflowVersion,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    Error,
    cursor::{self, List},
};

/// A workflow's row as queries return it, with the newest spec where it is asked for.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) published_as_tool: bool,
    pub(super) latest_version: i32,
    pub(super) created_by: Uuid,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) spec: Option<Json<WorkflowSpec>>,
}

impl From<Row> for WorkflowDefinition {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            handle: row.handle,
            description: row.description,
            latest_version: row.latest_version,
            published_as_tool: row.published_as_tool,
            spec: row.spec.map(|Json(spec)| spec),
            created_by: UserId::from(row.created_by).to_string(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A workflow with its newest spec.
///
/// # Errors
/// The database failed.
pub async fn get(
    connection: &mut PgConnection,
    project: ProjectId,
    id: WorkflowId,
) -> Result<Option<WorkflowDefinition>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select w.id, w.handle, w.name, w.description, w.published_as_tool, w.latest_version,
                  w.created_by, w.created_at, w.updated_at, s.body as "spec: Json<WorkflowSpec>"
           from workflows w
           join workflow_versions v
             on v.project_id = w.project_id and v.workflow_id = w.id and v.version = w.latest_version
           join specs s on s.project_id = v.project_id and s.hash = v.spec_hash
           where w.project_id = $1 and w.id = $2"#,
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Whether there is such a workflow.
///
/// # Errors
/// The database failed.
pub async fn exists(
    connection: &mut PgConnection,
    project: ProjectId,
    id: WorkflowId,
) -> Result<bool, Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from workflows where project_id = $1 and id = $2) as "exists!""#,
        project.as_uuid(),
        id.as_uuid(),
    )
    .fetch_one(connection)
    .await?;
    Ok(exists)
}

/// A page of workflows, newest first, without their specs.
///
/// # Errors
/// A foreign cursor, or the database failed.
pub async fn list(
    connection: &mut PgConnection,
    project: ProjectId,
    after: Option<&str>,
    limit: i64,
) -> Result<Page<WorkflowDefinition>, Error> {
    let after = cursor::decode(List::Workflows, after)?;
    let rows = sqlx::query_as!(
        Row,
        r#"select id, handle, name, description, published_as_tool, latest_version,
                  created_by, created_at, updated_at, null as "spec: Json<WorkflowSpec>"
           from workflows
           where project_id = $1 and ($2::uuid is null or id < $2)
           order by id desc
           limit $3::bigint + 1"#,
        project.as_uuid(),
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(cursor::page(List::Workflows, rows, limit, |row| row.id).map(Into::into))
}

/// All versions of a workflow, newest first; `None` when there is no such workflow.
///
/// # Errors
/// The database failed.
pub async fn versions(
    connection: &mut PgConnection,
    project: ProjectId,
    id: WorkflowId,
    with_spec: bool,
) -> Result<Option<Vec<WorkflowVersion>>, Error> {
    let rows = sqlx::query!(
        r#"select v.id, v.version, v.created_by, v.created_at, s.body as "spec?: Json<WorkflowSpec>"
           from workflow_versions v
           left join specs s on $3 and s.project_id = v.project_id and s.hash = v.spec_hash
           where v.project_id = $1 and v.workflow_id = $2
           order by v.version desc"#,
        project.as_uuid(),
        id.as_uuid(),
        with_spec,
    )
    .fetch_all(connection)
    .await?;
    let versions: Vec<_> = rows
        .into_iter()
        .map(|row| WorkflowVersion {
            id: row.id.into(),
            version: row.version,
            spec: row.spec.map(|Json(spec)| spec),
            created_by: UserId::from(row.created_by).to_string(),
            created_at: row.created_at,
        })
        .collect();
    // A workflow has at least one version.
    Ok((!versions.is_empty()).then_some(versions))
}
