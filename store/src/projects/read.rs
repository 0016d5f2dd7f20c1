//! Reads projects. A deleted one is not there.

use mobius_types::{OrgId, Project, ProjectId, Timestamp, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// A project's row as queries return it.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) handle: String,
    pub(super) description: Option<String>,
    pub(super) created_by: Uuid,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl From<Row> for Project {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            handle: row.handle,
            description: row.description,
            created_by: Some(UserId::from(row.created_by).to_string()),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The project that a path names by its handle or its id.
///
/// # Errors
/// The database failed.
pub async fn resolve(
    connection: &mut PgConnection,
    org: OrgId,
    name: &str,
) -> Result<Option<ProjectId>, Error> {
    // No handle looks like an id: handles have no underscore.
    let id = name.parse::<ProjectId>().ok().map(ProjectId::as_uuid);
    let found = sqlx::query_scalar!(
        "select id from projects
         where org_id = $1 and deleted_at is null and (id = $2 or ($2 is null and handle = $3))",
        org.as_uuid(),
        id,
        name,
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.map(Into::into))
}

/// A project.
///
/// # Errors
/// The database failed.
pub async fn get(
    connection: &mut PgConnection,
    org: OrgId,
    id: ProjectId,
) -> Result<Option<Project>, Error> {
    let row = sqlx::query_as!(
        Row,
        "select id, name, handle, description, created_by, created_at, updated_at from projects
         where org_id = $1 and id = $2 and deleted_at is null",
        org.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// The newest 100 projects whose name or handle starts with `search`; only the pinned one for a
/// key that is pinned.
///
/// # Errors
/// The database failed.
pub async fn list(
    connection: &mut PgConnection,
    org: OrgId,
    pinned: Option<ProjectId>,
    search: &str,
) -> Result<Vec<Project>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "select id, name, handle, description, created_by, created_at, updated_at from projects
         where org_id = $1 and deleted_at is null and ($2::uuid is null or id = $2)
           and (starts_with(lower(name), lower($3)) or starts_with(handle, lower($3)))
         order by id desc
         limit 100",
        org.as_uuid(),
        pinned.map(ProjectId::as_uuid),
        search,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
